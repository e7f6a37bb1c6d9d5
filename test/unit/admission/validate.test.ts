import { describe, expect, it } from 'vitest';
import type { PlatformImage } from '../../../src/domain/evidence.ts';
import { bad, good, type Outcome } from '../../../src/domain/fault.ts';
import { digestOf } from '../parts.ts';
import { finding, hub, nginx, pinnedNginx, pod, request, setUp } from './line.ts';

const denying =
  (...findings: ReturnType<typeof finding>[]) =>
  async () => ({ revision: 'r1', recorded: '{}', findings: good(findings) });
const deployment = (image: string) => ({
  metadata: { name: 'shop' },
  spec: { template: { metadata: { labels: { app: 'shop' } }, spec: { containers: [{ name: 'web', image }] } } },
});

describe('/validate', () => {
  it('denies what a policy denies, with 403, container, image, policy, reason, remedy and record', async () => {
    const world = setUp();
    world.judge = denying(finding());
    const answer = await world.validate(request(pod([pinnedNginx])));
    expect(answer).toMatchObject({ uid: 'u-1', allowed: false, status: { code: 403 } });
    for (const part of ['web', pinnedNginx, '[signed]', 'not signed', 'Sign it.', '01J0000000000000000000000A']) expect(answer.status?.message).toContain(part);
  });

  it('asks for evidence for those platforms only on which the Pod can run', async () => {
    const world = setUp();
    const bound = { metadata: { name: 'web' }, spec: { containers: [{ name: 'web', image: pinnedNginx }], nodeSelector: { 'kubernetes.io/arch': 'arm64' } } };
    await world.validate(request(bound));
    await world.validate(request(pod([pinnedNginx])));
    expect(world.platforms).toEqual([['linux/arm64'], ['linux/amd64', 'linux/arm64']]);
  });

  it('names every violation', async () => {
    const world = setUp();
    world.judge = denying(finding(), finding({ policy: 'scanned', msg: 'never scanned' }));
    const { status } = await world.validate(request(pod([pinnedNginx])));
    expect(status?.message).toContain('2 violations');
    expect(status?.message).toContain('[scanned]');
  });

  it('denies an image without a digest, whatever the policies say', async () => {
    expect((await setUp().validate(request(pod(['nginx:1.27'])))).status?.message).toContain('no digest');
  });

  it('denies what is no image reference, naming it', async () => {
    expect((await setUp().validate(request(pod(['nginx:a b'])))).status?.message).toContain('REFERENCE_INVALID');
  });

  it('denies a Pod creation that has no image to judge', async () => {
    expect(await setUp().validate(request({ metadata: {}, spec: {} }))).toMatchObject({ allowed: false });
  });

  it('denies a Pod request without a Pod', async () => {
    expect((await setUp().validate(request(null))).status?.message).toContain('REVIEW_INVALID');
  });

  it('denies a Pod with more images than anybody needs', async () => {
    const world = setUp();
    expect((await world.validate(request(pod(Array.from({ length: 65 }, () => pinnedNginx))))).status?.message).toContain('LIMIT_EXCEEDED');
    expect(world.records).toHaveLength(1);
  });

  it.each(['labels', 'annotations'])('denies a Pod with more %s than anybody needs: policies hash their keys', async (what) => {
    const many = Object.fromEntries(Array.from({ length: 257 }, (_, i) => [`k${i}`, '']));
    const world = setUp();
    const answer = await world.validate(request({ ...pod([pinnedNginx]), metadata: { name: 'web', [what]: many } }));
    expect(answer.status?.message).toContain('LIMIT_EXCEEDED');
    expect(world.questions).toHaveLength(0);
  });

  it.each([
    ['the image', { reference: { registry: 'docker.io', repository: 'library/nginx', tag: null, digest: digestOf('revoked') } }],
    ['a platform of it', { platforms: [{ digest: digestOf('revoked'), imageId: nginx }] }],
    ['a configuration of it', { platforms: [{ digest: nginx, imageId: digestOf('revoked') }] }],
  ])(
    'denies a revoked digest, be it %s',
    async (_what, known: { readonly reference?: { readonly digest: string }; readonly platforms?: readonly Pick<PlatformImage, 'digest' | 'imageId'>[] }) => {
      const { reference, platforms } = known;
      const world = setUp();
      world.evidence = {
        ...world.evidence,
        platforms: (platforms ?? []).map((ids) => ({ platform: 'linux/amd64', created: null, user: null, labels: {}, annotations: {}, rootfs: null, ...ids })),
      };
      const image = reference === undefined ? pinnedNginx : `docker.io/library/nginx@${reference.digest}`;
      expect((await world.validate(request(pod([image])))).status?.message).toContain('is revoked');
    },
  );

  it('denies when a stage is dark, naming the cause', async () => {
    const world = setUp();
    world.evidence = {
      ...world.evidence,
      dark: ['signatures'],
      faults: [{ stage: 'signatures', source: 'release', code: 'REGISTRY_UNAVAILABLE', message: 'no connection', transient: true }],
    };
    expect((await world.validate(request(pod([pinnedNginx])))).status?.message).toContain('REGISTRY_UNAVAILABLE: no connection');
  });

  it('only warns of a dark stage whose code the configuration forgives', async () => {
    const world = setUp();
    world.evidence = {
      ...world.evidence,
      dark: ['signatures'],
      faults: [{ stage: 'signatures', source: 'release', code: 'REGISTRY_RATE_LIMITED', message: 'slow down', transient: true }],
    };
    const answer = await world.validate(request(pod([pinnedNginx])));
    expect(answer.allowed).toBe(true);
    expect(answer.warnings.join()).toContain('REGISTRY_RATE_LIMITED');
  });

  it.each(['POLICY_BROKEN', 'POLICY_TIMEOUT', 'INTERNAL'] as const)('denies when the policies answer %s', async (code) => {
    const world = setUp();
    world.judge = async () => ({ revision: null, recorded: '{}', findings: bad(code, 'no judgement') });
    expect((await world.validate(request(pod([pinnedNginx])))).status?.message).toContain(code);
  });

  it('denies, with a record, when something throws that never should', async () => {
    const world = setUp();
    world.judge = async () => {
      throw new Error('password=hunter2');
    };
    const answer = await world.validate(request(pod([pinnedNginx])));
    expect(answer).toMatchObject({ allowed: false });
    expect(answer.status?.message).toContain('INTERNAL');
    expect(answer.status?.message).not.toContain('hunter2');
    expect(world.unexpected).toHaveLength(1);
    expect(world.records).toHaveLength(1);
  });

  it('says a denial only when its record is on disk', async () => {
    const world = setUp();
    let written: (outcome: Outcome<void>) => void = () => {};
    world.durable = new Promise((resolve) => {
      written = resolve;
    });
    world.judge = denying(finding());
    let answered = false;
    const answer = world.validate(request(pod([pinnedNginx]))).then((value) => {
      answered = true;
      return value;
    });
    await expect.poll(() => world.records.length).toBe(1);
    expect(answered).toBe(false);
    written(good(undefined));
    expect((await answer).allowed).toBe(false);
  });

  it('refuses what it would admit when a demanded record can not be kept', async () => {
    const world = setUp({ recordRequired: true });
    world.durable = Promise.resolve(bad('AUDIT_UNAVAILABLE', 'the disk is full'));
    expect((await world.validate(request(pod([pinnedNginx])))).status?.message).toContain('AUDIT_UNAVAILABLE');
  });

  it('admits what it would admit when a record that is not demanded can not be kept', async () => {
    const world = setUp();
    world.durable = Promise.resolve(bad('AUDIT_UNAVAILABLE', 'the disk is full'));
    expect((await world.validate(request(pod([pinnedNginx])))).allowed).toBe(true);
  });

  it('admits what no policy minds, and tells the API server where the record is', async () => {
    const world = setUp();
    const answer = await world.validate(request(pod([pinnedNginx])));
    expect(answer).toMatchObject({ allowed: true, status: null, patch: null });
    expect(answer.auditAnnotations).toMatchObject({
      decision: 'allow',
      record: '01J0000000000000000000000A',
      hash: 'f'.repeat(64),
      images: `web=docker.io/library/nginx@${nginx}`,
    });
  });

  it('passes warnings on', async () => {
    const world = setUp();
    world.judge = denying(finding({ effect: 'warn', msg: 'old scan' }));
    expect((await world.validate(request(pod([pinnedNginx])))).warnings.join()).toContain('old scan');
  });

  it('judges a mirror reference as its source', async () => {
    const world = setUp({ mirrors: [hub] });
    await world.validate(request(pod([`harbor.corp/hub/library/nginx:1.27@${nginx}`])));
    expect(world.questions[0]?.images[0]).toMatchObject({ reference: { registry: 'docker.io', repository: 'library/nginx' }, mirror: 'harbor.corp/hub' });
  });

  it('takes namespace and user from the request, never from the object', async () => {
    const world = setUp();
    await world.validate(request({ ...pod([pinnedNginx]), metadata: { name: 'web', namespace: 'kube-system' } }));
    expect(world.questions[0]?.review).toMatchObject({ namespace: 'shop', user: { username: 'alice' } });
  });

  it('escapes what would forge lines or read otherwise than it is', async () => {
    const world = setUp();
    world.judge = denying(finding({ msg: 'bad\u001b[31m\n- [signed] fine\u202e' }));
    const message = (await world.validate(request(pod([pinnedNginx])))).status?.message ?? '';
    expect(['\u001b', '\u202e'].some((hidden) => message.includes(hidden))).toBe(false);
    expect(message.split('\n')).toHaveLength(3);
  });
});

describe('which images /validate judges', () => {
  it.each([
    ['init containers', { initContainers: [{ name: 'init', image: 'evil:1' }] }],
    ['ephemeral containers', { ephemeralContainers: [{ name: 'debug', image: 'evil:1' }] }],
    ['image volumes', { volumes: [{ name: 'data', image: { reference: 'evil:1' } }] }],
  ])('%s too', async (_what, more) => {
    const world = setUp();
    await world.validate(request(pod([pinnedNginx], more)));
    expect(world.questions[0]?.images).toHaveLength(2);
  });

  it('only those that an update changed', async () => {
    const world = setUp();
    const before = pod([pinnedNginx, 'sidecar:1']);
    await world.validate(request(pod([pinnedNginx, 'sidecar:2']), { operation: 'UPDATE', oldObject: before }));
    expect(world.questions[0]?.images.map((image) => image.container.container)).toEqual(['c1']);
  });

  it('none of an update that changes no image: it is admitted without a look', async () => {
    const world = setUp();
    world.judge = denying(finding());
    expect((await world.validate(request(pod(['old:1']), { operation: 'UPDATE', oldObject: pod(['old:1']) }))).allowed).toBe(true);
    expect(world.questions).toHaveLength(0);
  });

  it('a container that took the image of another one: that is a change', async () => {
    const world = setUp();
    await world.validate(request(pod(['a:1', 'a:1']), { operation: 'UPDATE', oldObject: pod(['a:1', 'b:1']) }));
    expect(world.questions[0]?.images.map((image) => image.container.container)).toEqual(['c1']);
  });

  it('none of a deletion', async () => {
    const world = setUp();
    expect((await world.validate(request(null, { operation: 'DELETE' }))).allowed).toBe(true);
  });

  it.each(['v1/Binding', 'apps/v1/Scale', '__proto__', 'constructor'])('none of %s, which runs no Pods', async (kind) => {
    expect((await setUp().validate(request({}, { kind }))).allowed).toBe(true);
  });
});

describe('workloads', () => {
  it('get as warnings what their Pods would get as denials', async () => {
    const world = setUp();
    world.judge = denying(finding());
    const answer = await world.validate(request(deployment('nginx:1.27'), { kind: 'apps/v1/Deployment' }));
    expect(answer.allowed).toBe(true);
    expect(answer.warnings.join()).toContain('would be denied');
  });

  it('are judged with the references that /mutate would give their Pods', async () => {
    const world = setUp({ mirrors: [hub] });
    await world.validate(request(deployment('nginx:1.27'), { kind: 'apps/v1/Deployment' }));
    expect(world.questions[0]).toMatchObject({
      review: { kind: 'Pod', owner: { kind: 'Deployment', name: 'web' }, labels: { app: 'shop' } },
      images: [{ admitted: `harbor.corp/hub/library/nginx:1.27@${nginx}` }],
    });
  });

  it('are denied where the configuration says so', async () => {
    const world = setUp({ mode: { workloads: 'deny' } });
    world.judge = denying(finding());
    expect((await world.validate(request(deployment('nginx:1.27'), { kind: 'apps/v1/Deployment' }))).allowed).toBe(false);
  });

  it('that a controller owns are left to its Pods', async () => {
    const world = setUp({ mode: { workloads: 'deny' } });
    const owned = { ...deployment('nginx:1.27'), metadata: { name: 'rs', ownerReferences: [{ kind: 'Deployment', name: 'd', controller: true }] } };
    await world.validate(request(owned, { kind: 'apps/v1/ReplicaSet' }));
    expect(world.questions).toHaveLength(0);
  });

  it('are not looked at where the configuration turns that off', async () => {
    const world = setUp({ mode: { workloads: 'off' } });
    await world.validate(request(deployment('nginx:1.27'), { kind: 'apps/v1/Deployment' }));
    expect(world.questions).toHaveLength(0);
  });
});

describe('modes', () => {
  const warnInDev = {
    namespaces: [
      { match: ['dev-*'], mode: 'warn' as const },
      { match: ['dev-secret'], mode: 'enforce' as const },
    ],
  };

  it('turn denials into warnings in a namespace that is only warned', async () => {
    const world = setUp({ mode: warnInDev });
    world.judge = denying(finding());
    const answer = await world.validate(request(pod([pinnedNginx]), { namespace: 'dev-a' }));
    expect(answer.allowed).toBe(true);
    expect(answer.warnings.join()).toContain('would be denied');
    expect(world.records[0]).toMatchObject({ decision: 'deny', answered: 'allow', mode: 'warn' });
  });

  it('follow the first rule that matches', async () => {
    const world = setUp({ mode: warnInDev });
    world.judge = denying(finding());
    expect((await world.validate(request(pod([pinnedNginx]), { namespace: 'dev-secret' }))).allowed).toBe(true);
  });

  it('say nothing in observe, and still record', async () => {
    const world = setUp({ mode: { default: 'observe' } });
    world.judge = denying(finding());
    expect(await world.validate(request(pod([pinnedNginx])))).toMatchObject({ allowed: true, warnings: [] });
    expect(world.records).toHaveLength(1);
  });

  it.each(['warn', 'observe'] as const)('never block in %s, whatever fails', async (mode) => {
    const world = setUp({ mode: { default: mode }, recordRequired: true });
    world.durable = Promise.resolve(bad('AUDIT_UNAVAILABLE', 'the disk is full'));
    world.judge = async () => {
      throw new Error('defect');
    };
    expect((await world.validate(request(pod(['nginx:a b'])))).allowed).toBe(true);
  });
});

describe('records', () => {
  it('are not made of dry runs, which are judged all the same', async () => {
    const world = setUp();
    world.judge = denying(finding());
    const answer = await world.validate(request(pod([pinnedNginx]), { dryRun: true }));
    expect(answer.allowed).toBe(false);
    expect(world.records).toHaveLength(0);
  });

  it('hold the request, the images, the findings and what decided', async () => {
    const world = setUp();
    world.judge = denying(finding());
    await world.validate(request(pod([pinnedNginx])));
    expect(world.records[0]).toMatchObject({
      request: { uid: 'u-1' },
      images: [{ admitted: pinnedNginx }],
      findings: [{ policy: 'signed', decisive: true }],
      decision: 'deny',
      answered: 'deny',
      policyRevision: 'r1',
      configRevision: 'c1',
      input: '{}',
    });
  });
});

import { applyPatch, type Operation } from 'rfc6902';
import { describe, expect, it } from 'vitest';
import type { AdmissionAnswer } from '../../../src/domain/admission.ts';
import { hub, nginx, pod, request, setUp } from './line.ts';

const mirrored = `harbor.corp/hub/library/nginx:1.27@${nginx}`;

function patched<T>(object: T, answer: AdmissionAnswer): T {
  const copy = structuredClone(object);
  const operations: Operation[] = (answer.patch ?? []).map((operation) => ({ ...operation }));
  expect(applyPatch(copy, operations).every((error) => error === null)).toBe(true);
  return copy;
}

describe('/mutate', () => {
  it('rewrites to the mirror and pins', async () => {
    const object = pod(['nginx:1.27']);
    const answer = await setUp({ mirrors: [hub] }).mutate(request(object));
    expect(patched(object, answer).spec.containers[0]?.image).toBe(mirrored);
  });

  it('pins where no mirror rule is', async () => {
    const object = pod(['nginx:1.27']);
    const answer = await setUp().mutate(request(object));
    expect(patched(object, answer).spec.containers[0]?.image).toBe(`docker.io/library/nginx:1.27@${nginx}`);
  });

  it.each([
    ['absent', undefined, [{ name: 'harbor' }]],
    ['empty', [], [{ name: 'harbor' }]],
    ['of others', [{ name: 'mine' }], [{ name: 'mine' }, { name: 'harbor' }]],
    ['there already', [{ name: 'harbor' }], [{ name: 'harbor' }]],
  ])('adds the pull secret of the mirror where pull secrets are %s', async (_what, before, after) => {
    const object = pod(['nginx:1.27'], before === undefined ? {} : { imagePullSecrets: before });
    const answer = await setUp({ mirrors: [hub] }).mutate(request(object));
    expect(patched(object, answer).spec).toMatchObject({ imagePullSecrets: after });
  });

  it.each([
    ['absent', undefined],
    ['empty', {}],
    ['of others', { team: 'a/b~c' }],
  ])('shows what was written where annotations are %s', async (_what, annotations) => {
    const object = { ...pod(['nginx:1.27']), metadata: { name: 'web', ...(annotations === undefined ? {} : { annotations }) } };
    const answer = await setUp({ mirrors: [hub] }).mutate(request(object));
    expect(patched(object, answer).metadata).toMatchObject({ annotations: { ...annotations, 'tidewaiter.dev/written': '{"web":"nginx:1.27"}' } });
  });

  it('changes nothing when called again on what it wrote', async () => {
    const world = setUp({ mirrors: [hub] });
    const object = pod(['nginx:1.27']);
    const once = patched(object, await world.mutate(request(object)));
    expect((await world.mutate(request(once))).patch).toEqual([]);
  });

  it('remembers the first spelling when another webhook changes the image in between', async () => {
    const world = setUp({ mirrors: [hub] });
    const object = { ...pod(['nginx:1.27', 'nginx:1.27']), metadata: { name: 'web', annotations: { 'tidewaiter.dev/written': '{"web":"first:1"}' } } };
    object.spec.containers = [{ name: 'other', image: 'nginx:1.27' }];
    const after = patched(object, await world.mutate(request(object)));
    expect(JSON.parse(after.metadata.annotations['tidewaiter.dev/written'])).toEqual({ web: 'first:1', other: 'nginx:1.27' });
  });

  it('touches only the image of an ephemeral container', async () => {
    const before = { ...pod([mirrored]) };
    const object = { ...pod([mirrored], { ephemeralContainers: [{ name: 'debug', image: 'nginx:1.27' }] }) };
    const answer = await setUp({ mirrors: [hub] }).mutate(request(object, { operation: 'UPDATE', subResource: 'ephemeralcontainers', oldObject: before }));
    expect(answer.patch).toEqual([{ op: 'replace', path: '/spec/ephemeralContainers/0/image', value: mirrored }]);
  });

  it('adds no pull secret on an update: they can not be changed then', async () => {
    const answer = await setUp({ mirrors: [hub] }).mutate(request(pod(['nginx:1.27']), { operation: 'UPDATE', oldObject: pod(['old:1']) }));
    expect(answer.patch?.some(({ path }) => path.includes('imagePullSecrets'))).toBe(false);
  });

  it('rewrites an image volume', async () => {
    const object = pod([mirrored], {
      volumes: [
        { name: 'plain', emptyDir: {} },
        { name: 'model', image: { reference: 'nginx:1.27' } },
      ],
    });
    const answer = await setUp({ mirrors: [hub] }).mutate(request(object));
    expect(answer.patch?.[0]).toMatchObject({ op: 'replace', path: '/spec/volumes/1/image/reference', value: mirrored });
  });

  it('never denies: what can not be resolved is left for /validate', async () => {
    const world = setUp({ mirrors: [hub] });
    world.registry.down.add('docker.io');
    expect(await world.mutate(request(pod(['nginx:1.27', 'nginx:a b'])))).toMatchObject({ allowed: true, patch: [] });
  });

  it('leaves a Deployment alone: rewriting it would be drift', async () => {
    const object = { spec: { template: { spec: { containers: [{ name: 'web', image: 'nginx:1.27' }] } } } };
    expect((await setUp({ mirrors: [hub] }).mutate(request(object, { kind: 'apps/v1/Deployment' }))).patch).toBeNull();
  });

  it('patches nothing in observe', async () => {
    const world = setUp({ mirrors: [hub], mode: { default: 'observe' } });
    expect((await world.mutate(request(pod(['nginx:1.27'])))).patch).toBeNull();
  });

  it('starts gathering what /validate will ask for', async () => {
    const world = setUp();
    await world.mutate(request(pod(['nginx:1.27'])));
    expect(world.gathered).toEqual([nginx]);
  });
});

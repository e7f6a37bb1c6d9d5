import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import type { AdmissionRequest } from '../../../src/domain/admission.ts';
import type { WeighedFinding } from '../../../src/domain/decision.ts';
import { bad, good } from '../../../src/domain/fault.ts';
import { readWorkload } from '../../../src/domain/workload.ts';
import { exceptionOf } from '../domain/exceptions.ts';
import { answer, finding, judged, openTestDesk, type TestDesk } from './desk.ts';
import { readJunit } from './junit.ts';
import { sarifForm } from './sarif.ts';

let desk: TestDesk;
beforeEach(async () => {
  desk = await openTestDesk();
});
afterEach(() => desk.remove());

const pod = (name: string, image: string, more = ''): string =>
  `apiVersion: v1\nkind: Pod\nmetadata: { name: ${name}${more} }\nspec:\n  containers:\n    - name: web\n      image: ${image}\n`;
const deployment = (image: string): string =>
  `apiVersion: apps/v1\nkind: Deployment\nmetadata: { name: web }\nspec: { template: { spec: { containers: [{ name: web, image: ${image} }] } } }\n`;

describe('check', () => {
  it('says of a denied Pod which policy, container and reason, what to do, and where it stands; exit code 1', async () => {
    await desk.put('pod.yaml', pod('web', 'bad:1', ', namespace: shop'));
    const { code, out, err, closed } = await desk.run(['check', 'pod.yaml']);
    expect(out).toBe(
      [
        'DENIED    Pod shop/web  pod.yaml:1',
        '  container web  bad:1',
        `    -> harbor.corp/hub/bad:1@sha256:${'ab'.repeat(32)}`,
        '  deny  [signed, HIGH] web: no accepted signature',
        '        CVE-2026-1',
        '        What to do: Sign it.',
        '',
        '0 admitted, 1 denied',
        '',
      ].join('\n'),
    );
    expect({ code, err, closed }).toEqual({ code: 1, err: '', closed: 1 });
  });

  it('says of an admitted Pod what it would run as; exit code 0', async () => {
    await desk.put('pod.yaml', pod('web', 'good:1'));
    const { code, out } = await desk.run(['check', 'pod.yaml']);
    expect(out).toContain('ADMITTED  Pod default/web');
    expect(out).toContain('-> harbor.corp/hub/good:1@sha256:');
    expect(out).toContain('1 admitted, 0 denied');
    expect(code).toBe(0);
  });

  it('shows warnings without failing', async () => {
    await desk.put('pod.yaml', pod('web', 'old:1'));
    const { code, out } = await desk.run(['check', 'pod.yaml']);
    expect(out).toMatch(/^WARN {6}Pod default\/web/);
    expect(out).toContain('warn  [fresh] web: is old');
    expect(code).toBe(0);
  });

  it('fails for a Deployment that the cluster lets in with warnings: its Pods would be denied', async () => {
    await desk.put('d.yaml', deployment('bad:1'));
    const { code, out } = await desk.run(['check', 'd.yaml']);
    expect(out).toMatch(/^DENIED {4}Deployment default\/web/);
    expect(out).toContain('the Pods it makes would be denied');
    expect(code).toBe(1);
  });

  it('does not fail where the namespace is in warn mode', async () => {
    await desk.put('tidewaiter.yaml', 'apiVersion: tidewaiter.dev/v1\nkind: Configuration\nmode: { namespaces: [{ match: [dev-*], mode: warn }] }\n');
    await desk.put('all.yaml', `${pod('web', 'bad:1')}---\n${deployment('bad:1')}`);
    const app = { check: async (request: Parameters<typeof answer>[0]) => good(answer(request, 'warn')) };
    const { code, out } = await desk.run(['check', '-n', 'dev-a', 'all.yaml'], { app });
    expect(out).toContain('Would be denied; mode is warn.');
    expect(out).toContain('0 admitted, 0 denied, 2 with warnings');
    expect(code).toBe(0);
  });

  it('asks as the API server would: CREATE, and the namespace of the object before that of the option', async () => {
    await desk.put('all.yaml', `${pod('a', 'good', ', namespace: own')}---\n${pod('b', 'good')}---\napiVersion: v1\nkind: Service\n`);
    const { asked, out } = await desk.run(['check', '--namespace', 'given', 'all.yaml']);
    expect(asked.map(({ operation, kind, namespace, name, subResource }) => [operation, kind, namespace, name, subResource])).toEqual([
      ['CREATE', 'v1/Pod', 'own', 'a', ''],
      ['CREATE', 'v1/Pod', 'given', 'b', ''],
    ]);
    expect(out).toContain('2 admitted, 0 denied; 1 object runs no images');
  });

  it('leaves a workload that a controller owns to its owner, and names it', async () => {
    const owned = deployment('bad')
      .replace('Deployment', 'ReplicaSet')
      .replace('name: web', 'name: web, ownerReferences: [{ controller: true, kind: Deployment, name: shop }]');
    await desk.put('set.yaml', owned);
    const { code, out } = await desk.run(['check', 'set.yaml']);
    expect(out).toContain('NOT JUDGED');
    expect(out).toContain('Left to its owner, Deployment shop, and to its Pods.');
    expect(code).toBe(0);
  });

  it('leaves a workload to its Pods where workloads are off', async () => {
    await desk.put('d.yaml', deployment('bad'));
    const { code, out } = await desk.run(['check', 'd.yaml'], { app: { check: async () => good(null) } });
    expect(out).toContain('Left to its Pods: mode.workloads is off.');
    expect(code).toBe(0);
  });

  it.each([
    ['an empty file', ''],
    ['comments alone', '# nothing\n---\n# here\n'],
    ['an empty list', 'apiVersion: v1\nkind: List\nitems: []\n'],
  ])('is not green on nothing: %s ends with 2', async (_what, content) => {
    await desk.put('empty.yaml', content);
    const { code, err } = await desk.run(['check', 'empty.yaml']);
    expect(err).toContain('empty.yaml: there is no object in it');
    expect(code).toBe(2);
    expect(await desk.run(['check', '-'], { stdin: content })).toMatchObject({
      code: 2,
      err: expect.stringContaining('standard input: there is no object in it'),
    });
  });

  it.each(['text', 'json', 'sarif', 'junit'])('names a kind that it does not look at though it has containers, as %s', async (form) => {
    await desk.put('r.yaml', deployment('bad').replace('apps/v1', 'argoproj.io/v1alpha1').replace('Deployment', 'Rollout'));
    const { code, out } = await desk.run(['check', '-o', form, 'r.yaml']);
    expect(out).toContain('argoproj.io/v1alpha1/Rollout');
    if (form === 'text') expect(out).toContain('0 admitted, 0 denied, 1 of kinds that are not looked at');
    expect(code).toBe(0);
  });

  it.each<[string, RegExp]>([
    [
      'text',
      /ADMITTED {2}Pod default\/web.*\n.*\n.*\n {2}waived {2}\[signed\] web: no accepted signature\n {8}Dropped by exception ImageException shop\/web until 2026-11-25T12:00:00\.000Z: the fix ships on Friday\n {2}not counted {2}CVE-1, by exception/,
    ],
    ['json', /"result": "admitted"[\s\S]*"waivedBy": \{\s+"kind": "ImageException"/],
    ['sarif', /"level": "warning"[\s\S]*"suppressions": \[\s+\{\s+"kind": "external",\s+"justification": "exception ImageException shop\/web until/],
    ['junit', /<testsuites name="tidewaiter" tests="1" failures="0"/],
  ])('shows what an exception drops, and by whose word, as %s; exit code 0', async (form, shown) => {
    await desk.put('pod.yaml', pod('web', 'x:1'));
    const check = async (request: AdmissionRequest) => {
      const images = (readWorkload(request.kind, request.object)?.images ?? []).map((image) => judged(image));
      const findings = [finding({ container: 'web', decisive: false, waivedBy: exceptionOf({ policies: ['signed'] }) })];
      const exceptions = [exceptionOf({ policies: ['signed'] }), exceptionOf({ cves: ['CVE-1'] })];
      return good({ request, images, decision: 'allow', answered: 'allow', mode: 'enforce', findings, exceptions, message: '', input: null } as const);
    };
    const { code, out } = await desk.run(['check', '-o', form, 'pod.yaml'], { app: { check } });
    expect(out).toMatch(shown);
    expect(code).toBe(0);
  });

  describe('of what could not be looked at', () => {
    const dark = (code: 'REGISTRY_UNAVAILABLE' | 'MANIFEST_UNKNOWN', ...others: Partial<WeighedFinding>[]) => ({
      check: async (request: Parameters<typeof answer>[0]) => {
        const transient = code === 'REGISTRY_UNAVAILABLE';
        const images = (readWorkload(request.kind, request.object)?.images ?? []).map((image) =>
          judged(image, { dark: ['resolve'], faults: [{ stage: 'resolve', source: 'registry', code, message: 'so it is', transient }] }),
        );
        const findings = [finding({ policy: 'tidewaiter', id: 'dark-resolve', code, container: 'web', msg: `${code}: so it is` }), ...others.map(finding)];
        return good({ request, images, decision: 'deny', answered: 'deny', mode: 'enforce', findings, exceptions: [], message: '', input: null } as const);
      },
    });
    const run = async (app: ReturnType<typeof dark>) => {
      await desk.put('pod.yaml', pod('web', 'x:1'));
      return desk.run(['check', 'pod.yaml'], { app });
    };

    it('alone makes exit code 2, and the report says so', async () => {
      const { code, out } = await run(dark('REGISTRY_UNAVAILABLE'));
      expect(out).toContain('0 admitted, 1 denied; what is denied is so only because something could not be looked at');
      expect(code).toBe(2);
    });

    it('what policies deny of an image in the dark follows from that', async () => {
      expect((await run(dark('REGISTRY_UNAVAILABLE', { container: 'web', policy: 'signed' }))).code).toBe(2);
    });

    it('policies that are broken are no finding about a Pod', async () => {
      const broken = { policy: 'tidewaiter', id: 'policies', code: 'POLICY_BROKEN', container: null } as const;
      expect((await run(dark('REGISTRY_UNAVAILABLE', broken))).code).toBe(2);
    });

    it('an image that does not exist was looked for: exit code 1', async () => {
      const { code, out } = await run(dark('MANIFEST_UNKNOWN'));
      expect(out).not.toContain('could not be looked at');
      expect(code).toBe(1);
    });

    it('beside something that was found wrong it is exit code 1', async () => {
      expect((await run(dark('REGISTRY_UNAVAILABLE', { container: null }))).code).toBe(1);
    });
  });

  it('says on a terminal which registry keeps one waiting, once', async () => {
    await desk.put('pods.yaml', `${pod('a', 'slow.corp/x:1')}---\n${pod('b', 'slow.corp/y:1')}`);
    vi.useFakeTimers({ toFake: ['setTimeout', 'clearTimeout'] });
    try {
      const check = async (request: Parameters<typeof answer>[0]) => {
        await vi.advanceTimersByTimeAsync(2000);
        return good(answer(request));
      };
      expect((await desk.run(['check', 'pods.yaml'], { app: { check }, terminal: true })).err).toBe('still waiting for slow.corp …\n');
      expect((await desk.run(['check', 'pods.yaml'], { app: { check } })).err).toBe('');
    } finally {
      vi.useRealTimers();
    }
  });

  it('says the first fault of a file, how many more there are, and how to check a Helm template', async () => {
    await desk.put('chart.yaml', 'nonsense {{ .Values.x }}\n---\nmore nonsense\n');
    const { code, out, err } = await desk.run(['check', 'chart.yaml']);
    expect(err.trim().split('\n')).toHaveLength(1);
    expect(err).toContain(
      'chart.yaml:1:1: this is no Kubernetes object (and 1 more in this file); it looks like a Helm template: helm template CHART | tidewaiter check -',
    );
    expect(out).toContain('1 file not readable');
    expect(code).toBe(2);
  });

  it('reads standard input', async () => {
    const { code, out } = await desk.run(['check', '-'], { stdin: pod('web', 'bad') });
    expect(out).toContain('standard input:1');
    expect(code).toBe(1);
  });

  it('judges what it can read and ends with 2 where something could not be read', async () => {
    await desk.put('pod.yaml', `${pod('web', 'good')}---\nnonsense\n`);
    const { code, out, err } = await desk.run(['check', 'pod.yaml', 'nope.yaml']);
    expect(out).toContain('1 admitted, 0 denied, 2 files not readable');
    expect(err).toContain('pod.yaml:9:1: this is no Kubernetes object');
    expect(err).toContain('nope.yaml: there is no such file');
    expect(code).toBe(2);
  });

  it('ends with 2 and every fault when the configuration is wrong', async () => {
    await desk.put('tidewaiter.yaml', 'apiVersion: tidewaiter.dev/v1\nkind: Configuration\nmod: {}\nplatforms: []\n');
    await desk.put('pod.yaml', pod('web', 'good'));
    const { code, out, err } = await desk.run(['check', 'pod.yaml']);
    expect({ code, out }).toEqual({ code: 2, out: '' });
    expect(err).toMatch(/tidewaiter.yaml:3:1: mod: .*did you mean mode\?\n {2}tidewaiter.yaml:4:1: platforms/);
  });

  it('ends with 2 and the reason when nothing can be judged', async () => {
    await desk.put('pod.yaml', pod('web', 'good'));
    const { code, err, closed } = await desk.run(['check', 'pod.yaml'], { app: { check: async () => bad('CONFIG_INVALID', 'a key is no key') } });
    expect({ code, closed }).toEqual({ code: 2, closed: 1 });
    expect(err).toBe('tidewaiter: CONFIG_INVALID: a key is no key\n');
  });

  it.each(['text', 'json', 'sarif', 'junit'])('shows no control character of a manifest as %s', async (form) => {
    await desk.put('pod.yaml', pod('"a\\e[31m\\u202Eb"', '"bad\\e]0;x\\a\\u202E"'));
    const { out } = await desk.run(['check', '-o', form, 'pod.yaml']);
    expect(out.replaceAll('\n', '')).not.toMatch(/[\p{Cc}\p{Cf}]/u);
  });

  it('has colours on a terminal, unless NO_COLOR is set', async () => {
    await desk.put('pod.yaml', pod('web', 'bad'));
    expect((await desk.run(['check', 'pod.yaml'], { terminal: true })).out).toContain('\u001b[31mDENIED');
    expect((await desk.run(['check', 'pod.yaml'], { terminal: true, env: { NO_COLOR: '1' } })).out).not.toContain('\u001b');
  });
});

describe('check for programs', () => {
  it('is one JSON document', async () => {
    await desk.put('pod.yaml', pod('web', 'bad'));
    const { out } = await desk.run(['check', '-o', 'json', 'pod.yaml']);
    expect(JSON.parse(out)).toMatchObject({
      version: 1,
      summary: { denied: 1, admitted: 0, warned: 0, unjudged: 0, others: 0, unreadable: 0 },
      objects: [
        {
          result: 'denied',
          file: 'pod.yaml',
          line: 1,
          kind: 'v1/Pod',
          name: 'web',
          images: [{ container: 'web', written: 'bad', line: 7 }],
          findings: [{ policy: 'signed' }],
        },
      ],
    });
  });

  it('is SARIF 2.1.0 whose results stand at the line of the image', async () => {
    await desk.put('k8s/my pod.yaml', pod('web', 'bad'));
    const { out } = await desk.run(['check', '-o', 'sarif', 'k8s/my pod.yaml', 'nope.yaml']);
    expect(sarifForm.safeParse(JSON.parse(out)).error).toBeUndefined();
    expect(JSON.parse(out)).toMatchObject({
      version: '2.1.0',
      runs: [
        {
          tool: { driver: { name: 'tidewaiter', rules: [{ id: 'signed' }] } },
          invocations: [{ executionSuccessful: false, toolExecutionNotifications: [{ message: { text: 'there is no such file' } }] }],
          results: [
            {
              ruleId: 'signed',
              ruleIndex: 0,
              level: 'error',
              locations: [{ physicalLocation: { artifactLocation: { uri: 'k8s/my%20pod.yaml' }, region: { startLine: 7, startColumn: 14 } } }],
            },
          ],
        },
      ],
    });
  });

  it('SARIF rules say what the policies say of themselves, and messages end before what to do', async () => {
    await desk.put('pod.yaml', pod('web', 'bad'));
    const rules = async () => [{ name: 'signed', title: 'Images are signed', description: 'Each by a signer.', remediation: 'Sign it.' }];
    const { out } = await desk.run(['check', '-o', 'sarif', join(desk.folder, 'pod.yaml')], { app: { rules } });
    expect(JSON.parse(out)).toMatchObject({
      runs: [
        {
          tool: {
            driver: {
              rules: [
                { id: 'signed', shortDescription: { text: 'Images are signed' }, fullDescription: { text: 'Each by a signer.' }, help: { text: 'Sign it.' } },
              ],
            },
          },
          results: [
            {
              message: { text: 'Pod default/web: no accepted signature. What to do: Sign it.' },
              locations: [{ physicalLocation: { artifactLocation: { uri: 'pod.yaml' } } }],
            },
          ],
        },
      ],
    });
  });

  it('is JUnit XML, well formed whatever the manifest says', async () => {
    await desk.put('pod.yaml', `${pod('web', 'bad')}---\n${pod('"<&\\"]]>"', 'good')}---\n${pod('c', 'old')}`);
    const { out } = await desk.run(['check', '-o', 'junit', 'pod.yaml', 'nope.yaml']);
    expect(out).toContain('<testsuites name="tidewaiter" tests="4" failures="1" errors="1" skipped="0" time="0.000">');
    expect(out).toContain('<failure message="no accepted signature" type="denied">');
    expect(out).toContain('default/&#60;&#38;&#34;]]&#62;');
    expect(out).toContain('no accepted signature. What to do: Sign it.');
    expect(readJunit(out).map(({ tests, failures }) => [tests, failures])).toEqual([
      [3, 1],
      [1, 0],
    ]);
  });
});

import { generateKeyPairSync } from 'node:crypto';
import { readdir, readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import type { VerifiedImage } from '../../../src/cli/desk.ts';
import type { Evidence } from '../../../src/domain/evidence.ts';
import { bad, good } from '../../../src/domain/fault.ts';
import { openBundle } from '../../../src/policy/bundle.ts';
import { installTool } from '../../../tools/install.ts';
import { digest, judged, openTestDesk, running, type TestDesk } from './desk.ts';

let desk: TestDesk;
beforeEach(async () => {
  desk = await openTestDesk();
});
afterEach(() => desk.remove());

const publicPem = String(generateKeyPairSync('ec', { namedCurve: 'P-256' }).publicKey.export({ type: 'spki', format: 'pem' }));
const head = 'apiVersion: tidewaiter.dev/v1\nkind: Configuration\n';

describe('verify', () => {
  const signature: Evidence['signatures'][number] = {
    signer: 'release',
    kind: 'cosign-key',
    layout: 'bundle',
    keyId: 'c0ffee'.repeat(10),
    issuer: null,
    identity: null,
    claims: {},
    signedAt: null,
    subject: 'index',
    annotations: {},
    signedRepository: null,
  };
  const missing = { source: 'reports', platform: 'linux/amd64', digest: `sha256:${'a'.repeat(64)}`, state: 'missing', reason: 'no report' } as const;
  const evaluated = {
    ...missing,
    state: 'evaluated',
    signer: null,
    scanner: 'trivy',
    scannedAt: '2026-01-01T00:00:00Z',
    databaseUpdatedAt: null,
    endOfLife: false,
    counts: { CRITICAL: 0, HIGH: 0, MEDIUM: 0, LOW: 0, UNKNOWN: 0 },
    findings: [],
  } as const;
  const signerLook = { stage: 'signatures', source: 'release (cosign-key)', where: 'docker.io/library/nginx', outcome: 'found none' };
  const scanLook = { stage: 'scans', source: 'reports (trivy-directory)', where: '/reports', outcome: 'linux/amd64: missing' };
  const platforms = [
    { platform: 'linux/amd64', digest: missing.digest, imageId: missing.digest, created: null, user: null, labels: {}, annotations: {}, rootfs: null },
  ] as const;
  const verify = (evidence: Partial<Evidence>, argv: readonly string[] = [], looked: VerifiedImage['looked'] = [signerLook]) => {
    const container = { container: 'image', role: 'container', path: '', pullPolicy: null, written: 'nginx:1.27' } as const;
    const verified: VerifiedImage = {
      image: judged(container, evidence),
      looked,
    };
    return desk.run(['verify', ...argv, 'nginx:1.27'], { app: { verify: async () => good(verified) } });
  };

  it('names the signers, and ends with 0 when one vouches', async () => {
    const { code, out } = await verify({ signatures: [signature] });
    expect(out).toContain(`docker.io/library/nginx:1.27@${digest}`);
    expect(out).toContain(`verified  release  (cosign-key, bundle, key ${signature.keyId}, on the index)`);
    expect(out).toMatch(/\n\nGood: release vouches for it, and no scan source is asked about it\.\n$/);
    expect(code).toBe(0);
  });

  it('says where it looked, and ends with 1 when nobody vouches', async () => {
    const { code, out } = await verify({
      rejected: [{ stage: 'signatures', source: 'release', layout: 'legacy', code: 'SIGNER_MISMATCH', message: 'by another \u001b[2Jkey' }],
    });
    expect(out).toContain('Signatures\n  none');
    expect(out).toContain('signatures  release (legacy)  SIGNER_MISMATCH: by another \\u{1b}[2Jkey');
    expect(out).toContain('docker.io/library/nginx: found none');
    expect(code).toBe(1);
  });

  it('ends with 1 when no scan source has anything usable for a platform, though somebody signed', async () => {
    const { code, out } = await verify({ signatures: [signature], scans: [missing], platforms }, [], [signerLook, scanLook]);
    expect(out).toContain('missing  reports  linux/amd64  no report');
    expect(out).toContain('Wrong: no scan source has a usable result for linux/amd64.');
    expect(code).toBe(1);
  });

  it('shows what a signature did not pass where its signer only logs that', async () => {
    const claims = { failures: 'expiry,revocation', 'failure.expiry': 'it expired yesterday', 'failure.revocation': 'its certificate was revoked' };
    const { out } = await verify({ signatures: [{ ...signature, claims }] });
    expect(out).toContain('only logged by the level of the signer');
    expect(out).toContain('expiry  release  it expired yesterday\n  revocation  release  its certificate was revoked');
    expect((await verify({ signatures: [signature] })).out).not.toContain('only logged');
  });

  it('ends with 0 when one scan source of several evaluated every platform, and no signer is about the image', async () => {
    const { code, out } = await verify({ scans: [missing, { ...evaluated, source: 'harbor' }], platforms }, [], [scanLook]);
    expect(out).toContain('Good: no signer is asked about it, and every platform is scanned.');
    expect(code).toBe(0);
  });

  it('ends with 1 when no source is about the image: nobody looked', async () => {
    const { code, out } = await verify({}, [], []);
    expect(out).toContain('so nothing was looked for.');
    expect(code).toBe(1);
  });

  it('ends with 2 when a stage is dark: "could not look" is never "found none"', async () => {
    const { code, out } = await verify({ dark: ['signatures'], faults: [] });
    expect(out).toContain('Could not look: no signature could be looked at.');
    expect(code).toBe(2);
  });

  it('ends with 2 and the fault when the image can not be resolved', async () => {
    const { code, out, err } = await desk.run(['verify', 'nginx'], { app: { verify: async () => bad('REGISTRY_UNAVAILABLE', 'no answer from docker.io') } });
    expect({ code, out, err }).toEqual({ code: 2, out: '', err: 'tidewaiter: REGISTRY_UNAVAILABLE: no answer from docker.io\n' });
  });

  it('says on a terminal which registry keeps one waiting', async () => {
    vi.useFakeTimers({ toFake: ['setTimeout', 'clearTimeout'] });
    try {
      const slow = async () => {
        await vi.advanceTimersByTimeAsync(3000);
        return bad('REGISTRY_UNAVAILABLE', 'no answer');
      };
      const { err } = await desk.run(['verify', 'slow.corp/x:1'], { app: { verify: slow }, terminal: true });
      expect(err).toBe('still waiting for slow.corp …\ntidewaiter: REGISTRY_UNAVAILABLE: no answer\n');
    } finally {
      vi.useRealTimers();
    }
  });

  it('is JSON for programs even when it fails', async () => {
    const failed = await desk.run(['verify', '-o', 'json', 'nginx'], { app: { verify: async () => bad('REGISTRY_UNAVAILABLE', 'no answer') } });
    expect(JSON.parse(failed.out)).toEqual({ version: 1, fault: { code: 'REGISTRY_UNAVAILABLE', message: 'no answer', transient: true } });
    await desk.put('tidewaiter.yaml', `${head}mod: {}\n`);
    const unconfigured = await desk.run(['verify', '-o', 'json', 'nginx']);
    expect(JSON.parse(unconfigured.out)).toMatchObject({ version: 1, fault: { code: 'CONFIG_INVALID' } });
    expect([failed.code, unconfigured.code]).toEqual([2, 2]);
  });

  it('is JSON for programs', async () => {
    const { out } = await verify({ signatures: [signature] }, ['--output', 'json']);
    expect(JSON.parse(out)).toMatchObject({
      version: 1,
      image: { pinned: true, evidence: { signatures: [{ signer: 'release' }] } },
      looked: [{ stage: 'signatures' }],
      conclusion: { result: 'good' },
    });
  });
});

describe('serve', () => {
  /** Starts, and sends a signal once the webhook answers. */
  const serve = async (terminal: boolean, signal: 'SIGTERM' | 'SIGINT' = 'SIGTERM') => {
    let stopped = 0;
    const started = running({
      stop: async () => {
        stopped += 1;
      },
    });
    const app = {
      serve: async () => {
        setImmediate(() => desk.signals.emit(signal));
        return good(started);
      },
    };
    return { ...(await desk.run(['serve'], { app, terminal })), stopped };
  };

  it.each(['SIGTERM', 'SIGINT'] as const)('finishes and ends with 0 after %s', async (signal) => {
    const { code, stopped, closed, out } = await serve(false, signal);
    expect({ code, stopped, closed, out }).toEqual({ code: 0, stopped: 1, closed: 1, out: '' });
    // A second signal must find nobody, so that it ends the process at once.
    expect(desk.signals.listenerCount('SIGTERM') + desk.signals.listenerCount('SIGINT')).toBe(0);
  });

  it('logs JSON lines for machines', async () => {
    const { err } = await serve(false);
    const lines = err
      .trim()
      .split('\n')
      .map((line): unknown => JSON.parse(line));
    expect(lines[0]).toMatchObject({ msg: 'serving', admission: { port: 8443 }, policies: ['signed', 'scanned'] });
    expect(lines.at(-1)).toMatchObject({ msg: 'stopped' });
  });

  it('tells a person where it listens, by which policies, where records go, and what next', async () => {
    const { err } = await serve(true);
    for (const words of ['https://127.0.0.1:8443', 'http://127.0.0.1:8081', 'signed, scanned', '/var/lib/tidewaiter/audit', 'tidewaiter check'])
      expect(err).toContain(words);
    expect(err).not.toContain('{"level"');
  });

  it('ends with 2 and the reason when it can not start', async () => {
    const { code, err, closed } = await desk.run(['serve'], { app: { serve: async () => bad('CONFIG_INVALID', 'the address is in use') } });
    expect({ code, closed }).toEqual({ code: 2, closed: 1 });
    expect(err).toContain('CONFIG_INVALID: the address is in use');
    expect(desk.signals.listenerCount('SIGTERM')).toBe(0);
  });
});

describe('config', () => {
  it('check names every fault on stdout; exit code 1', async () => {
    await desk.put('tidewaiter.yaml', `${head}mode: { default: x }\nexceptions: {}\n`);
    expect(await desk.run(['config', 'check'])).toMatchObject({
      code: 1,
      out: 'tidewaiter.yaml:3:18: mode.default: must be one of enforce, warn, observe\ntidewaiter.yaml:4:1: exceptions: must have a directory, a seal, or both\n2 faults\n',
      err: '',
    });
  });

  it('check says what a good one means; exit code 0', async () => {
    await desk.put('deploy/a.yaml', `${head}signers: [{ name: release, images: [docker.io/**], kind: cosign-key, keyFile: a.pub }]\n`);
    await desk.put('deploy/a.pub', publicPem);
    const { code, out } = await desk.run(['config', 'check', 'deploy/a.yaml']);
    expect(code).toBe(0);
    expect(out).toMatch(/a\.yaml is good\.\n {2}signers {7}release\n/);
  });

  const release = `${head}signers: [{ name: release, images: [docker.io/**], kind: cosign-key, keyFile: a.pub }]\n`;

  it('check looks into what the configuration refers to; exit code 1', async () => {
    await desk.put('tidewaiter.yaml', release);
    await desk.put('a.pub', 'nonsense');
    const { code, out } = await desk.run(['config', 'check']);
    expect(out).toMatch(/^tidewaiter\.yaml:3:\d+: signers\[0\]\.keyFile: a\.pub: it holds no public key in PEM .*\n1 fault\n$/);
    expect(code).toBe(1);
  });

  it.each([
    ['a signer', 'CONFIG_INVALID', 'signer release: the key is too weak', /^tidewaiter\.yaml:3:\d+: signers\[0\]: signer release: the key is too weak\n/],
    ['the policies', 'POLICY_BROKEN', 'p.rego:3:1: no', /: policy\.directory: p\.rego:3:1: no\n/],
    ['nobody in particular', 'INTERNAL', 'odd', /^tidewaiter\.yaml:1:1: odd\n/],
  ] as const)('check tries the program, and puts its fault at the key of %s', async (_, fault, message, expected) => {
    await desk.put('tidewaiter.yaml', release);
    await desk.put('a.pub', publicPem);
    const { code, out, closed } = await desk.run(['config', 'check'], { app: { probe: async () => bad(fault, message) } });
    expect(out).toMatch(expected);
    expect({ code, closed }).toEqual({ code: 1, closed: 1 });
  });

  it('check takes one configuration, not two; exit code 2', async () => {
    const { code, out, err } = await desk.run(['config', 'check', 'a.yaml', '--config', 'b.yaml']);
    expect({ code, out }).toEqual({ code: 2, out: '' });
    expect(err).toContain('named twice');
  });

  it('check ends with 2 when the file is not there', async () => {
    expect(await desk.run(['config', 'check', 'nope.yaml'])).toMatchObject({ code: 2, out: '', err: 'nope.yaml: there is no such file\n' });
  });

  it('schema is a JSON Schema', async () => {
    const { code, out } = await desk.run(['config', 'schema']);
    expect(code).toBe(0);
    expect(JSON.parse(out)).toMatchObject({ $schema: 'https://json-schema.org/draft/2020-12/schema', type: 'object' });
  });
});

describe('policy', () => {
  const opa = async () => ({ env: { TIDEWAITER_OPA: await installTool('opa') } });

  it.each(['check', 'build'])('%s finds no policy in an empty folder; exit code 1', async (command) => {
    await desk.put('empty/notes.txt', '');
    const { code, err } = await desk.run(['policy', command, 'empty'], await opa());
    expect(err).toContain(`there is no policy in ${desk.folder}/empty`);
    expect(code).toBe(1);
  });

  it('build ends with 2 when it can not write, and says where and what to do', async () => {
    await desk.put('policies/a.rego', 'package policies.a\n\ndeny contains "x"\n');
    const { code, err } = await desk.run(['policy', 'build', '--output', 'nowhere/p.tgz'], await opa());
    expect(err).toBe(
      `tidewaiter: CONFIG_INVALID: ${desk.folder}/nowhere/p.tgz can not be written: there is no folder ${desk.folder}/nowhere; make it, or name another file\n`,
    );
    expect(code).toBe(2);
  });

  it('build --sign signs the bundle, with the key id and the scope that are asked for', async () => {
    const pair = generateKeyPairSync('ec', { namedCurve: 'P-256' });
    await desk.put('policies/a.rego', 'package policies.a\n\ndeny contains "x"\n');
    await desk.put('release.key', String(pair.privateKey.export({ type: 'pkcs8', format: 'pem' })));
    const env = { ...(await opa()).env, SOURCE_DATE_EPOCH: '1764000000' };
    const { code, out } = await desk.run(['policy', 'build', '--sign', 'release.key', '--key-id', 'k1', '--scope', 'prod'], { env });
    expect({ code, out }).toEqual({ code: 0, out: 'policies.tar.gz: 1 policy, signed: a\n' });
    const opened = await openBundle(await readFile(join(desk.folder, 'policies.tar.gz')), {
      verification: { key: pair.publicKey, keyId: 'k1', scope: 'prod' },
      revoked: new Set(),
    });
    expect(opened).toMatchObject({ ok: true, value: { built: 1_764_000_000_000 } });
  });

  it.each<[string, readonly string[], string]>([
    ['a key that is not there', ['--sign', 'nope.key'], 'the key to sign with can not be read: '],
    ['a key that is none', ['--sign', 'policies/a.rego'], 'is no private key in PEM'],
    ['a key id without a key', ['--key-id', 'k1'], 'name the key with --sign'],
  ])('build with %s ends with 2, and writes nothing', async (_what, flags, why) => {
    await desk.put('policies/a.rego', 'package policies.a\n\ndeny contains "x"\n');
    const { code, err } = await desk.run(['policy', 'build', ...flags], await opa());
    expect(err).toContain(why);
    expect(code).toBe(2);
    expect(await readdir(desk.folder)).toEqual(['policies']);
  });

  it.each(['check', 'test', 'build'])('%s ends with 2 when there is no such folder, or no opa', async (command) => {
    expect(await desk.run(['policy', command, 'nope'])).toMatchObject({ code: 2, out: '', err: 'tidewaiter: there is no folder nope\n' });
    await desk.put('one.rego', 'package policies.one\n');
    expect(await desk.run(['policy', command, 'one.rego'])).toMatchObject({ code: 2, err: 'tidewaiter: one.rego is a file; give the folder it is in: .\n' });
    await desk.put('policies/a.rego', 'package policies.a\n');
    const env = { TIDEWAITER_OPA: '/nowhere/opa' };
    expect(await desk.run(['policy', command], { env })).toMatchObject({ code: 2, err: expect.stringContaining('CONFIG_INVALID') });
  });
});

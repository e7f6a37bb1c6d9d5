import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { type LoadedConfig, loadConfig } from '../../../src/config/index.ts';

const head = 'apiVersion: tidewaiter.dev/v1\nkind: Configuration\n';
let folder: string;

beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'tidewaiter-config-'));
});
afterEach(() => rm(folder, { recursive: true, force: true }));

async function put(path: string, content: string | Uint8Array): Promise<string> {
  const full = join(folder, path);
  await mkdir(dirname(full), { recursive: true });
  await writeFile(full, content);
  return full;
}

async function load(more: { file?: string; env?: Record<string, string> } = {}): Promise<LoadedConfig> {
  const loaded = await loadConfig({ env: {}, cwd: folder, ...more });
  if (!loaded.ok) throw new Error(JSON.stringify(loaded.faults));
  return loaded.config;
}

const signer = (keyFile: string) => `signers:\n  - { name: release, images: [registry.corp/**], kind: cosign-key, keyFile: ${keyFile} }\n`;

describe('without a configuration file', () => {
  it('the defaults are in force', async () => {
    const { settings, source } = await load();
    expect(source).toBeNull();
    expect(settings).toMatchObject({
      server: {
        listen: { host: '127.0.0.1', port: 8443 },
        ops: { host: '127.0.0.1', port: 8081 },
        deadline: 8000,
        tls: { kind: 'selfSigned', directory: 'state/tls', dnsNames: ['localhost', '127.0.0.1', '::1'] },
        clientCAFile: null,
        pathSecretFile: null,
      },
      mode: { default: 'enforce', namespaces: [], workloads: 'warn' },
      platforms: null,
      registries: null,
      mirrors: [],
      signers: [],
      scans: [],
      evidence: { store: 'memory', tagFor: 10_000, absentFor: 10_000, refreshAfter: 600_000, lastKnownGoodFor: 86_400_000 },
      policy: { bundle: null, required: [], modes: {}, faults: {}, data: {}, timeout: 500 },
      audit: {
        store: { kind: 'sqlite', path: 'state/audit.db' },
        spool: 'state/audit',
        storeBytes: 8 * 1024 ** 3,
        required: false,
        retention: { allow: 2_592_000_000, deny: 31_536_000_000 },
        maxBytes: 1_073_741_824,
        sinks: [{ kind: 'stdout' }],
      },
      cluster: null,
    });
  });

  it('the cluster is the one of the Pod that it runs in', async () => {
    expect((await load({ env: { KUBERNETES_SERVICE_HOST: '10.0.0.1' } })).settings.cluster).toEqual({ kubeconfig: null, pullSecrets: false });
  });

  it('a configuration that was asked for and is not there is a fault', async () => {
    for (const request of [{ file: 'nope.yaml', env: {} }, { env: { TIDEWAITER_CONFIG: 'nope.yaml' } }]) {
      const loaded = await loadConfig({ cwd: folder, ...request });
      expect(loaded).toEqual({ ok: false, faults: [{ path: '', message: 'there is no such file', file: 'nope.yaml', line: null, column: null }] });
    }
  });
});

describe('a configuration file', () => {
  it('is found by the option, then the environment, then its name', async () => {
    const here = await put('tidewaiter.yaml', head);
    const named = await put('named.yaml', head);
    const told = await put('told.yaml', head);
    expect((await load()).source).toBe(here);
    expect((await load({ env: { TIDEWAITER_CONFIG: 'told.yaml' } })).source).toBe(told);
    expect((await load({ file: 'named.yaml', env: { TIDEWAITER_CONFIG: 'told.yaml' } })).source).toBe(named);
  });

  it.each([
    ['longer than 1 MiB', `${head}#${'x'.repeat(1024 * 1024)}`, /longer than 1048576 bytes/],
    ['not UTF-8', Uint8Array.of(0x61, 0x3a, 0xff), /not UTF-8/],
  ])('is refused when it is %s', async (_what, content, message) => {
    await put('tidewaiter.yaml', content);
    const loaded = await loadConfig({ env: {}, cwd: folder });
    expect(loaded).toMatchObject({ ok: false, faults: [{ message: expect.stringMatching(message) }] });
  });

  it('is refused when it is a folder', async () => {
    await mkdir(join(folder, 'tidewaiter.yaml'));
    expect(await loadConfig({ env: {}, cwd: folder })).toMatchObject({ ok: false, faults: [{ message: 'it is not a file' }] });
  });

  it('is refused with the line of each file that is not there, beside its other faults', async () => {
    await put('tidewaiter.yaml', `${head}${signer('no.pub')}mode: { default: x }\nserver: { clientCAFile: ca.pem }\n`);
    const loaded = await loadConfig({ env: {}, cwd: folder });
    expect(loaded.ok ? [] : loaded.faults.map(({ line, path, message }) => `${line} ${path}: ${message}`)).toEqual([
      '4 signers[0].keyFile: no.pub: there is no such file',
      '5 mode.default: must be one of enforce, warn, observe',
      '6 server.clientCAFile: ca.pem: there is no such file',
    ]);
  });

  it('has paths that start at its own folder', async () => {
    await put('deploy/tidewaiter.yaml', `${head}${signer('keys/release.pub')}`);
    await put('deploy/keys/release.pub', 'KEY');
    const config = await load({ file: 'deploy/tidewaiter.yaml' });
    expect(config.resolvePath('keys/release.pub')).toBe(join(folder, 'deploy/keys/release.pub'));
    const content = await config.file('keys/release.pub');
    expect(content.ok && Buffer.from(content.value).toString()).toBe('KEY');
    expect(await config.file('nope')).toMatchObject({ ok: false, fault: { code: 'CONFIG_INVALID', message: 'nope: there is no such file' } });
  });

  it('uses the policies beside it, else those shipped with the program', async () => {
    await put('tidewaiter.yaml', head);
    expect((await load()).settings.policy.directory).not.toBe(join(folder, 'policies'));
    await mkdir(join(folder, 'policies'));
    expect((await load()).settings.policy.directory).toBe('policies');
  });
});

describe('the revision of a configuration', () => {
  const revise = async (body: string, key = 'KEY'): Promise<string> => {
    await put('tidewaiter.yaml', `${head}${body}`);
    await put('release.pub', key);
    await put('config.json', '{}');
    return (await load()).revision;
  };

  it('is hex SHA-256, the same for the same meaning', async () => {
    const first = await revise(`${signer('release.pub')}mode: { default: enforce }\n`);
    expect(first).toMatch(/^[0-9a-f]{64}$/);
    expect(await revise(`# a comment\nmode:\n  default: enforce\n${signer('release.pub')}`)).toBe(first);
  });

  it('changes with a setting, and with the content of a key', async () => {
    const first = await revise(signer('release.pub'));
    expect(await revise(`${signer('release.pub')}mode: { default: warn }\n`)).not.toBe(first);
    expect(await revise(signer('release.pub'), 'OTHER')).not.toBe(first);
  });

  it('changes with a trusted root, and with the root that a TUF repository is trusted by', async () => {
    const keyless = (trustedRoot: string): string =>
      `signers: [{ name: ci, images: [r.corp/**], kind: cosign-keyless, issuer: i, identity: me, trustedRoot: ${trustedRoot} }]\n`;
    for (const trustedRoot of ['{ file: release.pub }', '{ tuf: { mirror: "https://tuf.corp", root: release.pub } }']) {
      const first = await revise(keyless(trustedRoot));
      expect(await revise(keyless(trustedRoot))).toBe(first);
      expect(await revise(keyless(trustedRoot), 'OTHER')).not.toBe(first);
    }
  });

  it('does not tell a secret: credentials change the fingerprint alone', async () => {
    await put('tidewaiter.yaml', `${head}registries: [{ host: r.corp, credentials: { kind: dockerconfig, file: config.json } }]\n`);
    await put('config.json', '{"auths":{}}');
    const before = await load();
    await put('config.json', '{"auths":{"r.corp":{"auth":"dTpw"}}}');
    const after = await load();
    expect(after.revision).toBe(before.revision);
    expect(after.fingerprint).not.toBe(before.fingerprint);
  });
});

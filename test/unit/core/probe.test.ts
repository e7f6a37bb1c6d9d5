import { mkdir, mkdtemp, readdir, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { createApp } from '../../../src/app.ts';
import { loadConfig } from '../../../src/config/index.ts';
import { makeKey } from '../../fakes/publish.ts';
import { keepLog } from '../server/calls.ts';

let folder: string;
beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'tidewaiter-probe-'));
});
afterEach(() => rm(folder, { recursive: true, force: true }));

async function probe(changes: Readonly<Record<string, unknown>>, policy = 'deny contains "x" if count(input.images) > 100') {
  await mkdir(join(folder, 'policies'), { recursive: true });
  await writeFile(join(folder, 'policies/p.rego'), `package policies.p\n\n${policy}\n`);
  await writeFile(join(folder, 'a.pub'), makeKey('p256').publicPem);
  await writeFile(join(folder, 'tidewaiter.yaml'), JSON.stringify({ apiVersion: 'tidewaiter.dev/v1', kind: 'Configuration', ...changes }));
  const loaded = await loadConfig({ env: {}, cwd: folder });
  if (!loaded.ok) throw new Error(JSON.stringify(loaded.faults));
  const app = await createApp(loaded.config, { log: keepLog() });
  if (!app.ok) throw new Error(app.fault.message);
  return app.value.probe();
}

const images = ['docker.io/**'];
const keyless = { name: 'ci', kind: 'cosign-keyless', images, issuer: 'https://issuer.test', identity: 'a@b.test' };

describe('a configuration that is tried out', () => {
  it('names policies that would not go in force', async () => {
    expect(await probe({}, 'deny := true')).toMatchObject({ ok: false, fault: { code: 'POLICY_BROKEN', message: expect.stringContaining('p.rego:3:1') } });
  });

  it('names the signer whose root is none', async () => {
    await writeFile(join(folder, 'root.json'), '{}');
    const signers = [{ ...keyless, trustedRoot: { file: 'root.json' } }];
    expect(await probe({ signers })).toMatchObject({ ok: false, fault: { code: 'CONFIG_INVALID', message: expect.stringMatching(/^signer ci: /) } });
  });

  it('is good without a cluster or a TUF repository to ask, and leaves nothing behind', async () => {
    const signers = [{ name: 'release', kind: 'cosign-key', images, keyFile: 'a.pub' }, keyless];
    const scans = [{ name: 'operator', kind: 'trivy-operator' }];
    await writeFile(join(folder, 'kubeconfig'), '{}');
    expect(await probe({ signers, scans, cluster: { kubeconfig: 'kubeconfig' } })).toEqual({ ok: true, value: null });
    expect((await readdir(folder)).sort()).toEqual(['a.pub', 'kubeconfig', 'policies', 'tidewaiter.yaml']);
  });
});

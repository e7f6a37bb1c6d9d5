import { generateKeyPairSync } from 'node:crypto';
import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { formatConfigFault, loadConfig } from '../../../src/config/index.ts';

const head = 'apiVersion: tidewaiter.dev/v1\nkind: Configuration\n';
const pair = generateKeyPairSync('ec', { namedCurve: 'P-256' });
const publicPem = String(pair.publicKey.export({ type: 'spki', format: 'pem' }));
const privatePem = String(pair.privateKey.export({ type: 'pkcs8', format: 'pem' }));
let folder: string;

beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'tidewaiter-referents-'));
});
afterEach(() => rm(folder, { recursive: true, force: true }));

/** What is found in a configuration whose body begins on line 3. */
async function inspect(body: string, files: Readonly<Record<string, string>> = {}): Promise<readonly string[]> {
  const signed = {
    'policies/signed.rego': 'package policies.signed\n',
    'policies/lib/x.rego': 'package lib.x\n',
    'policies/x_test.rego': 'package policies.x_test\n',
  };
  for (const [path, content] of Object.entries({ ...signed, ...files, 'tidewaiter.yaml': `${head}${body}` })) {
    await mkdir(dirname(join(folder, path)), { recursive: true });
    await writeFile(join(folder, path), content);
  }
  const loaded = await loadConfig({ env: {}, cwd: folder });
  if (!loaded.ok) throw new Error(JSON.stringify(loaded.faults));
  return (await loaded.config.inspect()).map(formatConfigFault);
}

const signer = 'signers:\n  - name: release\n    images: [docker.io/**]\n    kind: cosign-key\n    keyFile: a.pub\n';

describe('what a configuration refers to', () => {
  it.each([
    ['a key that is none', signer, { 'a.pub': 'x' }, /^tidewaiter\.yaml:7:14: signers\[0\]\.keyFile: a\.pub: it holds no public key/],
    ['a private key', signer, { 'a.pub': privatePem }, /7:14: signers\[0\]\.keyFile: a\.pub: this is a private key/],
    ['half a key', signer, { 'a.pub': publicPem.slice(0, 60) }, /7:14: signers\[0\]\.keyFile: .* can not be read/],
    [
      'a CA that is none',
      'registries:\n  - { host: r.corp, caFile: ca.pem }\n',
      { 'ca.pem': publicPem },
      /4:29: registries\[0\]\.caFile: ca\.pem: it holds no PEM certificate/,
    ],
    [
      'a CA of clients that is none',
      'server: { clientCAFile: ca.pem }\n',
      { 'ca.pem': 'x' },
      /3:25: server\.clientCAFile: ca\.pem: it holds no PEM certificate/,
    ],
    ['a secret path that is too short', 'server: { pathSecretFile: p }\n', { p: 'short\n' }, /3:27: server\.pathSecretFile: p: it must hold 16 to 128/],
    [
      'a key of the evidence store that is too short',
      'evidence: { keyFile: k }\n',
      { k: 'short' },
      /3:22: evidence\.keyFile: k: it must hold at least 32 bytes/,
    ],
    [
      'a serving key that is none',
      'server:\n  tls: { certFile: c, keyFile: k }\n',
      { c: 'x', k: 'x' },
      /4:20: server\.tls\.certFile: c: .*4:32: server\.tls\.keyFile: k: it holds no private key/s,
    ],
    ['a Secret without a cluster', 'server:\n  tls:\n    secret: { namespace: a, name: b, service: c }\n', {}, /5:5: server\.tls\.secret: needs a cluster/],
    [
      'a folder of reports that is not there',
      'scans: [{ name: a, kind: trivy-directory, path: nowhere }]\n',
      {},
      /3:49: scans\[0\]\.path: nowhere: there is no such folder/,
    ],
    ['a folder of reports that is a file', 'scans: [{ name: a, kind: trivy-directory, path: f }]\n', { f: '' }, /scans\[0\]\.path: f: it is no folder/],
    ['a folder of policies that is not there', 'policy: { directory: nowhere }\n', {}, /3:22: policy\.directory: nowhere: there is no such folder/],
    ['a folder without a policy', 'policy: { directory: policies/lib }\n', {}, /policy\.directory: policies\/lib: there is no policy in it/],
    ['a policy bundle that is not there', 'policy: { bundle: p.tgz }\n', {}, /3:19: policy\.bundle: p\.tgz: there is no such file/],
    [
      'a required policy that nobody wrote',
      'policy:\n  required: [sgned]\n',
      {},
      /4:14: policy\.required\[0\]: there is no policy sgned; did you mean signed\?/,
    ],
    [
      'a mode of a policy that nobody wrote',
      'policy:\n  modes: { other: warn }\n',
      {},
      /4:19: policy\.modes\.other: there is no policy other; there are signed$/,
    ],
  ] as const)('%s is named with its key and place', async (_, body, files, expected) => {
    expect((await inspect(body, files)).join('\n')).toMatch(expected);
  });

  it('says nothing of what is right, nor of what the defaults are', async () => {
    const right = `${signer}server: { pathSecretFile: p }\nscans: [{ name: a, kind: trivy-directory, path: reports }]\npolicy: { required: [signed], modes: { signed: warn } }\n`;
    expect(await inspect(right, { 'a.pub': publicPem, p: `${'a'.repeat(32)}\n`, 'reports/r.json': '{}' })).toEqual([]);
    expect(await inspect('')).toEqual([]);
  });

  it('never repeats a secret', async () => {
    expect((await inspect('server: { pathSecretFile: p }\n', { p: 'hunter2' })).join()).not.toContain('hunter2');
  });
});

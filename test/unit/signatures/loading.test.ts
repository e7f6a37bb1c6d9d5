import { execFile } from 'node:child_process';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { describe, expect, it } from 'vitest';
import { makeKey } from '../../fakes/publish.ts';

const room = join(import.meta.dirname, '../../../src/signatures/index.ts');

/** Everything that a process of its own loads while it makes one signer, and looks at what it trusts. */
async function loadedFor(entry: object): Promise<readonly string[]> {
  const program = `
    import { registerHooks } from 'node:module';
    const loaded = new Set();
    registerHooks({ load(url, context, next) { loaded.add(url); return next(url, context); } });
    const { createTrustRoots, signerKinds } = await import(process.env.ROOM);
    const entry = JSON.parse(process.env.ENTRY);
    const quiet = () => {};
    const trustRoots = createTrustRoots({
      file: async () => ({ ok: true, value: Buffer.from('{}') }), directory: '/dev/null/none', log: { info: quiet, warn: quiet, error: quiet }, clock: Date.now,
    });
    const kind = signerKinds[entry.kind];
    const made = await kind.create(kind.settings.parse(entry), { trustRoots, proving: { begin: quiet }, revoked: { digests: [], keys: [], identities: [] } });
    if (!made.ok) throw new Error(made.fault.message);
    made.value.trust;
    console.log(JSON.stringify([...loaded]));
    process.exit();`;
  const env = { ...process.env, ROOM: room, ENTRY: JSON.stringify({ name: 'one', images: ['**'], ...entry }) };
  const { stdout } = await promisify(execFile)(process.execPath, ['--input-type=module', '--eval', program], { env });
  return JSON.parse(stdout);
}

const ofTuf = (urls: readonly string[]): readonly string[] => urls.filter((url) => /tuf|\/sigstore\/dist|@sigstore\/sign\/|make-fetch-happen/.test(url));

describe('TUF', () => {
  it('is not even loaded for a signer that is trusted by its key', async () => {
    const loaded = await loadedFor({ kind: 'cosign-key', key: makeKey().publicPem });
    expect(loaded.length).toBeGreaterThan(10);
    expect(ofTuf(loaded)).toEqual([]);
  });

  it('is loaded, with the sigstore package, for a signer whose root comes from there', async () => {
    const tuf = { mirror: 'http://127.0.0.1:9', root: 'root.json' };
    const loaded = await loadedFor({ kind: 'cosign-keyless', issuer: 'https://idp.example.com', identity: 'me@example.com', trustedRoot: { tuf } });
    expect(ofTuf(loaded).some((url) => url.includes('/sigstore/dist/index.js'))).toBe(true);
  });
});

import { createHash, generateKeyPairSync, sign } from 'node:crypto';
import { createServer } from 'node:http';
import { canonicalJson } from '../../../src/domain/canonical.ts';

/** A TUF repository with one target, trusted_root.json, over HTTP. https://theupdateframework.github.io/specification/v1.0.34/ */
export interface TufRepository {
  readonly url: string;
  /** The first root.json. */
  readonly root: string;
  /** Replaces the target, with the next version of all metadata. */
  publish(trustedRoot: string): void;
  /** Shows the very first version again. */
  rollBack(): void;
  /** Signs with the keys of somebody else from now on. */
  betray(): void;
  /** Answers nothing but 503, or nothing at all, until it is restored. */
  fail(how: 'unavailable' | 'silent' | 'wrong' | null): void;
  readonly requests: readonly string[];
  close(): Promise<void>;
}

export async function startTufRepository(trustedRoot: string, options: { readonly expires?: string } = {}): Promise<TufRepository> {
  const expires = options.expires ?? '2099-01-01T00:00:00Z';
  let pair = generateKeyPairSync('ed25519');
  const raw = pair.publicKey.export({ type: 'spki', format: 'der' }).subarray(-32).toString('hex');
  const keyid = createHash('sha256').update(raw).digest('hex');
  const write = (signed: object): string => {
    const sig = sign(null, Buffer.from(canonicalJson(signed)), pair.privateKey).toString('hex');
    return JSON.stringify({ signatures: [{ keyid, sig }], signed });
  };
  const common = { spec_version: '1.0.31', expires };
  const role = { keyids: [keyid], threshold: 1 };
  const root = write({
    ...common,
    _type: 'root',
    version: 1,
    consistent_snapshot: true,
    keys: { [keyid]: { keytype: 'ed25519', scheme: 'ed25519', keyval: { public: raw } } },
    roles: { root: role, timestamp: role, snapshot: role, targets: role },
  });
  const files = new Map<string, string>();
  let version = 0;
  const publish = (target: string): void => {
    version += 1;
    const hash = createHash('sha256').update(target).digest('hex');
    files.set(`/targets/${hash}.trusted_root.json`, target);
    const targets = { 'trusted_root.json': { length: Buffer.byteLength(target), hashes: { sha256: hash } } };
    files.set(`/${version}.targets.json`, write({ ...common, _type: 'targets', version, targets }));
    files.set(`/${version}.snapshot.json`, write({ ...common, _type: 'snapshot', version, meta: { 'targets.json': { version } } }));
    files.set('/timestamp.json', write({ ...common, _type: 'timestamp', version, meta: { 'snapshot.json': { version } } }));
  };
  publish(trustedRoot);
  const first = files.get('/timestamp.json') ?? '';

  let failing: 'unavailable' | 'silent' | 'wrong' | null = null;
  const requests: string[] = [];
  const server = createServer((request, response) => {
    requests.push(request.url ?? '');
    if (failing === 'silent') return;
    if (failing === 'unavailable') return void response.writeHead(503).end();
    if (failing === 'wrong') return void response.end('<html>');
    const file = files.get(request.url ?? '');
    if (file === undefined) return void response.writeHead(404).end();
    response.end(file);
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const address = server.address();
  return {
    url: `http://127.0.0.1:${typeof address === 'object' && address !== null ? address.port : 0}`,
    root,
    publish,
    rollBack() {
      files.set('/timestamp.json', first);
    },
    betray() {
      pair = generateKeyPairSync('ed25519');
    },
    fail(how) {
      failing = how;
    },
    requests,
    close: () =>
      new Promise((resolve) => {
        server.close(() => resolve());
        server.closeAllConnections();
      }),
  };
}

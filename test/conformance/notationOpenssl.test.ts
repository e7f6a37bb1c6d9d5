/** Against OpenSSL: it judges the answers and lists that the other tests are fed with, and what it makes itself is judged here. */
import { execFile, execFileSync } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { crlAt, type Issued, issue, pemOf } from '../fakes/notation/authority.ts';
import { makeCrl, makeOcspAnswer, type OcspOptions, ocspAt, type RevocationServer, serveRevocation } from '../fakes/notation/revocation.ts';
import { jws } from '../fakes/notation/sign.ts';
import { type FakeRegistry, startRegistry } from '../fakes/registry.ts';
import { makeScene, type Scene, trusting } from '../unit/signatures/notationSupport.ts';
import { openRegistry } from '../unit/signatures/support.ts';

const run = promisify(execFile);
const ocspSigning = '1.3.6.1.5.5.7.3.9';

function hasOpenssl(): boolean {
  try {
    execFileSync('openssl', ['version']);
    return true;
  } catch {
    return false;
  }
}

const folder = mkdtempSync(join(tmpdir(), 'tidewaiter-openssl-'));
const file = (name: string): string => join(folder, name);
const put = (name: string, content: string | Uint8Array): string => {
  writeFileSync(file(name), content);
  return file(name);
};
/** What it writes, to whichever of the two. */
const openssl = async (...args: readonly string[]): Promise<string> => {
  const { stdout, stderr } = await run('openssl', args, { cwd: folder }).catch((error: { stdout: string; stderr: string }) => error);
  return `${stdout}${stderr}`;
};

let registry: FakeRegistry;
let scene: Scene;
let server: RevocationServer;
let responder: Issued;
let byOcsp: Issued;
let byCrl: Issued;
beforeAll(async () => {
  registry = await startRegistry();
  scene = await makeScene(registry.origin);
  server = await serveRevocation();
  [responder, byOcsp, byCrl] = await Promise.all([
    issue({ subject: 'CN=Responder, O=Partner', issuer: scene.root, extended: { purposes: [ocspSigning] } }),
    issue({ issuer: scene.root, extensions: [ocspAt(server.ocsp)] }),
    issue({ issuer: scene.root, extensions: [crlAt(server.crl)] }),
  ]);
  put('root.pem', pemOf(scene.root));
  put('root.key', scene.root.privatePem);
  put('responder.pem', pemOf(responder));
  put('responder.key', responder.privatePem);
  put('ca.cnf', '[ca]\ndefault_ca=d\n[d]\ndatabase=index.txt\ndefault_md=sha256\n');
});
afterAll(async () => {
  await Promise.all([registry.close(), server.close()]);
  rmSync(folder, { recursive: true, force: true });
});

const outcomeOf = async (leaf: Issued): Promise<string> => {
  const outcome = await scene.outcomeOf(await trusting(openRegistry(registry.host), scene.root, { revocationHosts: [server.host] }), jws, { leaf });
  if (!outcome.ok) return outcome.fault.message;
  return outcome.value.rejected[0]?.message ?? (outcome.value.signatures.length === 1 ? 'counts' : 'nothing');
};
type Entry = readonly [serialNumber: string, state: 'valid' | 'revoked'];

/** The database of an authority, as `openssl ca` keeps it. */
function index(entries: readonly Entry[]): void {
  const lines = entries.map(([serialNumber, state]) => {
    const [letter, revoked] = state === 'revoked' ? ['R', '260102030405Z,keyCompromise'] : ['V', ''];
    return `${letter}\t361231235959Z\t${revoked}\t${serialNumber.toUpperCase()}\tunknown\t/CN=Signer\n`;
  });
  put('index.txt', lines.join(''));
}

describe.skipIf(!hasOpenssl())('OpenSSL (skipped where there is none)', () => {
  it.each<[NonNullable<OcspOptions['status']>, boolean]>([
    ['good', false],
    ['revoked', false],
    ['unknown', false],
    ['good', true],
  ])('reads our answers as we do: %s, by an appointed responder: %s', async (status, appointed) => {
    const answer = put('answer.der', await makeOcspAnswer(byOcsp, scene.root, { status, ...(appointed ? { responder } : {}) }));
    const said = await openssl('ocsp', '-respin', answer, '-issuer', 'root.pem', '-cert', put('leaf.pem', pemOf(byOcsp)), '-CAfile', 'root.pem');
    expect(said).toContain('Response verify OK');
    expect(said).toContain(`: ${status}`);
  });

  it('does not believe an answer by one who is not appointed either', async () => {
    const answer = put('answer.der', await makeOcspAnswer(byOcsp, scene.root, { responder: scene.leaf }));
    const said = await openssl('ocsp', '-respin', answer, '-issuer', 'root.pem', '-cert', put('leaf.pem', pemOf(byOcsp)), '-CAfile', 'root.pem');
    expect(said).toContain('Response Verify Failure');
  });

  it('reads our lists as we do', async () => {
    const list = put('list.der', await makeCrl(scene.root, { revoked: [{ certificate: byCrl }] }));
    const said = await openssl('crl', '-in', list, '-inform', 'DER', '-CAfile', 'root.pem', '-text', '-noout');
    expect(said).toContain('verify OK');
    expect(said).toContain(byCrl.certificate.serialNumber.toUpperCase());
  });

  it('answers what we ask, and its answers are understood', async () => {
    server.say('ocsp', (request, response) => {
      const asked = put('request.der', Buffer.from(decodeURIComponent(request.url?.split('/')[2] ?? ''), 'base64'));
      const answer = ['-rsigner', 'responder.pem', '-rkey', 'responder.key', '-CA', 'root.pem', '-nmin', '5', '-respout', 'made.der'];
      void openssl('ocsp', '-index', 'index.txt', '-reqin', asked, ...answer).then(() => response.end(readFileSync(file('made.der'))));
    });
    index([[byOcsp.certificate.serialNumber, 'valid']]);
    expect(await outcomeOf(byOcsp)).toBe('counts');
    index([[byOcsp.certificate.serialNumber, 'revoked']]);
    expect(await outcomeOf(byOcsp)).toContain('was revoked at 2026-01-02T03:04:05.000Z');
    index([[byCrl.certificate.serialNumber, 'valid']]);
    expect(await outcomeOf(byOcsp)).toContain('does not know the certificate');
  });

  it.each([1, 2_000])('makes lists that are understood, of %s and more', async (count) => {
    const make = async (entries: readonly Entry[]): Promise<Buffer> => {
      index(entries);
      await openssl('ca', '-config', 'ca.cnf', '-gencrl', '-keyfile', 'root.key', '-cert', 'root.pem', '-crldays', '7', '-out', 'list.pem');
      await openssl('crl', '-in', 'list.pem', '-outform', 'DER', '-out', 'list.der');
      return readFileSync(file('list.der'));
    };
    const others = Array.from({ length: count }, (_, i): Entry => [(0x1000_0000 + i).toString(16), 'revoked']);
    server.say('crl', await make(others));
    expect(await outcomeOf(byCrl)).toBe('counts');
    server.say('crl', await make([...others, [byCrl.certificate.serialNumber, 'revoked']]));
    expect(await outcomeOf(byCrl)).toContain('was revoked at 2026-01-02T03:04:05.000Z');
  });
});

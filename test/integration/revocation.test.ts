/** What comes of an admitted image while its signer's certificate can be asked about, can't be, and is revoked. */
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, test, vi } from 'vitest';
import { type Issued, issue, issueRoot, pemOf } from '../fakes/notation/authority.ts';
import { makeOcspAnswer, ocspAt, type RevocationServer, serveRevocation } from '../fakes/notation/revocation.ts';
import { envelopeOf, jws, pushSignature } from '../fakes/notation/sign.ts';
import type { PublishedImage } from '../fakes/publish.ts';
import { pinned, podWith, type Reviewed } from './calls.ts';
import { type Stage, setStage, type Webhook } from './stage.ts';

const hour = 3_600_000;
const realNow = Date.now;
const realTimer = performance.now.bind(performance);
let ahead = 0;

let stage: Stage;
let webhook: Webhook;
let server: RevocationServer;
let root: Issued;
let leaf: Issued;
let image: PublishedImage;
beforeAll(async () => {
  // The webhook's clocks, taken before it starts: hours pass without waiting.
  vi.spyOn(Date, 'now').mockImplementation(() => realNow() + ahead);
  vi.spyOn(performance, 'now').mockImplementation(() => realTimer() + ahead);
  [stage, server, root] = await Promise.all([setStage(), serveRevocation(), issueRoot()]);
  leaf = await issue({ issuer: root, extensions: [ocspAt(server.ocsp)] });
  writeFileSync(join(stage.folder, 'partner.pem'), pemOf(root));
  image = await stage.publish('acme/partner', { signed: false });
  const { mediaType, digest, size } = image.descriptor;
  await pushSignature(image.place, image.descriptor, await envelopeOf(jws, leaf, { mediaType, digest, size }), jws);
  const partner = { name: 'partner', kind: 'notation', images: ['**'], trustStoreFile: 'partner.pem', identities: ['x509.subject: C=US, ST=WA, O=Partner'] };
  webhook = await stage.serve({ signers: [{ ...partner, revocationHosts: [server.host] }] });
});
afterAll(async () => {
  vi.restoreAllMocks();
  await Promise.all([stage.close(), server.close()]);
});

const validate = (): Promise<Reviewed> => webhook.validate(podWith([pinned(image)]));
const say = async (status: 'good' | 'revoked'): Promise<void> =>
  server.say('ocsp', await makeOcspAnswer(leaf, root, { status, thisUpdate: new Date(Date.now()), nextUpdate: new Date(Date.now() + 5 * hour) }));
const fallSilent = (): void => server.say('ocsp', (_, response) => response.writeHead(503).end());

test('an answer holds while it says so, though the responder be out of reach; then nobody knows; then it is revoked', async () => {
  await say('good');
  expect(await validate()).toMatchObject({ allowed: true });
  fallSilent();
  ahead = 4 * hour;
  expect(await validate()).toMatchObject({ allowed: true });
  // Whoever asks first may be answered from before, while the question is asked again.
  ahead = 5 * hour + 1_000;
  const unknown = await validate();
  expect(unknown).toMatchObject({ allowed: false });
  expect(unknown.status?.message).toContain('REVOCATION_UNAVAILABLE');
  expect(unknown.status?.message).toContain('answered with the status 503');
  await say('good');
  ahead += 60_000;
  expect(await validate()).toMatchObject({ allowed: true });
  await say('revoked');
  ahead += 2 * hour;
  const revoked = await validate();
  expect(revoked).toMatchObject({ allowed: false });
  expect(revoked.status?.message).toContain('was revoked at');
});

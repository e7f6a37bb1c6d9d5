import type { RequestListener } from 'node:http';
import { createServer, type Server } from 'node:https';
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest';
import { type EvidenceSource, noFinds } from '../../../src/domain/evidence.ts';
import { bad, good, type Outcome } from '../../../src/domain/fault.ts';
import { parseReference } from '../../../src/domain/image.ts';
import type { Descriptor, Manifest, Registry } from '../../../src/domain/registry.ts';
import { createHttpsOrigin, createOciOrigin } from '../../../src/policy/index.ts';
import { issueAuthority, issueServing } from '../../../src/server/authority.ts';
import { digestOf, manifestOf, signatureBy } from '../parts.ts';

const unhurried = new AbortController().signal;

describe('an HTTPS origin', () => {
  let ca: string;
  let server: Server;
  let origin: ReturnType<typeof createHttpsOrigin>;
  let url: URL;
  let answer: RequestListener;
  const asked: { readonly path: string; readonly etag: string | null; readonly authorization: string | null }[] = [];

  beforeAll(async () => {
    const authority = await issueAuthority(Date.now());
    const serving = await issueServing(authority, ['127.0.0.1'], Date.now());
    ca = authority.cert;
    server = createServer({ key: serving.key, cert: serving.cert }, (request, response) => {
      const { authorization = null, 'if-none-match': etag = null } = request.headers;
      asked.push({ path: request.url ?? '', etag, authorization });
      answer(request, response);
    });
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
    const address = server.address();
    url = new URL(`https://127.0.0.1:${typeof address === 'object' ? address?.port : 0}/p.tar.gz?channel=stable`);
    origin = createHttpsOrigin({ url, ca, token: null });
  });
  afterEach(() => {
    asked.length = 0;
  });
  afterAll(async () => {
    await origin.close();
    server.closeAllConnections();
    server.close();
  });

  it('gives the bundle with its ETag, and asks by that the next time', async () => {
    answer = (request, response) => {
      const known = request.headers['if-none-match'] === '"a"';
      response.writeHead(known ? 304 : 200, { etag: '"a"' }).end(known ? '' : 'bytes');
    };
    expect(await origin.fetch(null, unhurried)).toMatchObject({ ok: true, value: { version: '"a"' } });
    expect(await origin.fetch('"a"', unhurried)).toEqual({ ok: true, value: 'unchanged' });
    expect(asked.map(({ etag, path }) => ({ etag, path }))).toEqual([
      { etag: null, path: '/p.tar.gz?channel=stable' },
      { etag: '"a"', path: '/p.tar.gz?channel=stable' },
    ]);
  });

  it('is named without its query, which may be secret', () => {
    expect(origin.name).toBe(`${url.origin}/p.tar.gz`);
  });

  it('without an ETag is fetched anew', async () => {
    answer = (_request, response) => response.end('bytes');
    expect(await origin.fetch(null, unhurried)).toMatchObject({ ok: true, value: { version: null } });
  });

  it.each([
    [301, 'RESPONSE_INVALID', /redirects are not followed/],
    [304, 'RESPONSE_INVALID', /answered 304/],
    [401, 'REGISTRY_UNAUTHORIZED', /other credentials/],
    [403, 'REGISTRY_UNAUTHORIZED', /other credentials/],
    [404, 'RESPONSE_INVALID', /answered 404/],
    [429, 'REGISTRY_RATE_LIMITED', /answered 429/],
    [503, 'REGISTRY_UNAVAILABLE', /answered 503/],
  ])('that answers %i, though nothing is known yet, gives %s', async (status, code, message) => {
    answer = (_request, response) => response.writeHead(status, { location: '/elsewhere' }).end('<secret>');
    expect(await origin.fetch(null, unhurried)).toMatchObject({ ok: false, fault: { code, message: expect.stringMatching(message) } });
    expect(asked).toHaveLength(1);
  });

  it('that sends without end is cut off', async () => {
    answer = (_request, response) => {
      const piece = Buffer.alloc(1024 * 1024);
      const more = (): void => {
        if (!response.destroyed) response.write(piece, more);
      };
      more();
    };
    expect(await origin.fetch(null, unhurried)).toMatchObject({ ok: false, fault: { code: 'LIMIT_EXCEEDED' } });
  });

  it('that does not answer is given up when its time is over', async () => {
    answer = () => {};
    expect(await origin.fetch(null, AbortSignal.timeout(100))).toMatchObject({
      ok: false,
      fault: { code: 'REGISTRY_UNAVAILABLE', message: expect.stringContaining('in time') },
    });
  });

  it('with a certificate of an unknown authority is not asked', async () => {
    const wary = createHttpsOrigin({ url: new URL('/wary', url), ca: null, token: null });
    expect(await wary.fetch(null, unhurried)).toMatchObject({ ok: false, fault: { code: 'REGISTRY_UNAVAILABLE' } });
    // One that was given up before may still arrive.
    expect(asked.filter(({ path }) => path === '/wary')).toEqual([]);
    await wary.close();
  });

  it('is shown the token as it is at the time', async () => {
    answer = (_request, response) => response.end('bytes');
    const tokens = ['first', 'second'];
    const guarded = createHttpsOrigin({ url, ca, token: async () => good(tokens.shift() ?? '') });
    await guarded.fetch(null, unhurried);
    await guarded.fetch(null, unhurried);
    await guarded.close();
    expect(asked.map(({ authorization }) => authorization)).toEqual(['Bearer first', 'Bearer second']);
  });
});

describe('an OCI origin', () => {
  const layer = (name: string, mediaType = 'application/vnd.oci.image.layer.v1.tar+gzip'): Descriptor => ({
    mediaType,
    digest: digestOf(name),
    size: 5,
    artifactType: null,
    annotations: {},
    platform: null,
  });
  const bundle = manifestOf('bundle', { layers: [layer('content')] });

  function registryOf(manifest: Outcome<Manifest>): Registry & { readonly blobs: string[] } {
    const blobs: string[] = [];
    return {
      blobs,
      manifest: async () => manifest,
      has: async () => good(true),
      blob: async (_repository, { digest }) => {
        blobs.push(digest);
        return good(Buffer.from('bytes'));
      },
      referrers: async () => good({ descriptors: [], faults: [] }),
    };
  }

  function signer(name: string, look: EvidenceSource['look'], applies = true): EvidenceSource {
    return { name, stage: 'signatures', kind: 'cosign-key', trust: '', applies: () => applies, look };
  }
  const signs = signer('release', async () => good({ ...noFinds, signatures: [signatureBy('release')] }));
  const silent = signer('silent', async () => good(noFinds));

  function open(manifest: Outcome<Manifest>, signers: readonly EvidenceSource[], more: { reference?: string; revoked?: readonly string[] } = {}) {
    const reference = parseReference(more.reference ?? 'r.corp/policies:stable');
    if (!reference.ok) throw new Error(reference.fault.message);
    const registry = registryOf(manifest);
    const origin = createOciOrigin({ reference: reference.value, registry, signers, revoked: new Set(more.revoked ?? []), trust: 't' });
    return { registry, fetch: (known: string | null = null) => origin.fetch(known, unhurried), origin };
  }

  it('gives the bundle of its only layer, once one of the signers signed the manifest', async () => {
    const { fetch, origin } = open(good(bundle), [silent, signs]);
    expect(await fetch()).toEqual({ ok: true, value: { bytes: Buffer.from('bytes'), version: bundle.digest } });
    expect(origin).toMatchObject({ name: 'oci://r.corp/policies:stable', pinned: false });
  });

  it('that is named by digest, and known, is not asked at all', async () => {
    const { fetch, origin } = open(bad('REGISTRY_UNAVAILABLE', 'it is down'), [signs], { reference: `r.corp/policies@${bundle.digest}` });
    expect(origin.pinned).toBe(true);
    expect(await fetch(bundle.digest)).toEqual({ ok: true, value: 'unchanged' });
    expect(await fetch()).toMatchObject({ ok: false, fault: { code: 'REGISTRY_UNAVAILABLE' } });
  });

  it('whose tag leads where it did has nothing new', async () => {
    expect(await open(good(bundle), []).fetch(bundle.digest)).toEqual({ ok: true, value: 'unchanged' });
  });

  it.each<[string, Parameters<typeof open>, string, RegExp]>([
    ['an index', [good(manifestOf('x', { kind: 'index', layers: [layer('content')] })), [signs]], 'MANIFEST_INVALID', /is no policy bundle/],
    ['no layer', [good(manifestOf('x')), [signs]], 'MANIFEST_INVALID', /is no policy bundle/],
    ['two layers', [good(manifestOf('x', { layers: [layer('a'), layer('b')] })), [signs]], 'MANIFEST_INVALID', /is no policy bundle/],
    ['another kind of layer', [good(manifestOf('x', { layers: [layer('a', 'text/plain')] })), [signs]], 'MANIFEST_INVALID', /is no policy bundle/],
    ['a revoked manifest', [good(bundle), [signs], { revoked: [bundle.digest] }], 'SIGNATURE_INVALID', /is revoked/],
    ['a revoked bundle', [good(bundle), [signs], { revoked: [digestOf('content')] }], 'SIGNATURE_INVALID', /is revoked/],
    ['no signature', [good(bundle), [silent]], 'SIGNATURE_INVALID', /is not signed by silent/],
    [
      'a signer who does not count there',
      [good(bundle), [signer('elsewhere', signs.look, false)]],
      'SIGNATURE_INVALID',
      /no signature by elsewhere counts for r\.corp\/policies/,
    ],
    [
      'a signature that was refused',
      [good(bundle), [signer('strict', async () => good(rejected))]],
      'SIGNATURE_INVALID',
      /not signed by strict: it is signed by another key/,
    ],
    [
      'signatures that could not be looked at',
      [good(bundle), [silent, signer('dark', async () => bad('REGISTRY_UNAVAILABLE', 'it is down'))]],
      'REGISTRY_UNAVAILABLE',
      /it is down/,
    ],
  ])('that has %s gives nothing, and its layer is not fetched', async (_what, how, code, message) => {
    const { fetch, registry } = open(...how);
    expect(await fetch()).toMatchObject({ ok: false, fault: { code, message: expect.stringMatching(message) } });
    expect(registry.blobs).toEqual([]);
  });

  const rejected = {
    ...noFinds,
    rejected: [{ stage: 'signatures', source: 'strict', layout: 'bundle', code: 'SIGNER_MISMATCH', message: 'it is signed by another key' }],
  } as const;
});

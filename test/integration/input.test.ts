/** What no API server would ever send, at the front door of a whole webhook: refused with reason, nothing let in, and the next Pod is served. */
import type { TLSSocket } from 'node:tls';
import fc from 'fast-check';
import { afterAll, afterEach, beforeAll, describe, expect, test } from 'vitest';
import type { PublishedImage } from '../fakes/publish.ts';
import { admissionReview, podObject } from '../fakes/review.ts';
import { pinned, podWith } from './calls.ts';
import { type Stage, setStage, type Webhook } from './stage.ts';

/** Control, format (bidirectional) and line-separating characters; a denial has lines of its own. */
const unsafe = /(?!\n)[\p{Cc}\p{Cf}\p{Zl}\p{Zp}]/u;

let stage: Stage;
let webhook: Webhook;
let good: PublishedImage;
let slow: { readonly headers: TLSSocket; readonly body: TLSSocket; readonly headersClosed: Promise<void> };

beforeAll(async () => {
  stage = await setStage();
  good = await stage.publish('acme/web');
  webhook = await stage.serve();
  slow = await openSlow();
});
afterEach(async () => {
  expect(await webhook.validate(podWith([pinned(good)]))).toMatchObject({ allowed: true });
});
afterAll(async () => {
  for (const socket of [slow.headers, slow.body]) socket.destroy();
  await stage.close();
});

/** Headers that never end, and a body that never comes. */
async function openSlow(): Promise<typeof slow> {
  const [headers, body] = await Promise.all([webhook.caller.socket(), webhook.caller.socket()]);
  headers.write('POST /validate HTTP/1.1\r\nhost: localhost\r\nx-slow: ');
  body.write('POST /validate HTTP/1.1\r\nhost: localhost\r\ncontent-type: application/json\r\ncontent-length: 1000\r\n\r\n{');
  for (const socket of [headers, body]) socket.on('error', () => {}).resume();
  return { headers, body, headersClosed: new Promise((resolve) => headers.once('close', () => resolve())) };
}

const review = (): ReturnType<typeof podWith> => podWith([pinned(good)]);

describe.each(['/mutate', '/validate'])('%s', (path) => {
  describe('what is no review gets a 4xx that says why', () => {
    const nested = (open: string, close: string): string => `${open.repeat(200_000)}${close.repeat(200_000)}`;
    test.each([
      ['nothing', '', 'not JSON'],
      ['truncated JSON', JSON.stringify(podWith(['a'])).slice(0, 700), 'not JSON'],
      ['no JSON', '<AdmissionReview/>', 'not JSON'],
      ['YAML', 'apiVersion: admission.k8s.io/v1\nkind: AdmissionReview\n', 'not JSON'],
      ['two documents', '{}{}', 'not JSON'],
      ['a byte order mark', '\ufeff{}', 'not JSON'],
      ['NaN', '{"apiVersion":NaN}', 'not JSON'],
      ['null', 'null', 'not an AdmissionReview'],
      ['a list', '[]', 'not an AdmissionReview'],
      ['a number', '1e999', 'not an AdmissionReview'],
      ['an empty object', '{}', 'apiVersion'],
      ['no request', JSON.stringify({ apiVersion: 'admission.k8s.io/v1', kind: 'AdmissionReview' }), 'request'],
      ['a response instead', JSON.stringify({ apiVersion: 'admission.k8s.io/v1', kind: 'AdmissionReview', response: { allowed: true } }), 'request'],
      ['a null request', JSON.stringify({ ...podWith(['a']), request: null }), 'request'],
      ['a request without uid', JSON.stringify(withRequest({ uid: undefined })), 'uid'],
      ['an empty uid', JSON.stringify(withRequest({ uid: '' })), 'uid'],
      ['a uid that is no text', JSON.stringify(withRequest({ uid: { toString: 'x' } })), 'uid'],
      ['an endless uid', JSON.stringify(withRequest({ uid: 'u'.repeat(10_000) })), 'uid'],
      ['lists in lists', nested('[', ']'), ''],
      ['objects in objects', `${'{"a":'.repeat(200_000)}1${'}'.repeat(200_000)}`, ''],
    ])('%s', async (_what, body, said) => {
      const answer = await webhook.caller.call({ path, body });
      expect(answer.status).toBe(400);
      expect(answer.body).toContain('REVIEW_INVALID');
      expect(answer.body).toContain(said);
      expect(answer.body.length).toBeLessThan(500);
    });

    test('bytes that are no UTF-8', async () => {
      const bytes = Buffer.from(JSON.stringify(review()));
      bytes[bytes.indexOf('shop')] = 0xff;
      expect(await webhook.caller.call({ path, body: bytes })).toMatchObject({ status: 400, body: expect.stringContaining('not UTF-8') });
    });

    test.each([
      ['another content type', { headers: { 'content-type': 'text/plain' } }, 415],
      ['no content type', { headers: { 'content-type': '' } }, 415],
      ['a form', { headers: { 'content-type': 'application/x-www-form-urlencoded' } }, 415],
      ['GET', { method: 'GET' }, 405],
      ['PUT', { method: 'PUT' }, 405],
      ['DELETE', { method: 'DELETE' }, 405],
    ])('%s', async (_what, more, status) => {
      expect(await webhook.caller.call({ path, body: JSON.stringify(review()), ...more })).toMatchObject({ status });
    });

    test('50 MB, declared', async () => {
      expect(await webhook.caller.call({ path, body: Buffer.alloc(50 * 1024 * 1024, 0x20) })).toMatchObject({ status: 413 });
    });

    test('50 MB, in chunks of no declared length', async () => {
      const chunks = Array.from({ length: 50 }, () => Buffer.alloc(1024 * 1024, 0x20));
      expect(await webhook.caller.call({ path, body: chunks })).toMatchObject({ status: 413 });
    });

    test('compressed, which nobody offered', async () => {
      const answer = await webhook.caller.call({ path, body: Buffer.from([0x1f, 0x8b, 8, 0]), headers: { 'content-encoding': 'gzip' } });
      expect(answer.status).toBe(400);
    });
  });

  test.each(['/validate/', '/Validate', '/validate/../validate', '//validate', '/%76alidate', '/validate%00', '/', '/metrics', '/%'])(
    'the path %s is refused',
    async (wrong) => {
      const { status } = await webhook.caller.call({ path: wrong, body: JSON.stringify(review()) });
      expect([400, 404]).toContain(status);
    },
  );

  test.each([
    ['the old version', { ...podWith(['a']), apiVersion: 'admission.k8s.io/v1beta1' }],
    ['another kind', { ...podWith(['a']), kind: 'ConversionReview' }],
    ['an unknown operation', withRequest({ operation: 'PATCH' })],
    ['a kind that is no object', withRequest({ kind: 'Pod' })],
    ['a namespace that is no text', withRequest({ namespace: ['shop'] })],
    ['groups that are no list', withRequest({ userInfo: { username: 'a', groups: 'system:masters' } })],
    ['a dry run that is no truth value', withRequest({ dryRun: 'no' })],
  ])('%s is denied under its uid', async (_what, body) => {
    const { status, body: answered } = await webhook.caller.call({ path, body: JSON.stringify(body) });
    expect(status).toBe(200);
    expect(JSON.parse(answered)).toMatchObject({
      apiVersion: 'admission.k8s.io/v1',
      kind: 'AdmissionReview',
      response: { uid: body.request.uid, allowed: false, status: { code: 400, message: expect.stringContaining('REVIEW_INVALID') } },
    });
  });
});

describe('Pods that are none', () => {
  test.each([
    ['no object', null],
    ['a text', 'Pod'],
    ['a list', []],
    ['no spec', { kind: 'Pod', apiVersion: 'v1', metadata: {} }],
    ['a spec that is a text', { spec: 'x' }],
    ['no containers', { spec: {} }],
    ['containers that are an object', { spec: { containers: { 0: { name: 'a', image: 'b' } } } }],
    ['an empty list of containers', { spec: { containers: [] } }],
    ['containers that are null', { spec: { containers: [null, null] } }],
    ['a container that is a list', { spec: { containers: [['image', 'x']] } }],
    ['an image that is a number', { spec: { containers: [{ name: 'a', image: 7 }] } }],
    ['an image that is an object', { spec: { containers: [{ name: 'a', image: { toString: 'x' } }] } }],
    ['an image that only the prototype has', JSON.parse('{"spec":{"containers":[{"name":"a","__proto__":{"image":"x"}}]}}')],
    ['a spec that only the prototype has', JSON.parse('{"__proto__":{"spec":{"containers":[]}},"constructor":{"prototype":{}}}')],
  ])('%s: denied under its uid, and left alone by /mutate', async (_what, object) => {
    const asked = admissionReview({ object });
    expect(await webhook.mutate(asked)).toMatchObject({ uid: asked.request.uid, allowed: true });
    expect(await webhook.validate(asked)).toMatchObject({ uid: asked.request.uid, allowed: false, status: { code: 403 } });
  });

  test('keys of the prototype change nothing for those who come after', async () => {
    const body = JSON.stringify(review()).replace('"metadata":{', '"__proto__":{"allowed":true,"images":[]},"metadata":{"__proto__":{"polluted":"yes"},');
    await webhook.caller.call({ path: '/validate', body });
    expect(Object.hasOwn(Object.prototype, 'polluted')).toBe(false);
    expect(Object.hasOwn(Object.prototype, 'allowed')).toBe(false);
  });

  test('a kind named like something of JavaScript is no workload and no crash', async () => {
    for (const kind of ['constructor', '__proto__', 'toString', 'hasOwnProperty']) {
      const asked = admissionReview({ object: {}, kind: { group: '', version: 'v1', kind } });
      expect(await webhook.validate(asked)).toMatchObject({ uid: asked.request.uid });
    }
  });
});

describe('references that are none', () => {
  test.each([
    '',
    ' ',
    ':',
    '@',
    'UPPER/case:1',
    'a b',
    '../../etc/passwd',
    'http://registry/x',
    'x@sha256:abc',
    `x@md5:${'a'.repeat(32)}`,
    `${'a/'.repeat(2000)}a`,
    'x:\u202egnp.exe',
    'x\u0000y',
    'ﬁle:1',
    'а-cyrillic:1',
    'registry:99999/x@y',
    '-flag',
    '$(id)',
    '{{.}}',
    '\ud800',
    'a'.repeat(64),
  ])('%.40j', async (image) => {
    const asked = podWith([image]);
    expect(await webhook.mutate(asked)).toMatchObject({ allowed: true });
    const denied = await webhook.validate(asked);
    expect(denied).toMatchObject({ uid: asked.request.uid, allowed: false });
    expect(denied.status?.message).toMatch(/REFERENCE_INVALID|REGISTRY_NOT_LISTED/);
    expect(denied.status?.message).not.toMatch(unsafe);
  });
});

test('control and bidirectional characters in every name come out as escapes, in answer, record and log', async () => {
  const evil = 'a\u202eb\u0007\u001b[31mc\u2066\nforged: line\r\u2028d';
  const object = podObject({ name: evil, namespace: evil, containers: [{ name: evil, image: `evil.example/${evil}` }], annotations: { [evil]: evil } });
  const asked = admissionReview({ object, name: evil, namespace: evil, user: evil });
  const denied = await webhook.validate(asked);
  expect(denied).toMatchObject({ uid: asked.request.uid, allowed: false });
  const lines = (denied.status?.message ?? '').split('\n');
  expect(lines.every((line) => /^(image policy: |- (\[|note: )|record )/.test(line))).toBe(true);
  for (const shown of [denied.status?.message ?? '', ...(denied.warnings ?? []), ...Object.values(denied.auditAnnotations ?? {})]) {
    expect(shown).not.toMatch(unsafe);
  }
  expect(webhook.log()).not.toMatch(unsafe);
});

describe('much of everything', () => {
  test('200 containers of a bad image are judged, and the answer stays small', async () => {
    const asked = podWith(Array.from({ length: 200 }, (_, i) => `${stage.registry.host}/acme/none-${i}:1`));
    const { status, body } = await webhook.caller.call({ path: '/validate?timeout=9s', body: JSON.stringify(asked) });
    expect(status).toBe(200);
    expect(JSON.parse(body).response).toMatchObject({ uid: asked.request.uid, allowed: false });
    expect(body.length).toBeLessThan(64 * 1024);
  });

  test('201 containers are too many, good as they are', async () => {
    const asked = podWith(Array.from({ length: 201 }, () => pinned(good)));
    expect(await webhook.mutate(asked)).toMatchObject({ allowed: true });
    const denied = await webhook.validate(asked);
    expect(denied).toMatchObject({ uid: asked.request.uid, allowed: false });
    expect(denied.status?.message).toContain('LIMIT_EXCEEDED');
  });

  test('one bad container among many good ones is found wherever it hides', async () => {
    for (const at of [0, 37, 63]) {
      const images = Array.from({ length: 64 }, (_, i) => (i === at ? 'evil.example/x:1' : pinned(good)));
      const denied = await webhook.validate(podWith(images));
      expect(denied.allowed).toBe(false);
      expect(denied.status?.message).toContain('evil.example/x:1');
    }
  });

  test('thousands of annotations, labels and groups make no large answer', async () => {
    const annotations = Object.fromEntries(Array.from({ length: 5_000 }, (_, i) => [`a.example/${i}`, 'x'.repeat(40)]));
    const object = podObject({ containers: [{ name: 'web', image: 'evil.example/x:1' }], annotations });
    const { body } = await webhook.caller.call({ path: '/validate', body: JSON.stringify(admissionReview({ object })) });
    expect(JSON.parse(body).response.allowed).toBe(false);
    expect(body.length).toBeLessThan(16 * 1024);
  });

  test('a thousand warnings are cut to what the API server takes', async () => {
    const deployment = {
      apiVersion: 'apps/v1',
      kind: 'Deployment',
      metadata: { name: 'web', namespace: 'shop' },
      spec: { template: podObject({ containers: Array.from({ length: 64 }, (_, i) => ({ name: `c${i}`, image: `evil.example/x-${i}:1` })) }) },
    };
    const kind = { group: 'apps', version: 'v1', kind: 'Deployment' };
    const warned = await webhook.validate(admissionReview({ object: deployment, kind, resource: 'deployments' }));
    expect(warned.allowed).toBe(true);
    // https://kubernetes.io/docs/reference/access-authn-authz/extensible-admission-controllers/#response: 256 characters each are shown, 4096 in all.
    expect(warned.warnings?.length).toBeLessThanOrEqual(16);
    expect(warned.warnings?.at(-1)).toMatch(/^and \d+ more$/);
  });

  test('200 bad calls at once, of every sort, and a good one among them', async () => {
    const bodies = ['', '{', '[]', '{}', JSON.stringify(withRequest({ uid: '' })), JSON.stringify(podWith(['evil.example/x:1']))];
    const calls = Array.from({ length: 200 }, (_, i) => webhook.caller.call({ path: i % 2 === 0 ? '/validate' : '/mutate', body: bodies[i % 6] ?? '' }));
    expect(await webhook.validate(review())).toMatchObject({ allowed: true });
    for (const { status, body } of await Promise.all(calls)) expect(status === 400 || (status === 200 && body.includes('"uid"'))).toBe(true);
  });
});

describe('slow callers', () => {
  test('hold up nobody, and are cut off', async () => {
    const more = await Promise.all(Array.from({ length: 40 }, openSlow));
    expect(await webhook.validate(review(), 2_000)).toMatchObject({ allowed: true });
    for (const { headers, body } of more) for (const socket of [headers, body]) socket.destroy();
    await slow.headersClosed;
  });

  test('a caller that hangs up in the middle of its body leaves nothing behind', async () => {
    for (let i = 0; i < 50; i += 1) {
      const { headers, body } = await openSlow();
      headers.destroy();
      body.destroy();
    }
    expect(await webhook.ops('/healthz')).toMatchObject({ status: 200 });
  });
});

test('a review with anything in place of any of its parts is refused by a 4xx or answered under its uid', async () => {
  const odd = fc.oneof(fc.jsonValue({ maxDepth: 2 }), fc.constantFrom<unknown>(null, '', -1, 1e308, [], {}, '\ud800', { __proto__: null }, ['x', ['y']]));
  await fc.assert(
    fc.asyncProperty(fc.nat(), odd, fc.constantFrom('/mutate', '/validate'), async (at, value, path) => {
      const whole = podWith(['evil.example/x:1']);
      const places = placesOf(whole);
      const chosen = places[at % places.length];
      chosen?.put(value);
      const sent = JSON.stringify(whole);
      const { status, body } = await webhook.caller.call({ path, body: sent });
      expect([200, 400]).toContain(status);
      if (status === 400) expect(body).toContain('REVIEW_INVALID');
      else expect(JSON.parse(body).response.uid).toBe(JSON.parse(sent).request.uid);
      // What has nothing to do with who is asked, or with what is done, lets nothing in.
      const beside = /^\/request\/(object\/metadata|object\/status|oldObject|options|name$|resource)/.test(chosen?.path ?? '');
      if (path === '/validate' && beside) expect(status === 200 && JSON.parse(body).response.allowed).toBe(false);
    }),
    { numRuns: 400 },
  );
});

interface PlaceIn {
  readonly path: string;
  put(value: unknown): void;
}

/** Every value within a document, and how to put another in its place. */
function placesOf(value: unknown, path = ''): PlaceIn[] {
  if (typeof value !== 'object' || value === null) return [];
  return Object.entries(value).flatMap(([key, inner]) => [
    { path: `${path}/${key}`, put: (other: unknown) => void Reflect.set(value, key, other) },
    ...placesOf(inner, `${path}/${key}`),
  ]);
}

test('nothing of all this was unexpected to the webhook', () => {
  expect(webhook.log()).not.toContain('should never');
  expect(webhook.log()).not.toContain('could not be answered');
  expect(webhook.log()).not.toContain('INTERNAL');
});

function withRequest(changes: Readonly<Record<string, unknown>>) {
  const whole = podWith(['evil.example/x:1']);
  return { ...whole, request: { ...whole.request, ...changes } };
}

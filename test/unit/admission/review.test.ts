import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { decodeReview, encodeReview } from '../../../src/admission/review.ts';

const whole = {
  apiVersion: 'admission.k8s.io/v1',
  kind: 'AdmissionReview',
  request: {
    uid: 'u-1',
    kind: { group: '', version: 'v1', kind: 'Pod' },
    operation: 'CREATE',
    namespace: 'shop',
    userInfo: { username: 'alice', groups: ['dev'] },
    object: { metadata: { generateName: 'web-' } },
  },
};
const decode = (value: unknown) => decodeReview(Buffer.from(typeof value === 'string' ? value : JSON.stringify(value)));
const without = (key: keyof typeof whole.request) => ({
  ...whole,
  request: Object.fromEntries(Object.entries(whole.request).filter(([name]) => name !== key)),
});

describe('decoding a review', () => {
  it.each([
    ['nothing', ''],
    ['truncated JSON', JSON.stringify(whole).slice(0, 100)],
    ['a number', '1'],
    ['null', 'null'],
    ['no request', { apiVersion: whole.apiVersion, kind: whole.kind }],
    ['a request that is a list', { ...whole, request: [] }],
  ])('refuses %s without an address to answer to', (_what, value) => {
    expect(decode(value)).toMatchObject({ ok: false, uid: null, fault: { code: 'REVIEW_INVALID' } });
  });

  it.each([
    ['another version', { ...whole, apiVersion: 'admission.k8s.io/v1beta1' }],
    ['another kind', { ...whole, kind: 'ConversionReview' }],
  ])('refuses %s, and knows whom to answer', (_what, value) => {
    expect(decode(value)).toMatchObject({ ok: false, uid: 'u-1' });
  });

  it.each(['kind', 'operation'] as const)('refuses a request without %s, and knows whom to answer', (key) => {
    expect(decode(without(key))).toMatchObject({ ok: false, uid: 'u-1' });
  });

  it('refuses bytes that are no UTF-8', () => {
    expect(decodeReview(Buffer.from([0x7b, 0xff, 0x7d]))).toMatchObject({ ok: false, fault: { code: 'REVIEW_INVALID' } });
  });

  it('survives hostile nesting', () => {
    const deep = `${'['.repeat(200_000)}${']'.repeat(200_000)}`;
    expect(decode(`{"apiVersion":"admission.k8s.io/v1","kind":"AdmissionReview","request":${deep}}`).ok).toBe(false);
    expect(decode(JSON.stringify(whole).replace('{"generateName":"web-"}', deep)).ok).toBe(true);
  });

  it('never throws', () => {
    fc.assert(fc.property(fc.oneof(fc.json(), fc.string()), (text) => typeof decode(text).ok === 'boolean'));
    fc.assert(fc.property(fc.uint8Array(), (bytes) => typeof decodeReview(Buffer.from(bytes)).ok === 'boolean'));
  });

  it('reads kind, namespace, user and generateName', () => {
    expect(decode(whole)).toMatchObject({
      ok: true,
      request: { uid: 'u-1', kind: 'v1/Pod', namespace: 'shop', generateName: 'web-', user: { username: 'alice', groups: ['dev'] }, dryRun: false },
    });
  });

  it('names the group of a kind', () => {
    expect(decode({ ...whole, request: { ...whole.request, kind: { group: 'apps', version: 'v1', kind: 'Deployment' } } })).toMatchObject({
      request: { kind: 'apps/v1/Deployment' },
    });
  });
});

describe('encoding an answer', () => {
  const answer = { uid: 'u-1', allowed: true, status: null, warnings: [], auditAnnotations: {}, patch: null };

  it('gives a denial its code and reason', () => {
    expect(JSON.parse(encodeReview({ ...answer, allowed: false, status: { code: 403, message: 'no' } })).response).toEqual({
      uid: 'u-1',
      allowed: false,
      status: { code: 403, reason: 'Forbidden', message: 'no' },
    });
  });

  it('leaves out an empty patch', () => {
    expect(JSON.parse(encodeReview({ ...answer, patch: [] })).response).toEqual({ uid: 'u-1', allowed: true });
  });

  it('encodes a patch as the API server wants it', () => {
    const { response } = JSON.parse(encodeReview({ ...answer, patch: [{ op: 'replace', path: '/spec', value: 'x' }] }));
    expect(response.patchType).toBe('JSONPatch');
    expect(JSON.parse(Buffer.from(response.patch, 'base64').toString())).toEqual([{ op: 'replace', path: '/spec', value: 'x' }]);
  });
});

import { readFile } from 'node:fs/promises';
import canonicalize from 'canonicalize';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { canonicalJson } from '../../../src/domain/canonical.ts';
import type { Question } from '../../../src/domain/decision.ts';
import type { Digest } from '../../../src/domain/digest.ts';
import type { Evidence, JudgedImage } from '../../../src/domain/evidence.ts';
import { fault } from '../../../src/domain/fault.ts';
import { glob } from '../../../src/domain/glob.ts';
import { inputDocument, inputForm, inputSchema } from '../../../src/policy/index.ts';
import { recordedDocument } from '../../../src/policy/input.ts';
import { sampleQuestions } from '../../../src/policy/sample.ts';

const [sample] = sampleQuestions;
const [full, empty] = sample?.images ?? [];
if (sample === undefined || full === undefined || empty === undefined) throw new Error('the samples lack images');

// Any UTF-16, halves of pairs too.
const text = fc.string({ unit: 'binary', maxLength: 20 });
const loneText = fc.oneof(text, fc.constant('\ud800'), fc.constant('a\udc00b'));
const map = fc.dictionary(loneText, loneText, { maxKeys: 5 });
const maybe = <T>(value: fc.Arbitrary<T>): fc.Arbitrary<T | null> => fc.option(value, { nil: null });

const evidence: fc.Arbitrary<Evidence> = fc.record({
  platforms: fc.array(
    fc.record({
      platform: text,
      digest: fc.constant<Digest>('sha256:1'),
      imageId: fc.constant<Digest>('sha256:2'),
      created: maybe(text),
      user: maybe(loneText),
      annotations: map,
      labels: map,
      rootfs: fc.constant(null),
    }),
    { maxLength: 2 },
  ),
  signatures: fc.constantFrom(full.evidence.signatures, []),
  attestations: fc.array(
    fc.record({ signer: text, kind: text, predicateType: text, predicate: fc.jsonValue(), signedAt: maybe(text), subject: fc.constant<Digest>('sha256:1') }),
    { maxLength: 2 },
  ),
  scans: fc.constantFrom(full.evidence.scans, []),
  rejected: fc.constantFrom(full.evidence.rejected, []),
  faults: fc.constantFrom(full.evidence.faults, []),
  lastKnownGood: fc.constantFrom(full.evidence.lastKnownGood, []),
  dark: fc.constant([]),
});

const image: fc.Arbitrary<JudgedImage> = fc.record({
  container: fc.record({
    container: loneText,
    role: fc.constantFrom('container', 'initContainer', 'ephemeralContainer', 'imageVolume'),
    path: text,
    pullPolicy: maybe(text),
    written: loneText,
  }),
  reference: maybe(fc.record({ registry: text, repository: text, tag: maybe(text), digest: maybe(fc.constant<Digest>('sha256:1')) })),
  admitted: loneText,
  pinned: fc.boolean(),
  mirror: maybe(text),
  mirrorMissing: fc.constant(null),
  evidence,
});

const question: fc.Arbitrary<Question> = fc.record({
  now: fc.integer({ min: 0, max: 4e12 }),
  review: fc.record({
    operation: text,
    kind: text,
    namespace: text,
    name: maybe(loneText),
    dryRun: fc.boolean(),
    user: fc.record({ username: loneText, groups: fc.array(loneText, { maxLength: 3 }) }),
    labels: map,
    annotations: map,
    serviceAccount: maybe(text),
    owner: maybe(fc.record({ kind: text, name: text })),
    namespaceLabels: maybe(map),
  }),
  images: fc.array(image, { maxLength: 3 }),
});

describe('the document policies see', () => {
  it('is canonical JSON and has the published form, whatever the Pod says', () => {
    fc.assert(
      fc.property(question, (asked) => {
        const json = inputDocument(asked);
        const parsed: unknown = JSON.parse(json);
        expect(json).toBe(canonicalize(parsed));
        expect(inputForm.safeParse(parsed).error?.issues ?? []).toEqual([]);
      }),
      { numRuns: 300 },
    );
  });

  it.each(sampleQuestions.map((asked, i) => [i, asked] as const))('of sample %i has the published form', (_, asked) => {
    expect(inputForm.safeParse(JSON.parse(inputDocument(asked))).success).toBe(true);
  });

  it('leaves out last-applied-configuration', () => {
    const annotations = { 'kubectl.kubernetes.io/last-applied-configuration': '{"secret":1}', kept: 'yes' };
    const document = JSON.parse(inputDocument({ ...sample, review: { ...sample.review, annotations } })) as { review: { annotations: unknown } };
    expect(document.review.annotations).toEqual({ kept: 'yes' });
  });

  it('is kept without the values of annotations that nobody allowed, and whole where there are none', () => {
    const annotations = { 'tidewaiter.dev/written': 'nginx', 'vault.example/token': 'hunter2' };
    const asked = { ...sample, review: { ...sample.review, annotations } };
    const kept = recordedDocument(asked, inputDocument(asked), glob('tidewaiter.dev/*'));
    expect(JSON.parse(kept).review.annotations).toEqual({ 'tidewaiter.dev/written': 'nginx', 'vault.example/token': '(not recorded)' });
    const plain = { ...sample, review: { ...sample.review, annotations: { 'tidewaiter.dev/written': 'nginx' } } };
    expect(recordedDocument(plain, inputDocument(plain), glob('tidewaiter.dev/*'))).toBe(inputDocument(plain));
  });

  it('never holds the cause of a fault, nor anything else that is not part of its form', () => {
    const leaking = { ...fault('REGISTRY_UNAVAILABLE', 'no answer', { cause: new Error('password') }), stage: 'scans' as const, source: 'harbor' };
    const json = inputDocument({ ...sample, images: [{ ...full, evidence: { ...full.evidence, faults: [leaking] } }] });
    expect(json).not.toContain('cause');
    expect(json).not.toContain('password');
  });

  it('writes what many requests share only once', () => {
    let reads = 0;
    const watched = new Proxy(full.evidence, {
      get(target, key: keyof Evidence) {
        reads += 1;
        return target[key];
      },
    });
    const asked = {
      ...sample,
      images: [
        { ...full, evidence: watched },
        { ...full, evidence: watched },
      ],
    };
    const first = inputDocument(asked);
    const after = reads;
    expect(inputDocument(asked)).toBe(first);
    expect(reads).toBe(after);
  });

  it('has the time with its milliseconds, so that a replay is exact', () => {
    expect(JSON.parse(inputDocument({ ...sample, now: 1_764_018_000_123 }))).toMatchObject({ version: 1, now: '2025-11-24T21:00:00.123Z' });
  });
});

describe('canonical JSON', () => {
  it('has a form for numbers that no double holds', () => {
    expect(canonicalJson({ a: JSON.parse('1e999'), b: -0 })).toBe('{"a":null,"b":0}');
  });

  it('replaces halves of surrogate pairs, as the API server does', () => {
    expect(canonicalJson({ '\ud800': 'x', a: '\udfff' })).toBe('{"a":"\ufffd","\ufffd":"x"}');
  });

  it('keeps what looks like a prototype', () => {
    expect(canonicalJson(JSON.parse('{"__proto__":{"b":1,"a":2}}'))).toBe('{"__proto__":{"a":2,"b":1}}');
  });
});

describe('the published schema', () => {
  it('is what policies/schema/input.json holds', async () => {
    expect(JSON.parse(await readFile('policies/schema/input.json', 'utf8'))).toEqual(inputSchema);
  });
});

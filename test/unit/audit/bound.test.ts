/** One record is bounded, whatever a requester puts into a Pod and however much a scan finds. */
import canonicalize from 'canonicalize';
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { seal } from '../../../src/audit/chain.ts';
import { referencesOf, restoreInput, slimInput } from '../../../src/audit/content.ts';
import { longestRecord } from '../../../src/audit/fit.ts';
import { draftRecord, mostCves, renderRecord } from '../../../src/audit/record.ts';
import { longestTexts } from '../../../src/audit/reviewContent.ts';
import { verifyChain } from '../../../src/audit/verify.ts';
import type { RecordDraft } from '../../../src/domain/record.ts';
import { denial, draft, evidence, finding, image, inputOf, scan } from './fixtures.ts';

const link = { chain: '01KB0000000000000000000000', sequence: 0, previousHash: '0'.repeat(64) };
const hex = 'ab'.repeat(32);

function rendered(value: RecordDraft) {
  const drafted = draftRecord(value);
  const { line } = seal(renderRecord(drafted, link, { replica: 'replica-0', build: '0.1.0' }));
  const contents = drafted.contents.map(({ sha256, text }) => `{"content":"${sha256}","value":${text}}`);
  const known = new Map(drafted.contents.map(({ sha256, text }) => [sha256, text]));
  return { line, record: JSON.parse(line), contents, known, lines: [...contents, line.trimEnd()] };
}

function withReview(review: object, images = [image(evidence())]): string {
  return canonicalize({ ...JSON.parse(inputOf(images)), review: { kind: 'Pod', ...review } }) ?? '';
}

const many = (length: number) => Object.fromEntries(Array.from({ length }, (_, i) => [`k${i}`.padEnd(60, 'z'), '']));

describe('labels and annotations', () => {
  test('of a megabyte are kept once, beside the record, and can be had again', () => {
    const input = withReview({ annotations: {}, labels: many(16_384), namespaceLabels: null });
    const { line, record, contents, known, lines } = rendered(draft({ input }));
    expect(input.length).toBeGreaterThan(1_000_000);
    expect(line.length).toBeLessThan(8_192);
    expect(contents).toHaveLength(1);
    expect(record.input.review).toMatchObject({ annotations: {}, kind: 'Pod', labels: { sha256: expect.any(String) }, namespaceLabels: null });
    expect(restoreInput(JSON.stringify(record.input), known)).toBe(input);
    expect(verifyChain(lines).faults).toEqual([]);
    expect(verifyChain(lines.slice(1)).faults).toMatchObject([{ kind: 'removed' }]);
  });

  test('stay where they are up to a bound', () => {
    const input = withReview({ annotations: { note: 'x'.repeat(longestTexts - 200) }, labels: {} });
    expect(slimInput(input, [])).toEqual({ text: input, contents: [] });
  });

  test('that look like a reference do not pass for one', () => {
    const input = withReview({ annotations: { sha256: hex }, labels: { sha256: hex } });
    const slim = slimInput(input, []);
    expect(slim.contents).toHaveLength(2);
    expect(restoreInput(slim.text, new Map(slim.contents.map(({ sha256, text }) => [sha256, text])))).toBe(input);
    expect(verifyChain(rendered(draft({ input })).lines).faults).toEqual([]);
  });

  test('can be had again, whatever they are', () => {
    const texts = fc.oneof(
      fc.dictionary(fc.string(), fc.string()),
      fc.constant({ sha256: hex }),
      fc.constant({ review: '"review":{' }),
      fc.constant({ long: '"review":{'.repeat(2000) }),
      fc.constant(many(300)),
    );
    fc.assert(
      fc.property(texts, texts, fc.option(texts), fc.boolean(), (annotations, labels, namespaceLabels, severe) => {
        const images = [image(evidence({ scans: [scan(Array.from({ length: severe ? 30 : 1 }, () => finding()))] }))];
        const input = withReview({ annotations, labels, namespaceLabels }, images);
        const slim = slimInput(input, images);
        const known = new Map(slim.contents.map(({ sha256, text }) => [sha256, text]));
        return restoreInput(slim.text, known) === input && referencesOf(JSON.parse(slim.text)).every((sha256) => known.has(sha256));
      }),
    );
  });
});

describe('CVEs', () => {
  const cves = Array.from({ length: 400 }, (_, i) => `CVE-2026-${10_000 + i}`);

  test('beyond the first hundred are a number', () => {
    const { record } = rendered(draft({ findings: [{ ...denial, cves }] }));
    expect(record.findings[0]).toMatchObject({ cves: cves.slice(0, mostCves), cvesOmitted: 300 });
    expect(record.images[0]).toMatchObject({ decidingCves: cves.slice(0, mostCves), decidingCvesOmitted: 300 });
  });

  test('of fifty containers make a record within its bound, and nothing of the input is lost', () => {
    const found = evidence({ scans: [scan(cves.map((id) => finding({ id })))] });
    const images = Array.from({ length: 50 }, (_, i) => image(found, `c${i}`));
    const findings = images.map(({ container: { container } }) => ({ ...denial, container, cves, msg: 'x'.repeat(1_000) }));
    const value = draft({ images, findings });
    const { line, record, known, lines } = rendered(value);
    expect(Buffer.byteLength(line)).toBeLessThanOrEqual(longestRecord);
    expect(restoreInput(JSON.stringify(record.input), known)).toBe(value.input);
    expect(verifyChain(lines).faults).toEqual([]);
  });
});

test('a record that is too long in every part refers to all of them, and what is missing of it is found', () => {
  const images = Array.from({ length: 200 }, (_, i) => {
    const found = evidence({ platforms: [], rejected: [], scans: [scan(Array.from({ length: 20 }, () => finding({ package: `p${i}` })))] });
    return { ...image(found, `c${i}`), admitted: 'é'.repeat(2_000) };
  });
  const value = draft({ images, findings: images.map(() => ({ ...denial, msg: 'ü'.repeat(2_000) })) });
  const { line, record, known, lines } = rendered(value);
  expect(Buffer.byteLength(line)).toBeLessThanOrEqual(longestRecord);
  expect(Object.keys(record.input)).toEqual(['sha256']);
  expect(restoreInput(JSON.stringify(record.input), known)).toBe(value.input);
  expect(restoreInput(JSON.stringify(record.input), new Map())).toBeNull();
  expect(verifyChain(lines).faults).toEqual([]);
  // The findings of one image, which only the input refers to, and the input itself.
  expect(verifyChain(lines.toSpliced(0, 1)).faults).toMatchObject([{ kind: 'removed' }]);
  expect(verifyChain(lines.filter((each) => !each.startsWith(`{"content":"${record.input.sha256}"`))).faults).toMatchObject([{ kind: 'removed' }]);
});

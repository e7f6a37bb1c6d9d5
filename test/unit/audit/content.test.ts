import canonicalize from 'canonicalize';
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { longestInline, referencesOf, restoreInput, slimInput } from '../../../src/audit/content.ts';
import type { JudgedImage, VerifiedAttestation } from '../../../src/domain/evidence.ts';
import { digest, evidence, finding, image, inputOf, scan } from './fixtures.ts';

const large = Array.from({ length: 20 }, (_, i) => finding({ id: `CVE-2026-${i}` }));
const hex = 'ab'.repeat(32);

function attestation(predicate: unknown): VerifiedAttestation {
  return { signer: 'ci', kind: 'cosign-key', predicateType: 'test', predicate, signedAt: null, subject: digest('a') };
}

function roundTrip(input: string, images: readonly JudgedImage[]): string | null {
  const slim = slimInput(input, images);
  return restoreInput(slim.text, new Map(slim.contents.map(({ sha256, text }) => [sha256, text])));
}

describe('an input', () => {
  test('without large parts stays as it is', () => {
    const images = [image(evidence())];
    expect(slimInput(inputOf(images), images)).toEqual({ text: inputOf(images), contents: [] });
  });

  test('refers to large findings and predicates, and can be had whole again', () => {
    const found = evidence({ scans: [scan(large), scan([])], attestations: [attestation({ long: 'x'.repeat(2000) }), attestation({ short: 1 })] });
    const images = [image(found, 'web'), image(found, 'sidecar')];
    const input = inputOf(images);
    const slim = slimInput(input, images);
    expect(slim.contents.map(({ text }) => text)).toEqual(['web', 'sidecar'].flatMap(() => [canonicalize({ long: 'x'.repeat(2000) }), canonicalize(large)]));
    expect(slim.text.length).toBeLessThan(input.length / 2);
    expect(referencesOf(JSON.parse(slim.text))).toEqual(slim.contents.map(({ sha256 }) => sha256));
    expect(roundTrip(input, images)).toBe(input);
  });

  test('that does not hold the findings as the evidence has them is slimmed all the same', () => {
    const images = [image(evidence({ scans: [scan(large)] }))];
    const waived = [image(evidence({ scans: [scan(large.map((one) => ({ ...one, suppressed: { by: 'exception', reason: 'known' } })))] }))];
    const slim = slimInput(inputOf(waived), images);
    expect(slim.contents).toHaveLength(1);
    expect(slim.text).not.toContain('exception');
    expect(roundTrip(inputOf(waived), images)).toBe(inputOf(waived));
  });

  test('whose predicate looks like a reference does not pass for one', () => {
    const images = [image(evidence({ attestations: [attestation({ sha256: hex })] }))];
    const slim = slimInput(inputOf(images), images);
    expect(slim.contents.map(({ text }) => text)).toEqual([`{"sha256":"${hex}"}`]);
    expect(roundTrip(inputOf(images), images)).toBe(inputOf(images));
  });

  test('can not be had whole without its contents', () => {
    const images = [image(evidence({ scans: [scan(large)] }))];
    expect(restoreInput(slimInput(inputOf(images), images).text, new Map())).toBeNull();
  });

  test('can be had whole again, whatever the predicates hold', () => {
    const tricky = fc.oneof(
      fc.jsonValue(),
      fc.constant({ sha256: hex }),
      fc.constant({ predicate: { sha256: hex } }),
      fc.constant({ findings: large }),
      fc.constant(`"findings":${canonicalize(large)}`),
      fc.constant({ predicate: { findings: large, predicate: 'x'.repeat(longestInline) } }),
      fc.constant('x'.repeat(longestInline)),
    );
    fc.assert(
      fc.property(fc.array(fc.array(tricky, { maxLength: 3 }), { maxLength: 3 }), fc.boolean(), (predicates, severe) => {
        const images = predicates.map((list) => image(evidence({ attestations: list.map(attestation), scans: severe ? [scan(large)] : [] })));
        const input = inputOf(images);
        const slim = slimInput(input, images);
        expect(canonicalize(JSON.parse(slim.text))).toBe(slim.text);
        expect(roundTrip(input, images)).toBe(input);
      }),
    );
  });
});

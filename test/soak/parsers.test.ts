import fc from 'fast-check';
import { describe, it } from 'vitest';
import { parseDigest } from '../../src/domain/digest.ts';
import { glob } from '../../src/domain/glob.ts';
import { formatReference, parseReference } from '../../src/domain/image.ts';
import { safeText } from '../../src/domain/text.ts';
import { changedImages, readWorkload, workloadKinds } from '../../src/domain/workload.ts';

const numRuns = 500_000;
const scraps = fc
  .array(
    fc.oneof(
      fc.constantFrom('/', ':', '@', '.', '-', '_', '[', ']', 'a', 'A', '0', 'docker.io', 'localhost', 'sha256:', 'a'.repeat(64), '\u202e', '\n'),
      fc.string({ unit: 'binary', maxLength: 4 }),
    ),
    { maxLength: 12 },
  )
  .map((parts) => parts.join(''));

describe('long fuzzing', () => {
  it('finds no text that a reference is read from in two ways, or that throws', () => {
    fc.assert(
      fc.property(scraps, (text) => {
        parseDigest(text);
        const parsed = parseReference(text);
        if (!parsed.ok) return true;
        const again = parseReference(formatReference(parsed.value));
        return again.ok && formatReference(again.value) === formatReference(parsed.value);
      }),
      { numRuns },
    );
  });

  it('finds no text that comes out unsafe', () => {
    fc.assert(
      fc.property(fc.string({ unit: 'binary', maxLength: 100 }), (text) => !/[\p{Cc}\p{Cf}\p{Zl}\p{Zp}\p{Cs}]/u.test(safeText(text))),
      { numRuns },
    );
  });

  it('finds no glob that is slow', () => {
    fc.assert(
      fc.property(
        fc.array(fc.constantFrom('*', '**', 'a', '/'), { maxLength: 60 }),
        fc.array(fc.constantFrom('a', '/'), { maxLength: 250 }),
        (pattern, text) => {
          const started = performance.now();
          glob(pattern.join(''))(text.join(''));
          // A step is some nanoseconds, and there are at most some hundred thousand; the rest is the machine's other business.
          return performance.now() - started < 500;
        },
      ),
      { numRuns: numRuns / 3 },
    );
  });

  it('finds no object that a workload can not be read from', () => {
    fc.assert(
      fc.property(fc.constantFrom(...workloadKinds), fc.jsonValue({ maxDepth: 8 }), fc.jsonValue({ maxDepth: 8 }), (kind, now, before) => {
        const workload = readWorkload(kind, { spec: now });
        if (workload !== null) changedImages(workload, readWorkload(kind, { spec: before }));
      }),
      { numRuns: numRuns / 3 },
    );
  });
});

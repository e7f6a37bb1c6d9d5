import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { Chain, renderLoss, renderOpening, seal } from '../../../src/audit/chain.ts';
import { draftRecord, renderRecord } from '../../../src/audit/record.ts';
import { verifyChain } from '../../../src/audit/verify.ts';
import { draft, evidence, finding, image, now, scan } from './fixtures.ts';

const writer = { replica: 'replica-0', build: '0.1.0' };

/** An opening and nine records, the fifth line with a content before its record. */
function lines(id = '01KB0000000000000000000000'): string[] {
  const chain = new Chain(id);
  const out: string[] = [];
  const add = (entry: ReturnType<typeof seal>): void => {
    chain.add(entry);
    out.push(entry.line.trimEnd());
  };
  add(seal(renderOpening(chain.next, writer, null, now)));
  for (let i = 1; i < 10; i += 1) {
    const large = Array.from({ length: 20 }, () => finding());
    const drafted = draftRecord(draft({ id: `record-${i}`, ...(i === 4 ? { images: [image(evidence({ scans: [scan(large)] }))] } : {}) }));
    for (const { sha256, text } of drafted.contents) out.push(`{"content":"${sha256}","value":${text}}`);
    add(seal(renderRecord(drafted, chain.next, writer)));
  }
  return out;
}

const kinds = (changed: readonly string[], options = {}) => verifyChain(changed, options).faults.map(({ kind, sequence }) => `${kind} ${sequence}`);
const whole = lines();

test('a whole chain has no faults, and says from where to where it goes', () => {
  const report = verifyChain(whole);
  expect(report).toMatchObject({ entries: 10, faults: [], chains: [{ first: { sequence: 0 }, last: { sequence: 9 } }] });
});

describe('is found, with its place:', () => {
  test('an edited record', () => {
    expect(kinds(whole.with(2, (whole[2] ?? '').replace('alice', 'mallory')))).toEqual(['altered 2']);
    expect(verifyChain(whole.with(2, (whole[2] ?? '').replace('alice', 'mallory'))).faults[0]?.line).toBe(3);
  });

  test('an edited record with a new hash', () => {
    const entry = JSON.parse(whole[2] ?? '');
    const chain = new Chain(entry.chain);
    chain.add({ line: '', hash: JSON.parse(whole[0] ?? '').hash });
    chain.add({ line: '', hash: JSON.parse(whole[1] ?? '').hash });
    const forged = seal(renderRecord(draftRecord(draft({ id: 'record-2', decision: 'allow' })), chain.next, writer)).line.trimEnd();
    expect(kinds(whole.with(2, forged))).toEqual(['altered 2']);
  });

  test('an edited, and a removed content', () => {
    expect(kinds(whole.with(4, (whole[4] ?? '').replace('openssl', 'openssh')))).toEqual(['altered null']);
    expect(kinds(whole.toSpliced(4, 1))).toEqual(['removed 4']);
  });

  test('one removed record, and several', () => {
    expect(kinds(whole.toSpliced(2, 1))).toEqual(['removed 2']);
    expect(kinds(whole.toSpliced(6, 3))).toEqual(['removed 5', 'removed 6', 'removed 7']);
  });

  test('a removed beginning, unless it was pruned', () => {
    expect(kinds(whole.slice(2))).toEqual(['removed 0']);
    expect(kinds(whole.slice(2), { pruned: true })).toEqual([]);
  });

  test('records that changed places', () => {
    expect(kinds(whole.with(1, whole[2] ?? '').with(2, whole[1] ?? ''))).toEqual(['reordered 1']);
  });

  test('a record that is there twice', () => {
    expect(kinds(whole.toSpliced(3, 0, whole[2] ?? ''))).toEqual(['repeated 2']);
  });

  test('a line that is no JSON, or no entry', () => {
    expect(kinds(whole.toSpliced(3, 0, '{', '[]', '{"chain":1}'))).toEqual(['altered null', 'altered null', 'altered null']);
  });

  test('a last line that was not finished', () => {
    expect(kinds([...whole, '{"answered":"al'])).toEqual(['torn null']);
  });

  test('what is only written otherwise', () => {
    expect(kinds(whole.with(2, JSON.stringify(JSON.parse(whole[2] ?? ''), null, 1).replaceAll('\n', '')))).toEqual(['altered 2']);
  });
});

test('any one change to any line is found', () => {
  fc.assert(
    fc.property(fc.nat(whole.length - 1), fc.nat(), fc.integer({ min: 33, max: 126 }), (line, at, code) => {
      const text = whole[line] ?? '';
      const place = at % text.length;
      const changed = text.slice(0, place) + String.fromCharCode(code) + text.slice(place + 1);
      if (changed !== text) expect(kinds(whole.with(line, changed))).not.toEqual([]);
    }),
  );
});

test('several chains lie side by side', () => {
  const other = lines('01KB0000000000000000000009');
  const mixed = whole.flatMap((line, i) => [line, other[i] ?? '']);
  expect(verifyChain(mixed)).toMatchObject({ entries: 20, faults: [], chains: [{}, {}] });
});

test('a chain that says it lost records is whole', () => {
  const chain = new Chain('01KB0000000000000000000000');
  const opening = seal(renderOpening(chain.next, writer, null, now));
  chain.add(opening);
  const loss = seal(renderLoss(chain.next, writer, 3, now));
  expect(kinds([opening.line.trimEnd(), loss.line.trimEnd()])).toEqual([]);
});

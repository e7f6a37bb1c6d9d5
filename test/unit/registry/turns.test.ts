import { expect, it } from 'vitest';
import { createTurns } from '../../../src/registry/turns.ts';

it('long work of many is done in turns, and others come between', async () => {
  const turn = createTurns();
  const seen: string[] = [];
  const work = ['a', 'b', 'c'].map(async (name) => {
    await turn(1_000_000);
    seen.push(name);
    setImmediate(() => seen.push(`behind ${name}`));
  });
  await Promise.all(work);
  expect(seen.filter((name) => name.length === 1)).toEqual(['a', 'b', 'c']);
  expect(seen.indexOf('behind a')).toBeLessThan(seen.indexOf('c'));
});

it('little work does not wait', async () => {
  const turn = createTurns();
  let turned = false;
  setImmediate(() => {
    turned = true;
  });
  await turn(100);
  expect(turned).toBe(false);
});

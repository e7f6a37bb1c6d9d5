import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { createSlots } from '../../../src/registry/slots.ts';
import { codeOf } from './fixture.ts';

const soon = (): AbortSignal => AbortSignal.timeout(10_000);
/** Lets all that is settled be seen. */
const settled = (): Promise<void> => new Promise((resolve) => setImmediate(resolve));

/** Takes turns for repositories, in the order of the list; each turn is written down and given back when `next` is called. */
function take(slots: ReturnType<typeof createSlots>) {
  const order: string[] = [];
  const held: (() => void)[] = [];
  return {
    order,
    async of(repository: string, party = ''): Promise<string> {
      const slot = await slots.take('hub.test', { party, repository }, soon());
      order.push(`${party === '' ? '' : `${party}/`}${repository}${slot.ok ? '' : ' refused'}`);
      if (slot.ok) held.push(slot.value);
      return codeOf(slot);
    },
    async next(): Promise<void> {
      held.shift()?.();
      await settled();
    },
  };
}

describe('slots', () => {
  it('are given to repositories in turn: one with many requests does not keep another waiting', async () => {
    const turns = take(createSlots(1, 1_000));
    await turns.of('first');
    const all = [...Array.from({ length: 200 }, () => turns.of('many')), turns.of('few'), turns.of('few'), turns.of('one')];
    for (let i = 0; i < 6; i += 1) await turns.next();
    expect(turns.order).toEqual(['first', 'many', 'few', 'one', 'many', 'few', 'many']);
    for (let i = 0; i < 210; i += 1) await turns.next();
    expect(await Promise.all(all)).toEqual(Array.from({ length: 203 }, () => 'ok'));
  });

  it('are given to namespaces in turn, however many repositories one of them asks for', async () => {
    const turns = take(createSlots(1, 1_000));
    await turns.of('first');
    const all = [...Array.from({ length: 50 }, (_, i) => turns.of(`r${i}`, 'greedy')), turns.of('a', 'shop'), turns.of('b', 'shop')];
    for (let i = 0; i < 5; i += 1) await turns.next();
    expect(turns.order).toEqual(['first', 'greedy/r0', 'shop/a', 'greedy/r1', 'shop/b', 'greedy/r2']);
    for (let i = 0; i < 60; i += 1) await turns.next();
    expect(await Promise.all(all)).toEqual(Array.from({ length: 52 }, () => 'ok'));
  });

  it('are never all held by one namespace, and what it waits for begins as soon as it may', async () => {
    const turns = take(createSlots(4, 1_000));
    const all = Array.from({ length: 6 }, (_, i) => turns.of(`r${i}`, 'greedy'));
    await settled();
    expect(turns.order).toHaveLength(3);
    expect(await turns.of('a', 'shop')).toBe('ok');
    for (let i = 0; i < 8; i += 1) await turns.next();
    expect(await Promise.all(all)).toEqual(Array.from({ length: 6 }, () => 'ok'));
  });

  it('that are full turn away the latest of the namespace that waits for most', async () => {
    const turns = take(createSlots(1, 4));
    await turns.of('first');
    const greedy = Array.from({ length: 4 }, (_, i) => turns.of(`r${i}`, 'greedy'));
    const shop = turns.of('a', 'shop');
    for (let i = 0; i < 8; i += 1) await turns.next();
    expect((await Promise.all(greedy)).filter((code) => code !== 'ok')).toEqual(['LIMIT_EXCEEDED']);
    expect(await shop).toBe('ok');
  });

  it('are never all held by one repository, even where it alone has requests', async () => {
    const turns = take(createSlots(4, 1_000));
    const all = Array.from({ length: 10 }, () => turns.of('hangs'));
    await settled();
    expect(turns.order).toEqual(['hangs', 'hangs', 'hangs']);
    expect(await turns.of('other')).toBe('ok');
    const waits = turns.of('other');
    await settled();
    expect(turns.order).toHaveLength(4);
    for (let i = 0; i < 12; i += 1) await turns.next();
    expect(await Promise.all([...all, waits])).toEqual(Array.from({ length: 11 }, () => 'ok'));
  });

  it('in whatever order they are taken and given up, are bounded, and none is lost', async () => {
    const requests = fc.array(
      fc.record({ party: fc.constantFrom('', 'x', 'y'), repository: fc.constantFrom('a', 'b', 'c'), gives: fc.nat(3), gone: fc.boolean() }),
      { maxLength: 40 },
    );
    await fc.assert(
      fc.asyncProperty(requests, fc.integer({ min: 1, max: 6 }), async (list, perHost) => {
        const slots = createSlots(perHost, 10);
        const held: (() => void)[] = [];
        let running = 0;
        const outcomes: string[] = [];
        for (const { party, repository, gives, gone } of list) {
          const leaving = new AbortController();
          void slots.take('hub.test', { party, repository }, leaving.signal).then((slot) => {
            outcomes.push(codeOf(slot));
            if (!slot.ok) return;
            running += 1;
            expect(running).toBeLessThanOrEqual(perHost);
            held.push(slot.value);
          });
          if (gone) leaving.abort();
          for (let i = 0; i < gives; i += 1) {
            await Promise.resolve();
            const give = held.shift();
            if (give !== undefined) running -= 1;
            give?.();
          }
        }
        await settled();
        for (let give = held.shift(); give !== undefined; give = held.shift()) {
          running -= 1;
          give();
          await settled();
        }
        expect(outcomes).toHaveLength(list.length);
      }),
      { numRuns: 100 },
    );
  });

  it('in a full queue are taken from the repository that has most in it', async () => {
    const turns = take(createSlots(1, 4));
    await turns.of('first');
    const many = Array.from({ length: 4 }, () => turns.of('many'));
    const few = turns.of('few');
    await settled();
    expect(turns.order).toEqual(['first', 'many refused']);
    for (let i = 0; i < 5; i += 1) await turns.next();
    expect(await Promise.all(many)).toEqual(['ok', 'ok', 'ok', 'LIMIT_EXCEEDED']);
    expect(await few).toBe('ok');
  });

  it('in a full queue are not taken by the repository that filled it, nor swapped between equals', async () => {
    const turns = take(createSlots(1, 2));
    await turns.of('first');
    const waiting = [turns.of('a'), turns.of('b')];
    expect(await turns.of('a')).toBe('LIMIT_EXCEEDED');
    expect(await turns.of('c')).toBe('LIMIT_EXCEEDED');
    for (let i = 0; i < 3; i += 1) await turns.next();
    expect(await Promise.all(waiting)).toEqual(['ok', 'ok']);
  });

  it('of one host are none of another', async () => {
    const slots = createSlots(1, 0);
    expect(codeOf(await slots.take('a.test', { party: '', repository: 'x' }, soon()))).toBe('ok');
    expect(codeOf(await slots.take('a.test', { party: '', repository: 'x' }, soon()))).toBe('LIMIT_EXCEEDED');
    expect(codeOf(await slots.take('b.test', { party: '', repository: 'x' }, soon()))).toBe('ok');
  });
});

import fc from 'fast-check';
import { expect, it } from 'vitest';
import { createGate } from '../../../src/server/gate.ts';

const open = new AbortController().signal;

it('lets in no more than there are places, and hands a place to who waits longest', async () => {
  const gate = createGate(1, 2);
  expect(gate.tryEnter()).toBe(true);
  expect(gate.tryEnter()).toBe(false);
  const order: string[] = [];
  const first = gate.enter(5000, open).then((entered) => order.push(`first ${entered}`));
  const second = gate.enter(5000, open).then((entered) => order.push(`second ${entered}`));
  expect(await gate.enter(5000, open)).toBe(false);
  gate.leave();
  await first;
  expect(gate.tryEnter()).toBe(false);
  gate.leave();
  await second;
  expect(order).toEqual(['first true', 'second true']);
  gate.leave();
  expect(gate.tryEnter()).toBe(true);
});

it('gives the place in the queue up when the caller leaves', async () => {
  const gate = createGate(1, 1);
  gate.tryEnter();
  const leaving = new AbortController();
  const waiting = gate.enter(5000, leaving.signal);
  leaving.abort();
  expect(await waiting).toBe(false);
  expect(await gate.enter(5000, leaving.signal)).toBe(false);
  const next = gate.enter(5000, open);
  gate.leave();
  expect(await next).toBe(true);
});

it('never has more inside than there are places, whatever the order of coming and going', async () => {
  await fc.assert(
    fc.asyncProperty(
      fc.integer({ min: 1, max: 4 }),
      fc.nat(4),
      fc.array(fc.constantFrom('come', 'go', 'wait'), { maxLength: 40 }),
      async (places, queue, steps) => {
        const gate = createGate(places, queue);
        let inside = 0;
        const waits: Promise<unknown>[] = [];
        const entered = (yes: boolean): void => {
          if (yes) inside += 1;
          expect(inside).toBeLessThanOrEqual(places);
        };
        for (const step of steps) {
          if (step === 'come') entered(gate.tryEnter());
          else if (step === 'wait') waits.push(gate.enter(5000, open).then(entered));
          else if (inside > 0) {
            inside -= 1;
            gate.leave();
          }
          for (let i = 0; i < 4; i++) await Promise.resolve();
        }
        while (inside > 0) {
          inside -= 1;
          gate.leave();
          for (let i = 0; i < 4; i++) await Promise.resolve();
        }
        await Promise.all(waits);
        for (let i = 0; i < places; i++) expect(gate.tryEnter()).toBe(true);
        expect(gate.tryEnter()).toBe(false);
      },
    ),
  );
});

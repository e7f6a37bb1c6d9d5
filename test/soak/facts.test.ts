import { describe, expect, it } from 'vitest';
import { deadlineIn } from '../../src/domain/deadline.ts';
import { good, type Outcome } from '../../src/domain/fault.ts';
import { createFacts } from '../../src/evidence/cache.ts';
import { waitFor } from '../rig/wait.ts';

const limits = { entries: 50_000, askFor: 1_000, lastKnownGoodFor: 60_000, asking: 256 };
const lifetime = () => ({ freshFor: 60_000, refreshAfter: 60_000 });

describe('100,000 facts', () => {
  it('are asked for once each, however many want to know, and only the bound of them is kept', async () => {
    const facts = createFacts(limits, Date.now);
    let asked = 0;
    const ask = async (): Promise<Outcome<string>> => {
      asked += 1;
      await Promise.resolve();
      return good('x'.repeat(200));
    };
    const know = (i: number, deadline = deadlineIn(1_000, Date.now())) => facts.know(`fact ${i}`, lifetime, ask, deadline);
    expect(globalThis.gc).toBeDefined();
    globalThis.gc?.();
    const before = process.memoryUsage().heapUsed;
    for (let i = 0; i < 100_000; i += 100) {
      const deadline = deadlineIn(1_000, Date.now());
      const wanted = Array.from({ length: 100 }, (_, j) => i + j).flatMap((key) => [know(key, deadline), know(key, deadline), know(key, deadline)]);
      for (const known of await Promise.all(wanted)) expect(known.outcome.ok).toBe(true);
    }
    expect(asked).toBe(100_000);
    // The clocks of the time limits run on for a while after the answers.
    await waitFor('the memory to be given back', async () => {
      globalThis.gc?.();
      return process.memoryUsage().heapUsed - before < 100 * 1024 * 1024 ? true : null;
    });
    // The youngest are still there, the oldest are not.
    await know(99_999);
    expect(asked).toBe(100_000);
    await know(0);
    expect(asked).toBe(100_001);
  });
});

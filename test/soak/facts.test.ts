import { describe, expect, it } from 'vitest';
import { deadlineIn } from '../../src/domain/deadline.ts';
import { good, type Outcome } from '../../src/domain/fault.ts';
import { createFacts } from '../../src/evidence/cache.ts';

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
    const know = (i: number) => facts.know(`fact ${i}`, lifetime, ask, deadlineIn(1_000, Date.now()));
    globalThis.gc?.();
    const before = process.memoryUsage().heapUsed;
    for (let i = 0; i < 100_000; i += 100) {
      const wanted = Array.from({ length: 100 }, (_, j) => i + j).flatMap((key) => [know(key), know(key), know(key)]);
      for (const known of await Promise.all(wanted)) expect(known.outcome.ok).toBe(true);
    }
    expect(asked).toBe(100_000);
    globalThis.gc?.();
    expect(process.memoryUsage().heapUsed - before).toBeLessThan(200 * 1024 * 1024);
    // The youngest are still there, the oldest are not.
    await know(99_999);
    expect(asked).toBe(100_000);
    await know(0);
    expect(asked).toBe(100_001);
  });
});

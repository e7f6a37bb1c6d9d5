import { describe, expect, it } from 'vitest';
import { deadlineIn } from '../../../src/domain/deadline.ts';
import { bad, good, type Outcome } from '../../../src/domain/fault.ts';
import { createFacts } from '../../../src/evidence/cache.ts';

const limits = { entries: 3, askFor: 5_000, lastKnownGoodFor: 60_000, asking: 4 };
const lifetime = () => ({ freshFor: 10_000, refreshAfter: 5_000 });

function setUp(more: Partial<typeof limits> = {}) {
  const time = { now: 1_000_000 };
  const facts = createFacts({ ...limits, ...more }, () => time.now);
  const soon = () => deadlineIn(5_000, Date.now());
  return { time, facts, soon };
}

const down: Outcome<never> = bad('REGISTRY_UNAVAILABLE', 'down');

describe('facts', () => {
  it('are asked once for all who want to know at the same time', async () => {
    const { facts, soon } = setUp();
    let asked = 0;
    const ask = async () => {
      asked += 1;
      return good('signed');
    };
    const known = await Promise.all(Array.from({ length: 20 }, () => facts.know('k', lifetime, ask, soon())));
    expect(asked).toBe(1);
    expect(known.every(({ outcome }) => outcome.ok && outcome.value === 'signed')).toBe(true);
  });

  it('answer without a promise once they are known', async () => {
    const { facts, soon } = setUp();
    await facts.know('k', lifetime, async () => good('signed'), soon());
    expect(facts.know('k', lifetime, async () => down, soon())).not.toBeInstanceOf(Promise);
  });

  it('are never made of a fault', async () => {
    const { facts, soon } = setUp();
    await facts.know('k', lifetime, async () => down, soon());
    const again = await facts.know('k', lifetime, async () => good('signed'), soon());
    expect(again.outcome).toEqual(good('signed'));
  });

  it('are asked anew when they are too old', async () => {
    const { facts, soon, time } = setUp();
    await facts.know('k', lifetime, async () => good('old'), soon());
    time.now += 10_001;
    expect((await facts.know('k', lifetime, async () => good('new'), soon())).outcome).toEqual(good('new'));
  });

  it('are asked ahead of expiry while the old one still answers', async () => {
    const { facts, soon, time } = setUp();
    await facts.know('k', lifetime, async () => good('old'), soon());
    time.now += 6_000;
    let refreshed: () => void = () => {};
    const done = new Promise<void>((resolve) => {
      refreshed = resolve;
    });
    const known = await facts.know(
      'k',
      lifetime,
      async () => {
        refreshed();
        return good('new');
      },
      soon(),
    );
    expect(known.outcome).toEqual(good('old'));
    await done;
    await Promise.resolve();
    await expect.poll(async () => (await facts.know('k', lifetime, async () => down, soon())).outcome).toEqual(good('new'));
  });

  it('bridge an outage, marked with their age', async () => {
    const { facts, soon, time } = setUp();
    await facts.know('k', lifetime, async () => good('signed'), soon());
    time.now += 30_000;
    expect(await facts.know('k', lifetime, async () => down, soon())).toEqual({ outcome: good('signed'), lastKnownGoodAge: 30 });
  });

  it('bridge no outage longer than they may', async () => {
    const { facts, soon, time } = setUp();
    await facts.know('k', lifetime, async () => good('signed'), soon());
    time.now += 60_001;
    expect((await facts.know('k', lifetime, async () => down, soon())).outcome).toEqual(down);
  });

  it.each(['REGISTRY_UNAUTHORIZED', 'MANIFEST_UNKNOWN', 'RESPONSE_INVALID'] as const)('bridge no %s: that is an answer', async (code) => {
    const { facts, soon, time } = setUp();
    await facts.know('k', lifetime, async () => good('signed'), soon());
    time.now += 30_000;
    expect((await facts.know('k', lifetime, async () => bad(code, 'no'), soon())).outcome.ok).toBe(false);
  });

  it('keep nothing that rests on an outage, and do not forget what was known before', async () => {
    const { facts, soon, time } = setUp();
    const partly = (value: string) => (value === 'partly' ? ({ outage: 'REGISTRY_UNAVAILABLE' } as const) : lifetime());
    expect((await facts.know('k', partly, async () => good('partly'), soon())).outcome).toEqual(good('partly'));
    expect((await facts.know('k', partly, async () => good('whole'), soon())).outcome).toEqual(good('whole'));
    time.now += 20_000;
    expect(await facts.know('k', partly, async () => good('partly'), soon())).toEqual({ outcome: good('whole'), lastKnownGoodAge: 20 });
  });

  it('leave a caller whose deadline has passed with a fault, and go on being asked', async () => {
    const { facts } = setUp();
    let answer: (outcome: Outcome<string>) => void = () => {};
    const slow = new Promise<Outcome<string>>((resolve) => {
      answer = resolve;
    });
    const late = await facts.know('k', lifetime, () => slow, deadlineIn(5, Date.now()));
    expect(late.outcome).toMatchObject({ ok: false, fault: { code: 'DEADLINE_EXCEEDED' } });
    answer(good('signed'));
    await expect.poll(async () => (await facts.know('k', lifetime, async () => down, deadlineIn(1_000, Date.now()))).outcome).toEqual(good('signed'));
  });

  it('end a question that never answers under its own limit', async () => {
    const { facts } = setUp({ askFor: 20 });
    const known = await facts.know('k', lifetime, () => new Promise<Outcome<string>>(() => {}), deadlineIn(5_000, Date.now()));
    expect(known.outcome).toMatchObject({ ok: false, fault: { code: 'DEADLINE_EXCEEDED', transient: true } });
  });

  it('say INTERNAL for a question that throws', async () => {
    const { facts, soon } = setUp();
    const known = await facts.know(
      'k',
      lifetime,
      async (): Promise<Outcome<string>> => {
        throw new Error('defect');
      },
      soon(),
    );
    expect(known.outcome).toMatchObject({ ok: false, fault: { code: 'INTERNAL' } });
  });

  it('refuse more questions at once than they may ask', async () => {
    const { facts } = setUp({ asking: 1 });
    void facts.know('a', lifetime, () => new Promise<Outcome<string>>(() => {}), deadlineIn(10, Date.now()));
    const known = await facts.know('b', lifetime, async () => good('x'), deadlineIn(1_000, Date.now()));
    expect(known.outcome).toMatchObject({ ok: false, fault: { code: 'LIMIT_EXCEEDED' } });
  });

  it('are bounded in what they hold, however few they are', async () => {
    const time = { now: 1_000_000 };
    const facts = createFacts({ ...limits, units: 1_000 }, () => time.now);
    const soon = () => deadlineIn(5_000, Date.now());
    for (const key of ['a', 'b']) await facts.know(key, lifetime, async () => good({ labels: 'x'.repeat(600) }), soon());
    expect(facts.know('b', lifetime, async () => down, soon())).not.toBeInstanceOf(Promise);
    expect(facts.know('a', lifetime, async () => down, soon())).toBeInstanceOf(Promise);
  });

  it('are bounded: the least used is forgotten first', async () => {
    const { facts, soon } = setUp();
    for (const key of ['a', 'b', 'c', 'd']) await facts.know(key, lifetime, async () => good(key), soon());
    expect(facts.know('d', lifetime, async () => down, soon())).not.toBeInstanceOf(Promise);
    expect((await facts.know('a', lifetime, async () => down, soon())).outcome).toEqual(down);
  });
});

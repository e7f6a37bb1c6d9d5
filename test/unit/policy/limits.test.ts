import { afterEach, describe, expect, it } from 'vitest';
import { deadlineIn } from '../../../src/domain/deadline.ts';
import { about, cleanUp, findingsOf, judge, never, roomOf } from './fixtures.ts';

afterEach(cleanUp);

/** Runs for minutes in a namespace named `loop`, and not at all elsewhere. */
const looping = `deny contains "slow" if {
  input.review.namespace == "loop"
  some a in numbers.range(1, 3000)
  some b in numbers.range(1, 3000)
  some c in numbers.range(1, 3000)
  a + b + c == -1
}

deny contains "quick"`;

const greedy = `deny contains "big" if {
  input.review.namespace == "eat"
  count([concat("", [x, y]) | some x in words; some y in words]) == -1
}

words := [format_int(i, 2) | some i in numbers.range(1, 4000)]

deny contains "small" if input.review.namespace == "shop"`;

describe('a policy that runs too long', () => {
  it('gets POLICY_TIMEOUT and its name, and the requests beside it go on', async () => {
    const room = await roomOf(looping, { timeout: 150 });
    const all = await Promise.all(['a', 'loop', 'b', 'c', 'loop', 'd'].map((namespace) => judge(room, about(namespace), never)));
    expect(all.map((outcome) => (outcome.ok ? outcome.value.map((finding) => finding.msg).join() : outcome.fault.code))).toEqual([
      'quick',
      'POLICY_TIMEOUT',
      'quick',
      'quick',
      'POLICY_TIMEOUT',
      'quick',
    ]);
    const slow = all[1];
    expect(slow?.ok === false && slow.fault.message).toBe('the policy p ran longer than 150 ms and was stopped');
  });

  it('does not hold up the event loop', async () => {
    const room = await roomOf(looping, { timeout: 300 });
    let longest = 0;
    let last = performance.now();
    const ticker = setInterval(() => {
      longest = Math.max(longest, performance.now() - last);
      last = performance.now();
    }, 5);
    await judge(room, about('loop'), never);
    clearInterval(ticker);
    expect(longest).toBeLessThan(250);
  });

  it('is given up when the deadline passes first', async () => {
    const room = await roomOf(looping, { timeout: 5000 });
    const outcome = await judge(room, about('loop'), deadlineIn(50, Date.now()));
    expect(outcome).toMatchObject({ ok: false, fault: { code: 'POLICY_TIMEOUT', message: 'the deadline passed before the policies answered' } });
  });

  it('is not asked at all when the deadline has passed', async () => {
    const room = await roomOf(looping);
    expect(await judge(room, about('shop'), deadlineIn(0, Date.now()))).toMatchObject({ ok: false, fault: { code: 'POLICY_TIMEOUT' } });
  });
});

describe('a policy that eats memory', () => {
  it('is denied by name under the cap, and the next request is judged', async () => {
    const room = await roomOf(greedy, { memoryPages: 128, timeout: 5000 });
    expect(await findingsOf(room, about('eat'))).toEqual([
      expect.objectContaining({ policy: 'p', effect: 'deny', msg: expect.stringContaining('could not be evaluated: it ran out of memory') }),
    ]);
    expect((await findingsOf(room)).map((finding) => finding.msg)).toEqual(['small']);
  });

  it('denies an input that is too large for it, and judges the next', async () => {
    const room = await roomOf('deny contains "x" if input.review.namespace == "shop"', { memoryPages: 64, timeout: 5000 });
    const large = about('large');
    const question = { ...large, review: { ...large.review, annotations: { big: 'x'.repeat(8 * 1024 * 1024) } } };
    expect(await findingsOf(room, question)).toEqual([expect.objectContaining({ effect: 'deny', msg: expect.stringContaining('could not be evaluated') })]);
    expect(await findingsOf(room, about('other'))).toEqual([]);
  });
});

describe('many requests', () => {
  it('are each answered with their own findings', async () => {
    const room = await roomOf('deny contains input.review.namespace', { workers: 2 });
    const names = Array.from({ length: 300 }, (_, i) => `ns-${i}`);
    const findings = await Promise.all(names.map((name) => findingsOf(room, about(name))));
    expect(findings.map(([finding]) => finding?.msg)).toEqual(names);
  });

  it('are settled when the room closes', async () => {
    const room = await roomOf(looping, { timeout: 5000 });
    const waiting = judge(room, about('loop'), never);
    await room.close();
    expect(await waiting).toMatchObject({ ok: false, fault: { code: 'INTERNAL' } });
    expect(await judge(room, about('shop'), never)).toMatchObject({ ok: false });
  });
});

import { describe, expect, it } from 'vitest';
import type { CandidateJudgement, Finding } from '../../../src/domain/decision.ts';
import { bad, good, type Outcome } from '../../../src/domain/fault.ts';
import { finding, pinnedNginx, pod, request, setUp } from './line.ts';

type World = ReturnType<typeof setUp>;

/** A world whose policies say one thing, and whose candidate says another. */
function setUpWith(inForce: Outcome<readonly Finding[]>, candidate: () => Promise<CandidateJudgement | null>): World & { readonly asked: () => number } {
  const world = setUp();
  let asked = 0;
  world.judge = async () => ({
    revision: 'r1',
    recorded: '{}',
    findings: inForce,
    candidate: () => {
      asked += 1;
      return candidate();
    },
  });
  return Object.assign(world, { asked: () => asked });
}

const says =
  (...findings: readonly Finding[]) =>
  async (): Promise<CandidateJudgement> => ({ revision: 'c2', findings: good(findings) });
const create = request(pod([pinnedNginx]));
/** What is done after an answer is done when this resolves. */
const afterwards = (): Promise<void> => new Promise((resolve) => setImmediate(() => setImmediate(resolve)));

describe('a candidate', () => {
  it('is asked after the answer, which it does not change', async () => {
    const world = setUpWith(good([]), says(finding()));
    const answer = await world.validate(create);
    expect(answer).toMatchObject({ allowed: true, warnings: [] });
    expect(world.asked()).toBe(0);
    await afterwards();
    expect(world.comparisons).toMatchObject([
      {
        inForce: 'allow',
        record: { id: answer.auditAnnotations['record'], hash: answer.auditAnnotations['hash'] },
        comparison: { revision: 'c2', decision: 'deny', added: [finding()], removed: [] },
      },
    ]);
  });

  it('that never answers holds up nobody', async () => {
    const world = setUpWith(good([finding()]), () => new Promise(() => {}));
    expect(await world.validate(create)).toMatchObject({ allowed: false });
    await afterwards();
    expect(world.asked()).toBe(1);
    expect(world.compared).toEqual([]);
  });

  it('that says the same is counted, and leaves no entry', async () => {
    const world = setUpWith(good([finding()]), says(finding({ severity: 'low', remediation: 'Otherwise said.' })));
    await world.validate(create);
    await afterwards();
    expect(world.compared).toMatchObject([{ inForce: 'deny', comparison: { decision: 'deny', added: [], removed: [] } }]);
    expect(world.comparisons).toEqual([]);
  });

  it('is judged with what the host itself finds, as the policies in force are', async () => {
    const world = setUpWith(good([]), says());
    await world.validate(request(pod(['nginx:1.27'])));
    await afterwards();
    expect(world.compared).toMatchObject([{ inForce: 'deny', comparison: { decision: 'deny', added: [], removed: [] } }]);
  });

  it('that can not judge says so, and compares nothing', async () => {
    const world = setUpWith(good([finding()]), async () => ({ revision: 'c2', findings: bad('POLICY_TIMEOUT', 'too long', { cause: 'secret' }) }));
    await world.validate(create);
    await afterwards();
    expect(world.comparisons[0]?.comparison).toEqual({
      revision: 'c2',
      decision: null,
      fault: { code: 'POLICY_TIMEOUT', message: 'too long' },
      added: [],
      removed: [],
    });
  });

  it('that has no time is counted, and leaves no entry', async () => {
    const world = setUpWith(good([]), async () => null);
    await world.validate(create);
    await afterwards();
    expect(world.compared).toMatchObject([{ comparison: null }]);
    expect(world.comparisons).toEqual([]);
  });

  it('that fails unexpectedly is told to the log alone', async () => {
    const world = setUpWith(good([]), () => Promise.reject(new Error('boom')));
    expect(await world.validate(create)).toMatchObject({ allowed: true });
    await afterwards();
    expect(world.unexpected).toMatchObject([{ message: 'boom' }]);
  });

  it.each<[string, Outcome<readonly Finding[]>, object]>([
    ['a dry run', good([]), { dryRun: true }],
    ['a request that the policies in force could not judge', bad('POLICY_TIMEOUT', 'too long'), {}],
  ])('is not asked about %s', async (_what, inForce, more) => {
    const world = setUpWith(inForce, says());
    await world.validate({ ...create, ...more });
    await afterwards();
    expect(world.asked()).toBe(0);
  });
});

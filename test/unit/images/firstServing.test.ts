import { describe, expect, it } from 'vitest';
import { type After, firstServing, type Serving } from '../../../src/images/firstServing.ts';

const settled = (): Promise<void> => new Promise((resolve) => setImmediate(resolve));

/** Targets a, b, c whose answers and head starts come when the test says. */
function stage(targets: readonly string[] = ['a', 'b', 'c']) {
  const answers = new Map<string, (serving: Serving) => void>();
  const timers = new Set<() => void>();
  const after: After = (_milliseconds, done) => {
    timers.add(done);
    return () => timers.delete(done);
  };
  const asking = firstServing(
    targets,
    (target) =>
      new Promise<Serving>((resolve) => {
        answers.set(target, resolve);
      }),
    300,
    after,
  );
  let found: string | null | undefined;
  void asking.then((target) => {
    found = target;
  });
  return {
    asked: () => [...answers.keys()],
    found: () => found,
    timers,
    async say(target: string, serving: Serving) {
      answers.get(target)?.(serving);
      await settled();
    },
    /** The head start of all who were asked is over. */
    async late() {
      for (const done of [...timers]) {
        timers.delete(done);
        done();
      }
      await settled();
    },
  };
}

describe('the first target that serves', () => {
  it('is none where there are none', async () => {
    expect(await firstServing([], async () => 'yes', 300)).toBeNull();
  });

  it('is the first, and nobody else is asked', async () => {
    const world = stage();
    await world.say('a', 'yes');
    expect(world.found()).toBe('a');
    expect(world.asked()).toEqual(['a']);
    expect(world.timers.size).toBe(0);
  });

  it('is the next where the first has nothing, without waiting', async () => {
    const world = stage();
    await world.say('a', 'no');
    expect(world.asked()).toEqual(['a', 'b']);
    await world.say('b', 'yes');
    expect(world.found()).toBe('b');
  });

  it('is the next where the first does not answer: that costs two head starts and no deadline', async () => {
    const world = stage();
    await world.late();
    expect(world.asked()).toEqual(['a', 'b']);
    await world.say('b', 'yes');
    expect(world.found()).toBeUndefined();
    await world.late();
    expect(world.found()).toBe('b');
  });

  it('is the earlier one where both have it', async () => {
    const world = stage();
    await world.late();
    await world.say('b', 'yes');
    await world.say('a', 'yes');
    expect(world.found()).toBe('a');
  });

  it('is the later one as soon as the earlier one has nothing', async () => {
    const world = stage();
    await world.late();
    await world.say('b', 'yes');
    await world.say('a', 'no');
    expect(world.found()).toBe('b');
    expect(world.asked()).toEqual(['a', 'b']);
  });

  it('is one that answers now rather than one that did before', async () => {
    const world = stage(['a', 'b']);
    await world.say('a', 'stale');
    await world.say('b', 'yes');
    expect(world.found()).toBe('b');
  });

  it('is one that did before where none answers now', async () => {
    const world = stage(['a', 'b']);
    await world.say('a', 'stale');
    await world.say('b', 'no');
    expect(world.found()).toBe('a');
  });

  it('is none where all have nothing', async () => {
    const world = stage(['a', 'b']);
    await world.late();
    await world.say('b', 'no');
    expect(world.found()).toBeUndefined();
    await world.say('a', 'no');
    expect(world.found()).toBeNull();
    expect(world.timers.size).toBe(0);
  });
});

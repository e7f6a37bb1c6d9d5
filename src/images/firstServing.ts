/** What a target says: it has the image; it had it, and can't be asked now; or neither. */
export type Serving = 'yes' | 'stale' | 'no';

/** Calls back after some milliseconds, unless it is called off by what it returns. */
export type After = (milliseconds: number, done: () => void) => () => void;

const afterTimer: After = (milliseconds, done) => {
  const timer = setTimeout(done, milliseconds);
  return () => clearTimeout(timer);
};

/**
 * Finds the first target that serves an image, so that none that is slow costs more than its head start: the next one is asked as soon
 * as the one before has nothing, or has not answered for that long. Of several that have it the earlier one is taken, as far as it
 * answers within the head start of the later one. Null: none has it.
 *
 * @param headStart milliseconds
 */
export function firstServing<Target>(
  targets: readonly Target[],
  ask: (target: Target) => Promise<Serving>,
  headStart: number,
  after: After = afterTimer,
): Promise<Target | null> {
  return new Promise((resolve, reject) => {
    const asked: { readonly target: Target; answer: Serving | null; late: boolean; readonly callOff: () => void }[] = [];
    const settle = (target: Target | null): void => {
      for (const { callOff } of asked) callOff();
      resolve(target);
    };
    const step = (): void => {
      const having = asked.findIndex(({ answer }) => answer === 'yes');
      const found = asked[having];
      if (found !== undefined) {
        const isFirst = asked.slice(0, having).every(({ answer }) => answer !== null);
        if (isFirst || found.late) settle(found.target);
        return;
      }
      const last = asked.at(-1);
      const next = targets[asked.length];
      if (next !== undefined) {
        if (last === undefined || last.answer !== null || last.late) begin(next);
      } else if (asked.every(({ answer }) => answer !== null)) {
        settle(asked.find(({ answer }) => answer === 'stale')?.target ?? null);
      }
    };
    const begin = (target: Target): void => {
      const entry = {
        target,
        answer: null as Serving | null,
        late: false,
        callOff: after(headStart, () => {
          entry.late = true;
          step();
        }),
      };
      asked.push(entry);
      ask(target).then((answer) => {
        entry.answer = answer;
        step();
      }, reject);
    };
    step();
  });
}

import { bad, type Outcome } from '../domain/fault.ts';

/** Waits for shared work as long as one caller may; the work goes on. `what` is what was waited for. */
export function waitFor<T>(work: Promise<Outcome<T>>, signal: AbortSignal, what: string): Promise<Outcome<T>> {
  const late = (): Outcome<T> => bad('DEADLINE_EXCEEDED', `${what} did not come before the deadline`);
  if (signal.aborted) return Promise.resolve(late());
  return new Promise((resolve, reject) => {
    const giveUp = (): void => resolve(late());
    signal.addEventListener('abort', giveUp, { once: true });
    work.then(resolve, reject).finally(() => signal.removeEventListener('abort', giveUp));
  });
}

/** Sleeps, or returns false as soon as the signal says that there is no time left. */
export function sleep(milliseconds: number, signal: AbortSignal): Promise<boolean> {
  if (signal.aborted) return Promise.resolve(false);
  return new Promise((resolve) => {
    const wake = (slept: boolean): void => {
      clearTimeout(timer);
      signal.removeEventListener('abort', interrupted);
      resolve(slept);
    };
    const interrupted = (): void => wake(false);
    const timer = setTimeout(() => wake(true), milliseconds);
    signal.addEventListener('abort', interrupted, { once: true });
  });
}

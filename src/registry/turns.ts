/** Bytes that are parsed in no time worth a turn. */
const little = 32 * 1024;

/**
 * A queue for work that keeps the event loop busy for milliseconds: at most one piece of it, of `bytes`, in a turn of the loop, so that
 * many answers that arrive together hold up nobody else for long. Await it right before the work.
 */
export function createTurns(): (bytes: number) => Promise<void> {
  let last: Promise<void> = Promise.resolve();
  return async (bytes) => {
    if (bytes <= little) return;
    last = last.then(() => new Promise((resolve) => setImmediate(resolve)));
    await last;
  };
}

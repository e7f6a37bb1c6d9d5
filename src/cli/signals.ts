import type { ProgramParts } from './desk.ts';

export interface SignalWait {
  readonly arrived: Promise<NodeJS.Signals>;
  forget(): void;
}

/** Waits for the first signal to stop. A second one finds no listener left, and ends the process at once. */
export function createSignalWait(signals: ProgramParts['signals']): SignalWait {
  const { promise, resolve } = Promise.withResolvers<NodeJS.Signals>();
  const listeners = (['SIGTERM', 'SIGINT'] as const).map((name) => ({ name, listener: () => stop(name) }));
  const forget = (): void => {
    for (const { name, listener } of listeners) signals.off(name, listener);
  };
  const stop = (name: NodeJS.Signals): void => {
    forget();
    resolve(name);
  };
  for (const { name, listener } of listeners) signals.on(name, listener);
  return { arrived: promise, forget };
}

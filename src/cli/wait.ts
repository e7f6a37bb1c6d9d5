import { safeText } from '../domain/text.ts';
import { type Io, printLine } from './io.ts';

const patience = 3000;

/** Says on a terminal, once for each, which registries keep somebody waiting. */
export interface Waiting {
  /** The work itself; a line on stderr when it takes longer than 3 s. */
  during<T>(registries: readonly string[], work: Promise<T>): Promise<T>;
}

export function createWaiting(io: Io): Waiting {
  const told = new Set<string>();
  return {
    async during(registries, work) {
      if (io.stderr.isTTY !== true) return work;
      const timer = setTimeout(() => {
        const fresh = [...new Set(registries)].filter((registry) => !told.has(registry));
        for (const registry of fresh) told.add(registry);
        if (fresh.length > 0) printLine(io.stderr, `still waiting for ${safeText(fresh.join(', '), 300)} …`);
      }, patience);
      try {
        return await work;
      } finally {
        clearTimeout(timer);
      }
    },
  };
}

import type { Io } from './io.ts';

/** Milliseconds between two looks, and before the first. */
const every = 500;

/** One line on a terminal that says how far something is; nothing elsewhere. */
export interface Progress {
  show(text: string): void;
  /** Takes the line away. */
  end(): void;
}

export function createProgress(io: Io): Progress {
  const terminal = io.stderr.isTTY === true;
  let shown = performance.now();
  let written = false;
  return {
    show(text) {
      if (!terminal || performance.now() - shown < every) return;
      shown = performance.now();
      written = true;
      io.stderr.write(`\r\x1b[2K${text} …`);
    },
    end() {
      if (written) io.stderr.write('\r\x1b[2K');
      written = false;
    },
  };
}

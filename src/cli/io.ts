import type { Readable, Writable } from 'node:stream';
import { styleText } from 'node:util';
import type { ConfigFault } from '../config/index.ts';
import { formatConfigFault } from '../config/index.ts';
import type { Fault } from '../domain/fault.ts';
import { safeText } from '../domain/text.ts';

/** The world of a command: nothing reads `process` besides `main.ts`. */
export interface Io {
  /** Results. */
  readonly stdout: Writable & { readonly isTTY?: boolean; readonly columns?: number };
  /** Logs, and what went wrong. */
  readonly stderr: Writable & { readonly isTTY?: boolean };
  readonly stdin: Readable;
  readonly env: Readonly<Record<string, string | undefined>>;
  readonly cwd: string;
}

/** What a command came to. */
export const exitCodes = {
  good: 0,
  /** Looked, and found wrong: denied, failed. */
  wrong: 1,
  /** Wrong usage, or could not look. */
  unable: 2,
} as const;

export function printLine(stream: Writable, text: string): void {
  stream.write(`${text}\n`);
}

/** Says why a command could not look. */
export function complain(io: Io, fault: Fault | string): void {
  printLine(io.stderr, typeof fault === 'string' ? `tidewaiter: ${fault}` : `tidewaiter: ${fault.code}: ${safeText(fault.message, 4000)}`);
}

export function complainAboutConfig(io: Io, faults: readonly ConfigFault[]): void {
  printLine(io.stderr, 'tidewaiter: the configuration can not be used:');
  for (const fault of faults) printLine(io.stderr, `  ${formatConfigFault(fault)}`);
}

export type Paint = (style: 'red' | 'green' | 'yellow' | 'bold' | 'dim', text: string) => string;

/** Colours for a terminal; nothing elsewhere, or where NO_COLOR is set (https://no-color.org/). */
export function painter(io: Io): Paint {
  const colours = io.stdout.isTTY === true && (io.env['NO_COLOR'] ?? '') === '';
  return colours ? (style, text) => styleText(style, text, { validateStream: false }) : (_style, text) => text;
}

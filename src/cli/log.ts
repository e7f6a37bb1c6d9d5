import { Writable } from 'node:stream';
import { pino } from 'pino';
import { isObject } from '../domain/json.ts';
import type { Log } from '../domain/log.ts';
import { safeText } from '../domain/text.ts';
import type { Io } from './io.ts';

/** A log on stderr: JSON lines for machines, plain lines for people. */
export function createLog(io: Io, form: 'json' | 'text', level: 'info' | 'warn'): Log {
  const options = { level, base: null, timestamp: pino.stdTimeFunctions.isoTime };
  return pino(options, form === 'json' ? io.stderr : plainLines(io));
}

/** Turns pino's JSON lines into lines for people. */
function plainLines(io: Io): Writable {
  return new Writable({
    decodeStrings: false,
    write(chunk: unknown, _encoding, done) {
      for (const line of String(chunk).split('\n')) if (line !== '') io.stderr.write(`${plainLine(line)}\n`);
      done();
    },
  });
}

const words: Readonly<Record<number, string>> = { 10: 'trace', 20: 'debug', 30: 'info', 40: 'warning', 50: 'error', 60: 'fatal' };

function plainLine(line: string): string {
  let entry: unknown;
  try {
    entry = JSON.parse(line);
  } catch {
    return safeText(line);
  }
  if (!isObject(entry)) return safeText(line);
  const { level, time: _, msg, ...rest } = entry;
  const fields = Object.entries(rest).map(([key, value]) => `${key}=${typeof value === 'string' ? value : messageOf(value)}`);
  const word = words[Number(level)] ?? 'info';
  return safeText(`${word}: ${String(msg ?? '')}${fields.length === 0 ? '' : ` (${fields.join(', ')})`}`, 4000);
}

function messageOf(value: unknown): string {
  return isObject(value) && typeof value['message'] === 'string' ? value['message'] : JSON.stringify(value);
}

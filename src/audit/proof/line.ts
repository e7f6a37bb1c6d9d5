import { hash } from 'node:crypto';
import { property, text } from '../../domain/json.ts';
import { type ChainPoint, parseLine, pointOfEntry } from '../chain.ts';

/** A line of the log, as far as it vouches for itself. */
export type CheckedLine =
  | { readonly kind: 'content'; readonly sha256: string; readonly value: Buffer; readonly whole: boolean }
  | { readonly kind: 'entry'; readonly point: ChainPoint; readonly previousHash: string | null; readonly value: unknown; readonly fault: string | null }
  | { readonly kind: 'nothing'; readonly fault: string };

const contentStart = Buffer.from('{"content":"');
const contentMiddle = Buffer.from('","value":');
/** Where the value of a content begins: behind the hex of its SHA-256. */
const valueAt = contentStart.length + 64 + contentMiddle.length;

/** Looks at one line. Hashes are of the very bytes: a line that is read alike but written otherwise has another. */
export function checkLine(bytes: Buffer): CheckedLine {
  if (startsWith(bytes, 0, contentStart)) return checkContent(bytes);
  const value = parseLine(bytes.toString('utf8'));
  if (value === undefined) return { kind: 'nothing', fault: 'the line is not JSON' };
  const point = pointOfEntry(value);
  if (point === null || !isChain(point.chain)) return { kind: 'nothing', fault: 'the line is no entry of a chain' };
  const fault = hashOfEntry(bytes, point.hash) === point.hash ? null : 'the entry does not have the hash it states';
  return { kind: 'entry', point, previousHash: text(property(value, 'previousHash')), value, fault };
}

/** A ULID, whose time can be read. */
function isChain(chain: string): boolean {
  return /^[0-7][0-9A-HJKMNP-TV-Z]{25}$/.test(chain);
}

function checkContent(bytes: Buffer): CheckedLine {
  const sha256 = bytes.toString('latin1', contentStart.length, contentStart.length + 64);
  if (!/^[0-9a-f]{64}$/.test(sha256) || !startsWith(bytes, contentStart.length + 64, contentMiddle) || bytes.at(-1) !== brace) {
    return { kind: 'nothing', fault: 'the line is no content' };
  }
  const value = bytes.subarray(valueAt, -1);
  return { kind: 'content', sha256, value, whole: hash('sha256', value) === sha256 };
}

const [quote, backslash, open, brace] = [0x22, 0x5c, 0x7b, 0x7d];

/** The hash of an entry's bytes without its own `hash`, which stands with a comma behind it; empty where that is not so. */
function hashOfEntry(bytes: Buffer, stated: string): string {
  const member = `"hash":"${stated}",`;
  for (let at = bytes.indexOf(member); at >= 0; at = bytes.indexOf(member, at + 1)) {
    if (!isMemberOfTop(bytes, at)) continue;
    const rest = Buffer.allocUnsafe(bytes.length - member.length);
    bytes.copy(rest, 0, 0, at);
    bytes.copy(rest, at, at + member.length);
    return hash('sha256', rest);
  }
  return '';
}

/** Whether a place is within the outermost object and nothing else. */
function isMemberOfTop(bytes: Buffer, end: number): boolean {
  let depth = 0;
  for (let at = 0; at < end; at += 1) {
    const byte = bytes[at];
    if (byte === quote) {
      for (at += 1; at < end && bytes[at] !== quote; at += 1) if (bytes[at] === backslash) at += 1;
      if (at >= end) return false;
    } else if (byte === open) depth += 1;
    else if (byte === brace) depth -= 1;
  }
  return depth === 1;
}

function startsWith(bytes: Buffer, at: number, what: Buffer): boolean {
  return bytes.length >= at + what.length && bytes.compare(what, 0, what.length, at, at + what.length) === 0;
}

import canonicalize from 'canonicalize';
import { isObject } from '../domain/json.ts';

/**
 * Canonical JSON (RFC 8785, https://www.rfc-editor.org/rfc/rfc8785) of anything that JSON.parse gives. What RFC 8785 has no form for is
 * replaced, so that no outside text can make it throw: halves of surrogate pairs by U+FFFD (as the API server does), numbers too large
 * for a double by null.
 */
export function canonicalJson(value: unknown): string {
  try {
    return canonicalize(value) ?? 'null';
  } catch {
    return canonicalize(repair(value, 0)) ?? 'null';
  }
}

/** A JSON string. For well-formed text JSON.stringify writes exactly what RFC 8785 section 3.2.2.2 asks for. */
export function canonicalString(text: string): string {
  return JSON.stringify(text.isWellFormed() ? text : text.toWellFormed());
}

export function canonicalStringOrNull(text: string | null): string {
  return text === null ? 'null' : canonicalString(text);
}

/** A map of strings, less one key. Keys sort by UTF-16 code units (RFC 8785 section 3.2.3), as Array.prototype.sort does. */
export function canonicalStringMap(map: Readonly<Record<string, string>>, except = ''): string {
  const keys = Object.keys(map);
  if (keys.length === 0) return '{}';
  // Repaired keys may collide or sort elsewhere: the rare case takes the slow road.
  if (!keys.every((key) => key.isWellFormed())) return canonicalJson(Object.fromEntries(Object.entries(map).filter(([key]) => key !== except)));
  if (keys.length > 1) keys.sort();
  let json = '';
  for (const key of keys) {
    const value = map[key];
    if (value === undefined || key === except) continue;
    json += `${json === '' ? '' : ','}${JSON.stringify(key)}:${canonicalString(value)}`;
  }
  return `{${json}}`;
}

const deepest = 512;

function repair(value: unknown, depth: number): unknown {
  if (typeof value === 'string') return value.toWellFormed();
  if (typeof value === 'number') return Number.isFinite(value) ? value : null;
  if (depth > deepest) return null;
  if (Array.isArray(value)) return value.map((item) => repair(item, depth + 1));
  if (!isObject(value)) return value;
  return Object.fromEntries(Object.entries(value).map(([key, item]) => [key.toWellFormed(), repair(item, depth + 1)]));
}

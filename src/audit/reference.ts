import { hash } from 'node:crypto';
import { isObject, property } from '../domain/json.ts';

/** A large part of a record, kept once and referred to as `{"sha256": HEX}`. */
export interface Content {
  /** Hex SHA-256 of the text. */
  readonly sha256: string;
  /** Canonical JSON. */
  readonly text: string;
}

export function contentOf(text: string): Content {
  return { sha256: hash('sha256', text), text };
}

/** The hash that a value is a reference by, if it is one. */
export function referredTo(value: unknown): string | null {
  const sha256 = property(value, 'sha256');
  return isObject(value) && Object.keys(value).length === 1 && typeof sha256 === 'string' && /^[0-9a-f]{64}$/.test(sha256) ? sha256 : null;
}

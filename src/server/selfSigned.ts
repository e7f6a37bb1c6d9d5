import type { Outcome } from '../domain/fault.ts';
import type { Log } from '../domain/log.ts';
import { type KeyringSource, openKeyring } from './certificates.ts';
import { keyringDirectory } from './keyringDirectory.ts';

export interface SelfSignedOptions {
  readonly directory: string;
  readonly dnsNames: readonly string[];
  /** Milliseconds since the epoch. */
  readonly clock: () => number;
  readonly log: Log;
}

/** An authority and a serving certificate of our own, kept in a directory: used again after a restart, renewed in good time. */
export function selfSigned({ directory, ...options }: SelfSignedOptions): Promise<Outcome<KeyringSource>> {
  return openKeyring({ store: keyringDirectory(directory), ...options });
}

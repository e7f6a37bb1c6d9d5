import { createHash } from 'node:crypto';
import { TrustedRoot } from '@sigstore/protobuf-specs';
import { type TrustMaterial, toTrustMaterial } from '@sigstore/verify';
import { bad, good, type Outcome } from '../../domain/fault.ts';

/** A Sigstore trusted root, parsed once. */
export interface Root {
  /** SHA-256 of its text, hex. */
  readonly hash: string;
  /** Its text, UTF-8. */
  readonly bytes: Uint8Array;
  readonly material: TrustMaterial;
}

/** A trusted root that may be replaced while it is in use. */
export interface TrustRoot {
  /** Of the root in force now; null when there is none. */
  hash(): string | null;
  /** The root in force; waits for the first one until the signal aborts. TRUST_ROOT_UNAVAILABLE when there is none to be had. */
  current(signal: AbortSignal): Promise<Outcome<Root>>;
}

const longestRoot = 1024 * 1024;

/** https://github.com/sigstore/protobuf-specs/blob/v0.5.2/protos/sigstore_trustroot.proto */
export function parseRoot(bytes: Uint8Array): Outcome<Root> {
  if (bytes.length > longestRoot) return bad('CONFIG_INVALID', `a trusted root is not longer than ${longestRoot} bytes`);
  try {
    const material = toTrustMaterial(TrustedRoot.fromJSON(JSON.parse(Buffer.from(bytes).toString('utf8'))));
    return good({ hash: createHash('sha256').update(bytes).digest('hex'), bytes, material });
  } catch (cause) {
    return bad('CONFIG_INVALID', 'the trusted root can not be read', { cause });
  }
}

/** A root that stays as it is. */
export function fixedRoot(root: Root): TrustRoot {
  return { hash: () => root.hash, current: () => Promise.resolve(good(root)) };
}

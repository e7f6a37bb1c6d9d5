import type { KeyObject } from 'node:crypto';
import type { Algorithm } from './algorithm.ts';
import type { SignedAttributes } from './attributes.ts';

/** A signature envelope, decoded; nothing in it is believed yet. */
export interface Envelope {
  /** As the envelope says. */
  readonly algorithm: Algorithm;
  readonly contentType: string;
  readonly payload: Buffer;
  readonly signature: Buffer;
  readonly attributes: SignedAttributes;
  /** DER, the signing certificate first. Not signed: the chain proves itself. */
  readonly chain: readonly Buffer[];
  /** RFC 3161 token over the signature. Not signed. */
  readonly timestamp: Buffer | null;
  /** Not signed: anybody can write it. */
  readonly signingAgent: string | null;
  verify(key: KeyObject): Promise<boolean>;
}

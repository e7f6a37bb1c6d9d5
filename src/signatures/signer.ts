import type { z } from 'zod';
import type { Digest } from '../domain/digest.ts';
import type { EvidenceSource, Finds, Subject } from '../domain/evidence.ts';
import type { Facts } from '../domain/facts.ts';
import type { Outcome } from '../domain/fault.ts';
import type { Outbound } from '../domain/outbound.ts';
import type { Registry } from '../domain/registry.ts';
import type { Layouts } from './layouts.ts';
import type { Proving } from './proving/thread.ts';
import type { TrustRoots } from './trustRoots/index.ts';

/** Somebody whose signatures count for some images. */
export interface Signer extends EvidenceSource {
  /**
   * The attestations attached to `digest`, the image's own or that of one of its platforms, that this signer vouches for and whose
   * statement names that digest. `rejected` speaks of attestations only.
   */
  attestations(subject: Subject, digest: Digest, signal: AbortSignal): Promise<Outcome<Finds>>;
}

/** What signers need from the rest of the program. */
export interface SignerParts {
  /** A file that the configuration names. */
  file(path: string): Promise<Outcome<Uint8Array>>;
  /** Shared by all signers, so that one look at a repository serves them all. */
  readonly layouts: Layouts;
  /** For what is attached in ways that the layouts do not know. */
  readonly registry: Registry;
  readonly revoked: Revoked;
  /** For what certificates say that others should be asked. */
  readonly outbound: Outbound;
  /** For what is kept beside an image's own evidence. */
  readonly facts: Facts;
  /** Shared too, so that what several signers trust is fetched and parsed once. */
  readonly trustRoots: TrustRoots;
  /** Shared too: where what takes milliseconds is verified. */
  readonly proving: Proving;
}

/** What beats every fact. */
export interface Revoked {
  readonly digests: readonly string[];
  /** SHA-256 of a SubjectPublicKeyInfo, hex. */
  readonly keys: readonly string[];
  /** As signatures and records name them. */
  readonly identities: readonly string[];
}

/** What every entry of `signers` has. */
interface CommonSettings {
  readonly name: string;
  readonly kind: string;
  readonly images: readonly string[];
}

/** A way to trust a signer. */
export interface SignerKind<Settings extends CommonSettings = CommonSettings> {
  /** One entry of `signers` in the configuration; unknown keys are refused. */
  readonly settings: z.ZodType<Settings>;
  // A method, so that kinds with different settings fit one list.
  create(settings: Settings, parts: SignerParts): Promise<Outcome<Signer>>;
}

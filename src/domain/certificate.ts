import type { Outcome } from './fault.ts';

/** What a TLS listener shows. All PEM. */
export interface ServingCertificate {
  /** The serving certificate, followed by its intermediates. */
  readonly cert: string;
  readonly key: string;
  /** The authorities a caller has to trust, or null where they are not ours to say. */
  readonly ca: string | null;
}

/** A serving certificate that may be replaced while it is in use. */
export interface CertificateSource {
  current(): ServingCertificate;
  /** Calls back after each replacement, until the returned function is called. */
  onChange(listener: (certificate: ServingCertificate) => void): () => void;
  close(): void;
}

/** A webhook's own authority and what it has issued: the secret that all replicas share. All PEM but `path`. */
export interface Keyring {
  /** Authorities to trust, the one that issues first. */
  readonly ca: string;
  /** Private key of the first authority. */
  readonly caKey: string;
  readonly cert: string;
  readonly key: string;
  /**
   * The random path segment by which the API server proves that it read our webhook configuration: lower-case letters and digits, since
   * the segments of `clientConfig.service.path` must be DNS-1123 subdomains.
   */
  readonly path: string;
}

/** What `path` looks like; all else counts as no keyring. */
export const keyringPath = /^[a-z0-9]{16,128}$/;

/** A keyring as it is stored: null when there is none that can be read. */
export interface StoredKeyring {
  readonly keyring: Keyring | null;
  /** What a replacement names, so that it replaces only what was read. */
  readonly version: string;
}

/** Where a keyring lives; several processes may share one place, so every write is a compare-and-swap. */
export interface KeyringStore {
  read(signal: AbortSignal): Promise<Outcome<StoredKeyring>>;
  /** true: stored. false: somebody else wrote first, read again. */
  replace(version: string, keyring: Keyring, signal: AbortSignal): Promise<Outcome<boolean>>;
}

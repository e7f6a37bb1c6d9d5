import type { z } from 'zod';
import type { Outcome } from '../domain/fault.ts';
import type { Keychain } from '../domain/registry.ts';

/** What credential providers need from the rest of the program. */
export interface CredentialParts {
  /** The bytes of a file that the configuration names. */
  file(path: string): Promise<Outcome<Uint8Array>>;
}

/** A way to come by the credentials for a registry. */
export interface CredentialKind<Settings extends { readonly kind: string } = { readonly kind: string }> {
  /** `credentials` of one entry of `registries` in the configuration, told from the others by its `kind`; unknown keys are refused. */
  readonly settings: z.ZodType<Settings>;
  // A method, so that kinds with different settings fit one list. Faults: CONFIG_INVALID and those of the parts.
  create(settings: Settings, parts: CredentialParts): Promise<Outcome<Keychain>>;
}

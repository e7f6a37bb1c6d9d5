import { dockerconfig } from './dockerconfig.ts';
import type { CredentialKind } from './kind.ts';

export { createKeychain, type KeychainEntry } from './keychain.ts';
export type { CredentialKind } from './kind.ts';

/** Every way to come by credentials. A new one is a new file here and a line below. */
export const credentialKinds = { dockerconfig } satisfies Record<string, CredentialKind>;

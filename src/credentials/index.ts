import { acr } from './acr.ts';
import { dockerconfig } from './dockerconfig.ts';
import { ecr } from './ecr.ts';
import { gcr } from './gcr.ts';
import type { CredentialKind } from './kind.ts';

export { createKeychain, type KeychainEntry } from './keychain.ts';
export type { CredentialKind } from './kind.ts';
export { createPullRights, type PullPlace, type PullRights } from './pullRights.ts';
export { createPullSecrets, type PullSecretSource } from './pullSecrets.ts';

/** Every way to come by credentials. A new one is a new file here and a line below. */
export const credentialKinds = { dockerconfig, ecr, gcr, acr } satisfies Record<string, CredentialKind>;

import type { Outcome } from '../domain/fault.ts';

/** A Secret's values, decoded, and the version they were read at. */
export interface SecretContent {
  readonly resourceVersion: string;
  readonly data: Readonly<Record<string, string>>;
}

/** A Secret as it was read. */
export interface StoredSecret extends SecretContent {
  /** Such as `Opaque`; empty when it names none. */
  readonly type: string;
}

export type WebhookKind = 'mutating' | 'validating';

/** What of a webhook configuration is ours to keep right. */
export interface RegisteredWebhook {
  readonly name: string;
  /** Base64 of PEM; null when absent. */
  readonly caBundle: string | null;
  /** null when the webhook is called by URL and not through a Service. */
  readonly service: { readonly path: string | null } | null;
}

/** https://kubernetes.io/docs/reference/kubernetes-api/authorization-resources/subject-access-review-v1/ */
export interface AccessReview {
  readonly user: { readonly username: string; readonly groups: readonly string[]; readonly extra?: Readonly<Record<string, readonly string[]>> };
  readonly verb: string;
  readonly group: string;
  /** Plural. */
  readonly resource: string;
  /** Empty for what has none. */
  readonly namespace: string;
  readonly name: string;
}

/** RFC 6902. */
export interface JsonPatchOperation {
  readonly op: 'add' | 'test';
  readonly path: string;
  readonly value: string;
}

/**
 * The little of the Kubernetes API that the webhook needs for itself. Faults: CONFIG_INVALID when it says no (401, 403), with the
 * right that is missing; INTERNAL, transient, when it could not be asked.
 */
export interface ClusterApi {
  /** The namespace this Pod runs in, or the kubeconfig's; null when neither says. */
  readonly namespace: string | null;
  /** null: there is none. */
  readSecret(namespace: string, name: string, signal: AbortSignal): Promise<Outcome<StoredSecret | null>>;
  /** Names of its imagePullSecrets, in order. null: there is none. */
  readServiceAccount(namespace: string, name: string, signal: AbortSignal): Promise<Outcome<readonly string[] | null>>;
  /** false: there is one by now. */
  createSecret(namespace: string, name: string, data: Readonly<Record<string, string>>, signal: AbortSignal): Promise<Outcome<boolean>>;
  /** Sets these values and leaves all else. false: it was changed since `resourceVersion`, or is gone. */
  updateSecret(namespace: string, name: string, content: SecretContent, signal: AbortSignal): Promise<Outcome<boolean>>;
  /** Whether somebody has a right, by the API server's own word: a SubjectAccessReview. */
  reviewAccess(question: AccessReview, signal: AbortSignal): Promise<Outcome<boolean>>;
  /** null: there is none. */
  readWebhooks(kind: WebhookKind, name: string, signal: AbortSignal): Promise<Outcome<readonly RegisteredWebhook[] | null>>;
  /** false: a `test` did not hold, the result is not valid, or it is gone. */
  patchWebhooks(kind: WebhookKind, name: string, patch: readonly JsonPatchOperation[], signal: AbortSignal): Promise<Outcome<boolean>>;
}

import type { JsonObject } from './json.ts';

/** What the API server asks, decoded. Namespace and user are the request's own; the object can claim anything. */
export interface AdmissionRequest {
  readonly uid: string;
  readonly operation: string;
  /** `apiVersion/Kind`, such as `v1/Pod` or `apps/v1/Deployment`. */
  readonly kind: string;
  /** Empty when the object itself is meant. */
  readonly subResource: string;
  readonly namespace: string;
  readonly name: string | null;
  readonly generateName: string | null;
  readonly user: {
    readonly username: string;
    readonly groups: readonly string[];
    /** What the authenticator says besides; some authorizers need it. Never recorded, and not for policies. */
    readonly extra?: Readonly<Record<string, readonly string[]>>;
  };
  readonly dryRun: boolean;
  readonly object: unknown;
  readonly oldObject: unknown;
}

/** What goes back, before it is encoded. */
export interface AdmissionAnswer {
  readonly uid: string;
  readonly allowed: boolean;
  /** HTTP status and text of a denial. */
  readonly status: { readonly code: number; readonly message: string } | null;
  readonly warnings: readonly string[];
  readonly auditAnnotations: Readonly<Record<string, string>>;
  /** RFC 6902, from /mutate only. */
  readonly patch: readonly PatchOperation[] | null;
}

export interface PatchOperation {
  readonly op: 'add' | 'replace' | 'test';
  readonly path: string;
  readonly value: string | JsonObject | readonly JsonObject[] | Readonly<Record<string, string>>;
}

/** What a decision does to the request. */
export type Mode = 'enforce' | 'warn' | 'observe';

/**
 * What is judged, `review` of the policy input. Operation, namespace, user and dry run are the API server's word; labels, annotations,
 * names, service account and owner are what the Pod's author wrote: an owner can be made up.
 */
export interface Review {
  readonly operation: string;
  readonly kind: string;
  readonly namespace: string;
  readonly name: string | null;
  readonly dryRun: boolean;
  readonly user: { readonly username: string; readonly groups: readonly string[] };
  readonly labels: Readonly<Record<string, string>>;
  readonly annotations: Readonly<Record<string, string>>;
  readonly serviceAccount: string | null;
  readonly owner: { readonly kind: string; readonly name: string } | null;
  /** null when unknown. */
  readonly namespaceLabels: Readonly<Record<string, string>> | null;
}

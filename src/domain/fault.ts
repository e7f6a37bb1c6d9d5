/**
 * Everything that can go wrong for an expected reason, as a value. A fault means "could not look" or "looked at, and not good"; it
 * never means "found none". docs/faults.md says what to do about each code.
 */
export const faultCodes = [
  'REFERENCE_INVALID',
  'REGISTRY_NOT_LISTED',
  'MANIFEST_UNKNOWN',
  'MANIFEST_INVALID',
  'REGISTRY_UNAUTHORIZED',
  'REGISTRY_UNAVAILABLE',
  'REGISTRY_RATE_LIMITED',
  'RESPONSE_INVALID',
  'LIMIT_EXCEEDED',
  'SIGNATURE_INVALID',
  'SIGNER_MISMATCH',
  'TRUST_ROOT_UNAVAILABLE',
  'REVOCATION_UNAVAILABLE',
  'SCAN_INVALID',
  'SCAN_PENDING',
  'POLICY_BROKEN',
  'POLICY_TIMEOUT',
  'DEADLINE_EXCEEDED',
  'AUDIT_UNAVAILABLE',
  'EXCEPTION_INVALID',
  'REVIEW_INVALID',
  'CONFIG_INVALID',
  'INTERNAL',
] as const;

export type FaultCode = (typeof faultCodes)[number];

export interface Fault {
  readonly code: FaultCode;
  /** One sentence for people: what happened and where. Holds no secret and nothing an upstream answered in its body. */
  readonly message: string;
  /** For the log only. Never shown to users, never recorded. */
  readonly cause?: unknown;
  /** Whether the same question may be answered if asked again soon. */
  readonly transient: boolean;
}

/** Faults of the moment: an outage, never an answer. Only these may be bridged by a last known good fact. */
const transientCodes: ReadonlySet<FaultCode> = new Set([
  'REGISTRY_UNAVAILABLE',
  'REGISTRY_RATE_LIMITED',
  'TRUST_ROOT_UNAVAILABLE',
  'REVOCATION_UNAVAILABLE',
  'SCAN_PENDING',
  'POLICY_TIMEOUT',
  'DEADLINE_EXCEEDED',
  'AUDIT_UNAVAILABLE',
]);

/** A fault; transient as its code usually is, unless said otherwise. */
export function fault(code: FaultCode, message: string, more: { readonly cause?: unknown; readonly transient?: boolean } = {}): Fault {
  return {
    code,
    message,
    ...(more.cause === undefined ? {} : { cause: more.cause }),
    transient: more.transient ?? transientCodes.has(code),
  };
}

export type Outcome<T> = { readonly ok: true; readonly value: T } | { readonly ok: false; readonly fault: Fault };

export function good<T>(value: T): { readonly ok: true; readonly value: T } {
  return { ok: true, value };
}

export function bad(
  code: FaultCode,
  message: string,
  more?: { readonly cause?: unknown; readonly transient?: boolean },
): { readonly ok: false; readonly fault: Fault } {
  return { ok: false, fault: fault(code, message, more) };
}

/** What may leave the process: the fault without its cause. */
export function publicFault({ code, message, transient }: Fault): Pick<Fault, 'code' | 'message' | 'transient'> {
  return { code, message, transient };
}

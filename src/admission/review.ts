import { isUtf8 } from 'node:buffer';
import { z } from 'zod';
import type { AdmissionAnswer, AdmissionRequest } from '../domain/admission.ts';
import { type Fault, fault } from '../domain/fault.ts';
import { property, text } from '../domain/json.ts';
import { safeText } from '../domain/text.ts';

/** https://kubernetes.io/docs/reference/access-authn-authz/extensible-admission-controllers/#request */
const review = z.object({
  apiVersion: z.literal('admission.k8s.io/v1'),
  kind: z.literal('AdmissionReview'),
  request: z.object({
    uid: z.string().min(1).max(256),
    kind: z.object({ group: z.string().max(253), version: z.string().min(1).max(63), kind: z.string().min(1).max(63) }),
    subResource: z.string().max(63).nullish(),
    name: z.string().max(253).nullish(),
    namespace: z.string().max(253).nullish(),
    operation: z.enum(['CREATE', 'UPDATE', 'DELETE', 'CONNECT']),
    userInfo: z
      .object({
        username: z.string().max(4096).default(''),
        groups: z.array(z.string().max(4096)).max(10_000).default([]),
        extra: z.record(z.string().max(1024), z.array(z.string().max(16_384)).max(1_000)).exactOptional(),
      })
      .default({ username: '', groups: [] }),
    object: z.unknown().optional(),
    oldObject: z.unknown().optional(),
    dryRun: z.boolean().nullish(),
  }),
});

export type Decoded =
  | { readonly ok: true; readonly request: AdmissionRequest }
  /** With the uid where one could be read: then the denial can be addressed. */
  | { readonly ok: false; readonly uid: string | null; readonly fault: Fault };

/** Decodes the body of a POST; REVIEW_INVALID for everything that is no AdmissionReview v1 with a request. */
export function decodeReview(body: Buffer): Decoded {
  if (!isUtf8(body)) return { ok: false, uid: null, fault: fault('REVIEW_INVALID', 'the body is not UTF-8') };
  let parsed: unknown;
  try {
    parsed = JSON.parse(body.toString('utf8'));
  } catch {
    return { ok: false, uid: null, fault: fault('REVIEW_INVALID', 'the body is not JSON') };
  }
  const result = review.safeParse(parsed);
  if (!result.success) {
    const [issue] = result.error.issues;
    const where = issue === undefined || issue.path.length === 0 ? 'the body' : issue.path.join('.');
    return {
      ok: false,
      uid: uidOf(parsed),
      fault: fault('REVIEW_INVALID', `not an AdmissionReview of admission.k8s.io/v1: ${safeText(where, 200)}: ${safeText(issue?.message ?? 'invalid', 200)}`),
    };
  }
  const { request } = result.data;
  const { group, version, kind } = request.kind;
  return {
    ok: true,
    request: {
      uid: request.uid,
      operation: request.operation,
      kind: group === '' ? `${version}/${kind}` : `${group}/${version}/${kind}`,
      subResource: request.subResource ?? '',
      namespace: request.namespace ?? '',
      name: request.name ?? null,
      generateName: text(property(property(request.object, 'metadata'), 'generateName')),
      user: request.userInfo,
      dryRun: request.dryRun === true,
      object: request.object ?? null,
      oldObject: request.oldObject ?? null,
    },
  };
}

/** Encodes an answer as an AdmissionReview v1. https://kubernetes.io/docs/reference/access-authn-authz/extensible-admission-controllers/#response */
export function encodeReview(answer: AdmissionAnswer): string {
  return JSON.stringify({
    apiVersion: 'admission.k8s.io/v1',
    kind: 'AdmissionReview',
    response: {
      uid: answer.uid,
      allowed: answer.allowed,
      // Without a code the API server would give its client a 400.
      status:
        answer.status === null
          ? undefined
          : { code: answer.status.code, reason: answer.status.code === 403 ? 'Forbidden' : 'InternalError', message: answer.status.message },
      warnings: answer.warnings.length === 0 ? undefined : answer.warnings,
      auditAnnotations: Object.keys(answer.auditAnnotations).length === 0 ? undefined : answer.auditAnnotations,
      ...(answer.patch === null || answer.patch.length === 0
        ? {}
        : { patchType: 'JSONPatch', patch: Buffer.from(JSON.stringify(answer.patch)).toString('base64') }),
    },
  });
}

function uidOf(body: unknown): string | null {
  const uid = property(property(body, 'request'), 'uid');
  return typeof uid === 'string' && uid.length > 0 && uid.length <= 256 ? uid : null;
}

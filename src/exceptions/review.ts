import type { AdmissionAnswer, AdmissionRequest, PatchOperation } from '../domain/admission.ts';
import { canonicalJson } from '../domain/canonical.ts';
import { type ExceptionIdentity, type ExceptionStamps, nameException, sealText } from '../domain/exception.ts';
import type { Outcome } from '../domain/fault.ts';
import { isObject, type JsonObject, property, textMap } from '../domain/json.ts';
import type { Log } from '../domain/log.ts';
import { safeText } from '../domain/text.ts';
import { labelOf, type ReadException, readException } from './read.ts';
import { exceptionApiVersion } from './schema.ts';
import { faultOfSeal, makeSeal, type SealKeys } from './seal.ts';
import { acknowledgeAnnotation, approveAnnotation, type ExceptionVerb, refuseRemoval, ruleOnWrite } from './write.ts';

/** A right that somebody needs. */
export interface AccessQuestion {
  readonly user: AdmissionRequest['user'];
  readonly verb: ExceptionVerb;
  /** Plural, as RBAC has it. */
  readonly resource: 'imageexceptions' | 'clusterimageexceptions';
  readonly namespace: string;
  readonly name: string;
}

export interface ReviewParts {
  readonly keys: SealKeys;
  /** Milliseconds. */
  readonly longest: number;
  /** Asks the API server: a SubjectAccessReview. */
  mayDo(question: AccessQuestion, signal: AbortSignal): Promise<Outcome<boolean>>;
  /** Exceptions that a namespace has, as far as is known. */
  countIn(namespace: string): number;
  /** Milliseconds since the epoch. */
  readonly clock: () => number;
  readonly log: Pick<Log, 'info' | 'warn'>;
}

/** What the API server asks before it writes an exception. */
export interface ExceptionReview {
  review(request: AdmissionRequest, signal: AbortSignal): Promise<AdmissionAnswer>;
}

/** Exceptions of one namespace at most: nobody can fill everybody's memory from the one that is theirs. */
export const mostInNamespace = 500;

/** Validates and stamps exceptions. What comes as `status` is thrown away: it is ours alone. */
export function createExceptionReview(parts: ReviewParts): ExceptionReview {
  const { keys, clock, log } = parts;

  const judge = async (request: AdmissionRequest, signal: AbortSignal): Promise<AdmissionAnswer> => {
    if (!/^tidewaiter\.dev\/v1\/(?:Cluster)?ImageException$/.test(request.kind) || request.subResource !== '') {
      return deny(request, `this is asked about exceptions of ${exceptionApiVersion} alone`);
    }
    const old = readException(request.oldObject);
    if (request.operation === 'DELETE') {
      const why = old.ok ? refuseRemoval(old.value, faultOfSeal(old.value, keys) === null, request.user.username) : null;
      return why === null ? allow(request) : deny(request, why);
    }
    if (request.operation !== 'CREATE' && request.operation !== 'UPDATE') return allow(request);
    const creates = request.operation === 'CREATE';
    const unchanged = !creates && canonicalJson(property(request.object, 'spec')) === canonicalJson(property(request.oldObject, 'spec'));
    const read = readException(creates ? withoutIdentity(request) : request.object);
    // What can't be read was stored before this version; it is void, and still can be labelled and removed.
    if (!read.ok) return unchanged ? allow(request, restore(request)) : deny(request, `EXCEPTION_INVALID: ${read.fault.message}`);
    const after = read.value;
    if (creates && parts.countIn(after.identity.namespace) >= mostInNamespace)
      return deny(request, `there are ${mostInNamespace} exceptions in this namespace; remove those that are over`);
    const before = old.ok ? old.value : null;
    const sealed = before !== null && faultOfSeal(before, keys) === null;
    const ruling = ruleOnWrite({ after, before, sealed, creates, user: request.user.username, now: clock(), longest: parts.longest });
    if (ruling.kind === 'refuse') return deny(request, ruling.why);
    if (ruling.kind === 'leave') return allow(request, restore(request), ruling.warnings);
    const [key] = keys.keys();
    if (key === undefined) return deny(request, 'there is no key to seal it with yet; the log of the webhook says why');
    if (ruling.needs !== null) {
      const refusal = await missingRight(request, after.identity, ruling.needs, signal);
      if (refusal !== null) return deny(request, refusal);
    }
    const status = statusOf(after, ruling.stamps, creates, key);
    const fields = { exception: nameException(after.identity), by: safeText(request.user.username, 200), revision: after.revision, reason: after.spec.reason };
    if (!request.dryRun) log[after.spec.breakglass ? 'warn' : 'info'](fields, `an exception was ${ruling.act}`);
    return {
      ...allow(request, [...stripped(request), { op: 'add', path: '/status', value: status }], ruling.warnings),
      auditAnnotations: { exception: ruling.act, revision: after.revision },
    };
  };

  const missingRight = async (request: AdmissionRequest, identity: ExceptionIdentity, verb: ExceptionVerb, signal: AbortSignal): Promise<string | null> => {
    const resource = identity.kind === 'ImageException' ? 'imageexceptions' : 'clusterimageexceptions';
    const { namespace, name } = identity;
    const may = await parts.mayDo({ user: request.user, verb, resource, namespace, name }, signal);
    if (!may.ok) return `whether ${safeText(request.user.username, 200)} may ${verb} it could not be found out: ${may.fault.message}`;
    if (may.value) return null;
    const where = namespace === '' ? 'in the cluster' : `in the namespace ${namespace}`;
    return `${safeText(request.user.username, 200)} has no right to it: the verb ${verb} on ${resource}.tidewaiter.dev ${where}`;
  };

  return {
    async review(request, signal) {
      const answer = await judge(request, signal);
      if (!answer.allowed) {
        log.warn(
          { exception: labelOf(request.object ?? request.oldObject), by: safeText(request.user.username, 200), why: answer.status?.message ?? '' },
          'a write of an exception was refused',
        );
      }
      return answer;
    },
  };
}

/** An answer for where there are no exceptions of the cluster: the webhook configuration asks, and the configuration has no key. */
export const noExceptionReview: ExceptionReview = {
  review: (request) => Promise.resolve(deny(request, 'exceptions of the cluster are not in use: the configuration has no exceptions.seal')),
};

/** On creation the API server has not wiped what only it may set. The name has to be there: the seal is for it. */
function withoutIdentity(request: AdmissionRequest): unknown {
  const metadata = property(request.object, 'metadata');
  if (!isObject(request.object) || !isObject(metadata)) return request.object;
  return { ...request.object, metadata: { ...metadata, namespace: request.namespace, uid: null, creationTimestamp: null } };
}

function statusOf({ identity, revision, spec }: ReadException, stamps: ExceptionStamps, creates: boolean, key: Uint8Array): JsonObject {
  const state = spec.breakglass ? 'Breakglass' : stamps.approvedBy === null ? 'Pending' : 'Approved';
  const seal = makeSeal(key, sealText(creates ? { ...identity, uid: null } : identity, revision, stamps));
  // What is not there is left out: kubectl would show a null as a value.
  const given = Object.entries(stamps).filter((entry): entry is [string, string] => entry[1] !== null);
  return { state, revision, ...Object.fromEntries(given), seal };
}

/** The status as it was, whatever this request has in its place; and no annotation that asked for something. */
function restore(request: AdmissionRequest): readonly PatchOperation[] {
  const [now, before] = [property(request.object, 'status'), property(request.oldObject, 'status')];
  if (canonicalJson(now ?? null) === canonicalJson(before ?? null)) return stripped(request);
  // It is JSON: the API server sent it.
  const value = isObject(before) ? (before as JsonObject) : {};
  return [...stripped(request), { op: 'add', path: '/status', value }];
}

function stripped(request: AdmissionRequest): readonly PatchOperation[] {
  const annotations = textMap(property(property(request.object, 'metadata'), 'annotations'));
  const kept = Object.entries(annotations).filter(([key]) => key !== approveAnnotation && key !== acknowledgeAnnotation);
  return kept.length === Object.keys(annotations).length ? [] : [{ op: 'add', path: '/metadata/annotations', value: Object.fromEntries(kept) }];
}

function allow(request: AdmissionRequest, patch: readonly PatchOperation[] = [], warnings: readonly string[] = []): AdmissionAnswer {
  return { uid: request.uid, allowed: true, status: null, warnings, auditAnnotations: {}, patch };
}

function deny(request: AdmissionRequest, why: string): AdmissionAnswer {
  return {
    uid: request.uid,
    allowed: false,
    status: { code: 403, message: `image exceptions: ${safeText(why, 2000)}` },
    warnings: [],
    auditAnnotations: {},
    patch: null,
  };
}

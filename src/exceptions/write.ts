import type { ExceptionStamps } from '../domain/exception.ts';
import { safeText } from '../domain/text.ts';
import { describeTime } from './held.ts';
import type { ReadException } from './read.ts';
import { longestBreakglass } from './schema.ts';
import { stampsOf } from './seal.ts';

/** Annotations by which a person asks for a stamp; their value is the revision that was read. They are taken off again at once. */
export const approveAnnotation = 'tidewaiter.dev/approve';
export const acknowledgeAnnotation = 'tidewaiter.dev/acknowledge';

/** What only some may do, each a verb of its own in RBAC. */
export type ExceptionVerb = 'approve' | 'breakglass' | 'acknowledge';

/** A write that the API server asks about. */
export interface Write {
  /** The object as it will be. */
  readonly after: ReadException;
  /** The object as it is; null on creation, or where it could not be read. */
  readonly before: ReadException | null;
  /** Whether what it is was sealed by us. */
  readonly sealed: boolean;
  readonly creates: boolean;
  readonly user: string;
  /** Milliseconds since the epoch. */
  readonly now: number;
  readonly longest: number;
}

/** What becomes of a write. */
export type Ruling =
  | { readonly kind: 'refuse'; readonly why: string }
  /** Stamps stay as they were. */
  | { readonly kind: 'leave'; readonly warnings: readonly string[] }
  | {
      readonly kind: 'stamp';
      readonly stamps: ExceptionStamps;
      /** The right that whoever asks must have. */
      readonly needs: ExceptionVerb | null;
      readonly act: 'written' | 'approved' | 'acknowledged' | 'shortened';
      readonly warnings: readonly string[];
    };

/** How far the clock of whoever writes an end may be ahead, in milliseconds. */
const clockSkew = 60_000;

const refuse = (why: string): Ruling => ({ kind: 'refuse', why });

/** Decides about the creation or the change of an exception: a pure function. Stamps come from who asks, never from the object. */
export function ruleOnWrite(write: Write): Ruling {
  const { after, before, creates } = write;
  const approves = asks(write, approveAnnotation);
  const acknowledges = asks(write, acknowledgeAnnotation);
  if (approves !== null && acknowledges !== null) return refuse('approve and acknowledge are two acts');
  const edited = creates || before === null || before.revision !== after.revision;
  if (edited && (approves !== null || acknowledges !== null))
    return refuse('what is approved or acknowledged has to be there already: take the annotation off, and ask again');
  if (!edited) return approves === null && acknowledges === null ? keep(write) : stampAct(write, approves, acknowledges);
  if (!creates && (after.spec.breakglass || before?.spec.breakglass === true)) return shorten(write);
  return stampWriting(write);
}

/** The value of an annotation that this write adds or changes; null where it does not. */
function asks({ after, before }: Write, annotation: string): string | null {
  const value = after.annotations[annotation] ?? null;
  return value === (before?.annotations[annotation] ?? null) ? null : value;
}

/** Labels, annotations, or a manifest that is applied again: whatever status came with it is thrown away. */
function keep({ before, sealed }: Write): Ruling {
  // Nobody knows who wrote it: whoever touches it must not become its author.
  const warnings = sealed || before === null ? [] : ['this exception is void, since it was not written through the webhook; delete it and create it again'];
  return { kind: 'leave', warnings };
}

function stampWriting(write: Write): Ruling {
  const { after, before, sealed, user, now, longest } = write;
  const { spec } = after;
  const expires = Date.parse(spec.expires);
  const ceiling = spec.breakglass ? longestBreakglass : longest;
  // A clock that is a little ahead is no reason to refuse: it ends at the ceiling in any case.
  if (expires - now > ceiling + clockSkew) return refuse(`spec.expires: must be within ${describeTime(ceiling)}, by ${new Date(now + ceiling).toISOString()}`);
  if (spec.breakglass) {
    if (isMachine(user)) return refuse(`a breakglass is a person's act, and ${safeText(user, 200)} is none`);
    if (spec.starts !== null) return refuse('spec.starts: a breakglass starts at once');
    if (expires <= now) return refuse('spec.expires: is over already');
  }
  // The author of an object that we did not seal is not known.
  const author = sealed && before?.status ? before.status.createdBy : user;
  const stamps: ExceptionStamps = {
    createdBy: author,
    changedBy: isSamePerson(author, user) ? null : user,
    approvedBy: null,
    acknowledgedBy: null,
    writtenAt: new Date(now).toISOString(),
    approvedAt: null,
  };
  const lost = before?.status?.approvedBy ?? null;
  const warnings = [
    ...(lost === null
      ? []
      : [`this change takes back the approval of ${safeText(lost, 200)}: the exception has no effect until somebody else approves it as it is now`]),
    ...(expires <= now ? ['this exception is over already, and has no effect'] : []),
  ];
  return { kind: 'stamp', stamps, needs: spec.breakglass ? 'breakglass' : null, act: 'written', warnings };
}

/** Of a breakglass only the end may be changed, to an earlier one: every hour of it is somebody's word. */
function shorten({ after, before, sealed }: Write): Ruling {
  if (before === null || !sealed || before.status === null) return refuse('this breakglass is void; delete it and make another');
  const same = JSON.stringify({ ...after.spec, expires: '' }) === JSON.stringify({ ...before.spec, expires: '' });
  if (!same || Date.parse(after.spec.expires) > Date.parse(before.spec.expires)) {
    return refuse('a breakglass can be ended earlier, and changed in no other way; make another');
  }
  return { kind: 'stamp', stamps: stampsOf(before.status), needs: null, act: 'shortened', warnings: [] };
}

function stampAct(write: Write, approves: string | null, acknowledges: string | null): Ruling {
  const { after, before, sealed, user, now } = write;
  const verb = approves === null ? 'acknowledge' : 'approve';
  if (before === null || !sealed || before.status === null) return refuse(`this exception is void, and nobody can ${verb} it; delete it and create it again`);
  const { createdBy, changedBy, approvedBy, acknowledgedBy } = before.status;
  if ((approves ?? acknowledges) !== after.revision) {
    return refuse(`to ${verb} it, name what you have read: tidewaiter.dev/${verb}=${after.revision}. It may have been changed since you read it`);
  }
  if (isMachine(user)) return refuse(`${safeText(user, 200)} is no person, and only a person can ${verb} an exception`);
  const author = [createdBy, changedBy].find((name) => name !== null && isSamePerson(name, user)) ?? null;
  if (author !== null) return refuse(`${safeText(author, 200)} wrote it: somebody else has to ${verb} it`);
  const stamps = stampsOf(before.status);
  if (approves !== null) {
    if (after.spec.breakglass) return refuse('a breakglass needs no approval; it can be acknowledged');
    if (approvedBy !== null) return refuse(`${safeText(approvedBy, 200)} has approved it already`);
    if (Date.parse(after.spec.expires) <= now) return refuse('it is over already');
    return { kind: 'stamp', stamps: { ...stamps, approvedBy: user, approvedAt: new Date(now).toISOString() }, needs: 'approve', act: 'approved', warnings: [] };
  }
  if (!after.spec.breakglass) return refuse('only a breakglass is acknowledged; this exception can be approved');
  if (acknowledgedBy !== null) return refuse(`${safeText(acknowledgedBy, 200)} has acknowledged it already`);
  return { kind: 'stamp', stamps: { ...stamps, acknowledgedBy: user }, needs: 'acknowledge', act: 'acknowledged', warnings: [] };
}

/** A breakglass that nobody has taken note of stays, except when its whole namespace goes. */
export function refuseRemoval({ spec, status }: ReadException, sealed: boolean, user: string): string | null {
  if (!spec.breakglass || !sealed || status === null || status.acknowledgedBy !== null) return null;
  if (user === 'system:serviceaccount:kube-system:namespace-controller') return null;
  return 'a breakglass stays until somebody has acknowledged it; to end it now, set spec.expires to now';
}

/** Names that Kubernetes keeps for its own: ServiceAccounts, nodes, controllers, whoever is not known, and certificates that many share. */
function isMachine(user: string): boolean {
  return user === '' || user.startsWith('system:');
}

/** Whether two names may be one person's: case and compatible characters are no difference that four eyes could rest on. */
function isSamePerson(a: string, b: string): boolean {
  const plain = (name: string): string => name.normalize('NFKC').toLowerCase().trim();
  return plain(a) === plain(b);
}

import { type ExceptionSpec, nameException } from '../domain/exception.ts';
import { type Held, type Standing, standingOf } from './held.ts';
import { labelOf, readException } from './read.ts';
import type { ExceptionStatus } from './schema.ts';

/** An exception as a person sees it, who has no key to look at its seal. */
export interface SeenException {
  readonly label: string;
  readonly namespace: string;
  readonly name: string;
  readonly standing: Standing | 'breakglass';
  /** Why it is void. */
  readonly reason: string | null;
  readonly spec: ExceptionSpec | null;
  readonly revision: string | null;
  readonly status: ExceptionStatus | null;
}

/** What can be said of an object without the key of the seal: the webhook alone knows whether that is ours. */
export function seeException(object: unknown, now: number): SeenException {
  const read = readException(object);
  if (!read.ok)
    return { label: labelOf(object), namespace: '', name: '', standing: 'void', reason: read.fault.message, spec: null, revision: null, status: null };
  const { identity, spec, revision, status } = read.value;
  const seen = { label: nameException(identity), namespace: identity.namespace, name: identity.name, spec, revision, status };
  if (status === null) return { ...seen, standing: 'void', reason: 'it has no seal: it was not written through the webhook' };
  if (status.revision !== revision) return { ...seen, standing: 'void', reason: 'its spec was changed behind the webhook’s back' };
  if (Date.parse(spec.expires) <= now) return { ...seen, standing: 'expired', reason: null };
  if (spec.breakglass) return { ...seen, standing: 'breakglass', reason: null };
  if (status.approvedBy === null) return { ...seen, standing: 'pending', reason: null };
  return { ...seen, standing: spec.starts !== null && Date.parse(spec.starts) > now ? 'upcoming' : 'inForce', reason: null };
}

/** What a folder holds, as a process that reads it would have it. */
export function seeHeld(held: Held, now: number): SeenException {
  const nothing = { label: held.label, namespace: '', name: '', spec: null, revision: null, status: null };
  if (held.state !== 'usable') return { ...nothing, standing: standingOf(held, now), reason: held.state === 'void' ? held.reason : null };
  const { spec, revision, namespace, name } = held.exception;
  const standing = standingOf(held, now);
  return { ...nothing, namespace, name, spec, revision, standing: spec.breakglass && standing === 'inForce' ? 'breakglass' : standing, reason: null };
}

/** Why a manifest would be refused, or what it asks for. */
export function checkException(object: unknown): { readonly label: string; readonly fault: string | null; readonly spec: ExceptionSpec | null } {
  const read = readException(object);
  return read.ok
    ? { label: nameException(read.value.identity), fault: null, spec: read.value.spec }
    : { label: labelOf(object), fault: read.fault.message, spec: null };
}

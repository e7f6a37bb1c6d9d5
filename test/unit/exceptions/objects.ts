/** Objects as the API server has them, sealed as the webhook seals them, unless a test says otherwise. */
import { sealText } from '../../../src/domain/exception.ts';
import { readException } from '../../../src/exceptions/read.ts';
import { makeSeal } from '../../../src/exceptions/seal.ts';

export const key = Buffer.alloc(32, 7);
export const keys = { keys: () => [key] };
export const times = { longest: 90 * 86_400_000, warnBefore: 7 * 86_400_000 };

export const spec = { policies: ['signed'], images: ['registry.corp/acme/**'], reason: 'the key is being replaced', expires: '2026-12-01T00:00:00Z' };
export const writtenAt = '2026-11-24T12:00:00Z';

export type Plain = Record<string, unknown>;

export function objectOf(given: Plain = spec, metadata: Plain = {}, kind = 'ImageException'): Plain {
  return {
    apiVersion: 'tidewaiter.dev/v1',
    kind,
    metadata: { name: 'web', ...(kind === 'ImageException' ? { namespace: 'shop' } : {}), uid: 'uid-1', creationTimestamp: writtenAt, ...metadata },
    spec: given,
  };
}

export const approved = { state: 'Approved', createdBy: 'alice', changedBy: null, approvedBy: 'bob', acknowledgedBy: null, writtenAt, approvedAt: writtenAt };

/** With the stamps, and the seal that fits. */
export function sealed(object: Plain, stamps: Partial<typeof approved> | Plain = {}, uid: string | null | undefined = undefined, by: Uint8Array = key): Plain {
  const read = readException(object);
  if (!read.ok) throw new Error(read.fault.message);
  const all = { ...approved, ...stamps } as typeof approved;
  const { identity, revision } = read.value;
  const seal = makeSeal(by, sealText(uid === undefined ? identity : { ...identity, uid }, revision, all));
  return { ...object, status: { ...all, revision, seal } };
}

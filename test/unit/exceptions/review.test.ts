import { applyPatch, type Operation } from 'rfc6902';
import { beforeEach, describe, expect, it } from 'vitest';
import type { AdmissionAnswer, AdmissionRequest } from '../../../src/domain/admission.ts';
import { bad, good, type Outcome } from '../../../src/domain/fault.ts';
import { holdObject } from '../../../src/exceptions/held.ts';
import { readException } from '../../../src/exceptions/read.ts';
import { type AccessQuestion, createExceptionReview, mostInNamespace } from '../../../src/exceptions/review.ts';
import { key, objectOf, type Plain, spec, times } from './objects.ts';

const day = 86_400_000;
let now: number;
let asked: AccessQuestion[];
let may: Outcome<boolean>;
let keys: readonly Uint8Array[];
let count: number;

beforeEach(() => {
  now = Date.parse('2026-11-24T12:00:00Z');
  asked = [];
  may = good(true);
  keys = [key];
  count = 0;
});

const review = createExceptionReview({
  keys: { keys: () => keys },
  longest: 90 * day,
  mayDo: async (question) => {
    asked.push(question);
    return may;
  },
  countIn: () => count,
  clock: () => now,
  log: { info: () => {}, warn: () => {} },
});

function ask(operation: string, user: string, object: unknown, oldObject: unknown = null, more: Partial<AdmissionRequest> = {}): Promise<AdmissionAnswer> {
  const request: AdmissionRequest = {
    uid: 'u',
    operation,
    kind: 'tidewaiter.dev/v1/ImageException',
    subResource: '',
    namespace: 'shop',
    name: 'web',
    generateName: null,
    user: { username: user, groups: ['people'] },
    dryRun: false,
    object,
    oldObject,
    ...more,
  };
  return review.review(request, AbortSignal.timeout(1_000));
}

/** The object as the API server stores it after our patch, with what only it sets. */
function storedBy(answer: AdmissionAnswer, object: Plain): Plain {
  const copy = structuredClone(object) as Plain & { metadata: Plain };
  // What applyPatch takes is what RFC 6902 has.
  expect(applyPatch(copy, (answer.patch ?? []) as Operation[])).toEqual((answer.patch ?? []).map(() => null));
  return {
    ...copy,
    metadata: { ...copy.metadata, uid: copy.metadata['uid'] ?? 'uid-1', creationTimestamp: copy.metadata['creationTimestamp'] ?? new Date(now).toISOString() },
  };
}

const fresh = (given: Plain = spec, metadata: Plain = {}): Plain => objectOf(given, { uid: undefined, creationTimestamp: undefined, ...metadata });
const refusal = (why: RegExp) => ({ allowed: false, status: { code: 403, message: expect.stringMatching(why) } });

async function create(user = 'alice', given: Plain = spec): Promise<Plain> {
  const answer = await ask('CREATE', user, fresh(given));
  expect(answer).toMatchObject({ allowed: true });
  return storedBy(answer, fresh(given));
}

function revisionOf(object: Plain): string {
  const read = readException(object);
  return read.ok ? read.value.revision : '';
}

const annotated = (object: Plain, annotations: Plain): Plain => ({ ...object, metadata: { ...(object['metadata'] as Plain), annotations } });
const approving = (object: Plain, revision = revisionOf(object)): Plain => annotated(object, { 'tidewaiter.dev/approve': revision });
const standing = (object: Plain): string => holdObject(object, { keys: () => keys }, times).state;

async function approve(object: Plain, user = 'bob'): Promise<Plain> {
  const answer = await ask('UPDATE', user, approving(object), object);
  expect(answer).toMatchObject({ allowed: true });
  return storedBy(answer, approving(object));
}

describe('a new exception', () => {
  it('is stamped with who asks, and waits for approval', async () => {
    const object = await create();
    expect(object['status']).toMatchObject({ state: 'Pending', createdBy: 'alice', revision: revisionOf(object) });
    expect(object['status']).not.toHaveProperty('approvedBy');
    expect(standing(object)).toBe('pending');
  });

  it('is not taken to be approved for what it says of itself', async () => {
    const claims = { ...fresh(), status: { ...((await approve(await create()))['status'] as Plain), createdBy: 'mallory' } };
    const object = storedBy(await ask('CREATE', 'alice', claims), claims);
    expect(object['status']).toMatchObject({ state: 'Pending', createdBy: 'alice' });
    expect(standing(object)).toBe('pending');
  });

  it.each<[string, Plain, RegExp]>([
    ['ends after the ceiling', fresh({ ...spec, expires: '2027-02-23T00:00:00Z' }), /spec\.expires: must be within 90 days/],
    [
      'starts late, and so ends after the ceiling',
      fresh({ ...spec, starts: '2027-06-01T00:00:00Z', expires: '2027-06-02T00:00:00Z' }),
      /must be within 90 days/,
    ],
    ['can not be read', fresh({ ...spec, images: ['**'] }), /EXCEPTION_INVALID: spec\.images\.0/],
    ['has no name yet', fresh(spec, { name: undefined, generateName: 'web-' }), /EXCEPTION_INVALID: metadata\.name/],
    ['approves itself', approving(fresh()), /has to be there already/],
  ])('is refused when it %s', async (_, object, why) => {
    expect(await ask('CREATE', 'alice', object)).toMatchObject(refusal(why));
  });

  it('that is over is taken, with a warning: manifests are applied again', async () => {
    expect(await ask('CREATE', 'alice', fresh({ ...spec, expires: '2026-11-01T00:00:00Z' }))).toMatchObject({
      allowed: true,
      warnings: [expect.stringContaining('over already')],
    });
  });

  it('is refused where there is no key, and where a namespace has too many', async () => {
    keys = [];
    expect(await ask('CREATE', 'alice', fresh())).toMatchObject(refusal(/no key/));
    keys = [key];
    count = mostInNamespace;
    expect(await ask('CREATE', 'alice', fresh())).toMatchObject(refusal(/there are 500 exceptions/));
  });
});

describe('an approval', () => {
  it('by another person with the right to it counts, and takes its annotation off', async () => {
    const object = await approve(await create());
    expect(asked).toEqual([{ user: { username: 'bob', groups: ['people'] }, verb: 'approve', resource: 'imageexceptions', namespace: 'shop', name: 'web' }]);
    expect(object).toMatchObject({ metadata: { annotations: {} }, status: { state: 'Approved', createdBy: 'alice', approvedBy: 'bob' } });
    expect(standing(object)).toBe('usable');
  });

  it.each<[string, string]>([
    ['who wrote it', 'alice'],
    ['who wrote it, in capitals', 'ALICE'],
    ['who wrote it, in full-width letters', 'ａｌｉｃｅ'],
    ['a ServiceAccount', 'system:serviceaccount:argocd:controller'],
    ['a controller', 'system:kube-controller-manager'],
    ['nobody', ''],
  ])('by %s is refused, whatever right they have', async (_, user) => {
    const object = await create();
    expect(await ask('UPDATE', user, approving(object), object)).toMatchObject(refusal(/somebody else has to approve it|is no person/));
    expect(asked).toEqual([]);
  });

  it('of what somebody else changed is refused to both authors', async () => {
    const first = await create();
    const changed = { ...first, spec: { ...spec, reason: 'better words' } };
    const object = storedBy(await ask('UPDATE', 'carol', changed, first), changed);
    expect(object['status']).toMatchObject({ createdBy: 'alice', changedBy: 'carol' });
    for (const user of ['alice', 'carol']) expect(await ask('UPDATE', user, approving(object), object)).toMatchObject(refusal(/wrote it/));
    expect(standing(await approve(object))).toBe('usable');
  });

  it('without the right, or when that can not be found out, is refused', async () => {
    const object = await create();
    may = good(false);
    expect(await ask('UPDATE', 'bob', approving(object), object)).toMatchObject(
      refusal(/bob has no right to it: the verb approve on imageexceptions\.tidewaiter\.dev in the namespace shop/),
    );
    may = bad('INTERNAL', 'no answer in time');
    expect(await ask('UPDATE', 'bob', approving(object), object)).toMatchObject(refusal(/could not be found out: no answer in time/));
  });

  it.each<[string, string]>([
    ['another revision', '0'.repeat(64)],
    ['no revision', 'true'],
    ['a part of it', 'prefix'],
  ])('of %s is refused: what is there may not be what was read', async (_, value) => {
    const object = await create();
    const given = value === 'prefix' ? revisionOf(object).slice(0, 32) : value;
    expect(await ask('UPDATE', 'bob', approving(object, given), object)).toMatchObject(refusal(/name what you have read/));
  });

  it.each<[string, (object: Plain) => Plain]>([
    ['that was edited behind our back', (object) => ({ ...object, spec: { ...spec, images: ['registry.corp/**'] } })],
    ['whose author was forged', (object) => ({ ...object, status: { ...(object['status'] as Plain), createdBy: 'mallory' } })],
    ['without a seal', (object) => ({ ...object, status: undefined })],
  ])('of an exception %s is refused', async (_, spoil) => {
    const object = spoil(await create());
    expect(await ask('UPDATE', 'bob', approving(object), object)).toMatchObject(refusal(/is void, and nobody can approve it/));
  });

  it('of one that is approved, or over, is refused', async () => {
    const object = await create();
    expect(await ask('UPDATE', 'carol', approving(await approve(object)), await approve(object))).toMatchObject(refusal(/bob has approved it already/));
    now = Date.parse(spec.expires);
    expect(await ask('UPDATE', 'bob', approving(object), object)).toMatchObject(refusal(/over already/));
  });

  it('together with a change is refused', async () => {
    const object = await create();
    const changed = { ...object, spec: { ...spec, reason: 'other words' } };
    expect(await ask('UPDATE', 'bob', approving(changed), object)).toMatchObject(refusal(/has to be there already/));
  });
});

describe('a write of an approved exception', () => {
  it.each<[string, (object: Plain) => Plain]>([
    ['the same manifest, without a status', (object) => ({ ...object, status: undefined })],
    ['another status', (object) => ({ ...object, status: { ...(object['status'] as Plain), approvedBy: 'mallory' } })],
    ['labels', (object) => ({ ...object, metadata: { ...(object['metadata'] as Plain), labels: { a: 'b' } } })],
    ['what is the default anyway', (object) => ({ ...object, spec: { ...spec, ticket: null, cves: [] } })],
  ])('with %s leaves the approval', async (_, change) => {
    const before = await approve(await create());
    const after = change(before);
    const object = storedBy(await ask('UPDATE', 'system:serviceaccount:argocd:controller', after, before), after);
    expect(object['status']).toEqual(before['status']);
    expect(standing(object)).toBe('usable');
  });

  it('with any other spec takes the approval back', async () => {
    const before = await approve(await create());
    const after = { ...before, spec: { ...spec, images: ['registry.corp/**'] } };
    const answer = await ask('UPDATE', 'alice', after, before);
    expect(answer.warnings).toEqual([expect.stringContaining('takes back the approval of bob')]);
    expect(standing(storedBy(answer, after))).toBe('pending');
  });

  it('whose author is not known makes whoever edits it the author', async () => {
    const forged = { ...(await create()), status: { ...((await create())['status'] as Plain), createdBy: 'bob' } };
    const after = { ...forged, spec: { ...spec, reason: 'other words' } };
    const object = storedBy(await ask('UPDATE', 'mallory', after, forged), after);
    expect(object['status']).toMatchObject({ state: 'Pending', createdBy: 'mallory' });
    expect(standing(object)).toBe('pending');
  });

  it('that can not be read any more still can be labelled, and removed', async () => {
    const old = objectOf({ ...spec, images: ['**'] });
    expect(await ask('UPDATE', 'alice', annotated(old, { a: 'b' }), old)).toMatchObject({ allowed: true });
    expect(await ask('DELETE', 'alice', null, old)).toMatchObject({ allowed: true });
  });
});

describe('a breakglass', () => {
  const broken = { breakglass: true, reason: 'the signer is gone', expires: '2026-11-24T13:00:00Z' };

  it('of a person with the right to it counts at once', async () => {
    const object = await create('alice', broken);
    expect(asked).toMatchObject([{ verb: 'breakglass', namespace: 'shop' }]);
    expect(standing(object)).toBe('usable');
  });

  it.each<[string, string, Plain, RegExp]>([
    ['of a ServiceAccount', 'system:serviceaccount:shop:robot', broken, /is a person’s act|is a person's act/],
    ['for more than four hours', 'alice', { ...broken, expires: '2026-11-24T16:01:01Z' }, /must be within 4 hours/],
    ['to come', 'alice', { ...broken, starts: '2026-11-24T12:30:00Z' }, /starts at once/],
    ['that is over', 'alice', { ...broken, expires: '2026-11-24T11:00:00Z' }, /is over already/],
    ['without a reason', 'alice', { ...broken, reason: ' ' }, /spec\.reason/],
  ])('%s is refused', async (_, user, given, why) => {
    expect(await ask('CREATE', user, fresh(given))).toMatchObject(refusal(why));
  });

  it('whose end was written by a clock that is ahead ends after four hours all the same', async () => {
    const object = await create('alice', { ...broken, expires: '2026-11-24T16:00:30Z' });
    expect(holdObject(object, { keys: () => keys }, times)).toMatchObject({ state: 'usable', exception: { expires: now + 4 * 3_600_000 } });
  });

  it('without the right to it is refused', async () => {
    may = good(false);
    expect(await ask('CREATE', 'alice', fresh(broken))).toMatchObject(refusal(/alice has no right to it: the verb breakglass/));
  });

  it('may be shortened by anybody who may write it, and changed in no other way', async () => {
    const before = await create('alice', broken);
    const shorter = { ...before, spec: { ...broken, expires: '2026-11-24T12:10:00Z' } };
    const object = storedBy(await ask('UPDATE', 'bob', shorter, before), shorter);
    expect(object['status']).toMatchObject({ createdBy: 'alice' });
    expect(holdObject(object, { keys: () => keys }, times)).toMatchObject({ exception: { expires: Date.parse('2026-11-24T12:10:00Z') } });
    for (const change of [{ expires: '2026-11-24T14:00:00Z' }, { reason: 'another' }, { images: ['registry.corp/acme/**'] }]) {
      expect(await ask('UPDATE', 'alice', { ...before, spec: { ...broken, ...change } }, before)).toMatchObject(
        refusal(/ended earlier, and changed in no other way/),
      );
    }
  });

  it('is not made of an exception, nor an exception of it', async () => {
    const exception = await approve(await create());
    expect(await ask('UPDATE', 'alice', { ...exception, spec: broken }, exception)).toMatchObject(refusal(/changed in no other way/));
    const glass = await create('alice', broken);
    expect(await ask('UPDATE', 'alice', { ...glass, spec }, glass)).toMatchObject(refusal(/changed in no other way/));
  });

  it('stays until somebody else has acknowledged it, unless its namespace goes', async () => {
    const object = await create('alice', broken);
    const acknowledging = annotated(object, { 'tidewaiter.dev/acknowledge': revisionOf(object) });
    expect(await ask('DELETE', 'alice', null, object)).toMatchObject(refusal(/stays until somebody has acknowledged it/));
    expect(await ask('DELETE', 'system:serviceaccount:kube-system:namespace-controller', null, object)).toMatchObject({ allowed: true });
    expect(await ask('UPDATE', 'alice', acknowledging, object)).toMatchObject(refusal(/alice wrote it/));
    now += 30 * day;
    const answer = await ask('UPDATE', 'bob', acknowledging, object);
    expect(asked.at(-1)).toMatchObject({ verb: 'acknowledge' });
    const done = storedBy(answer, acknowledging);
    expect(done['status']).toMatchObject({ acknowledgedBy: 'bob' });
    expect(await ask('DELETE', 'alice', null, done)).toMatchObject({ allowed: true });
  });

  it('can not be approved, and an exception not acknowledged', async () => {
    const glass = await create('alice', broken);
    expect(await ask('UPDATE', 'bob', approving(glass), glass)).toMatchObject(refusal(/needs no approval/));
    const exception = await create();
    expect(await ask('UPDATE', 'bob', annotated(exception, { 'tidewaiter.dev/acknowledge': revisionOf(exception) }), exception)).toMatchObject(
      refusal(/only a breakglass is acknowledged/),
    );
  });
});

it('anything else that comes here is refused', async () => {
  expect(await ask('CREATE', 'alice', fresh(), null, { kind: 'v1/Pod' })).toMatchObject(refusal(/about exceptions of tidewaiter\.dev\/v1 alone/));
});

import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { type Held, holdFile, holdObject, standingOf } from '../../../src/exceptions/held.ts';
import { readException } from '../../../src/exceptions/read.ts';
import { key, keys, objectOf, type Plain, sealed, spec, times, writtenAt } from './objects.ts';

const hold = (object: Plain): Held => holdObject(object, keys, times);
const voided = (reason: RegExp) => ({ state: 'void', reason: expect.stringMatching(reason) });
const day = 86_400_000;
const written = Date.parse(writtenAt);

describe('a spec that is refused', () => {
  it.each<[string, Plain, RegExp]>([
    ['without an end', { ...spec, expires: undefined }, /spec\.expires: must be a time/],
    ['whose end is no time', { ...spec, expires: 'tomorrow' }, /spec\.expires: must be a time/],
    ['whose end is a day that there is not', { ...spec, expires: '2026-02-30T00:00:00Z' }, /spec\.expires: must be a time/],
    ['that ends before it starts', { ...spec, starts: '2026-12-02T00:00:00Z' }, /spec\.expires: must be after starts/],
    ['without a reason', { ...spec, reason: '  ' }, /spec\.reason: must say something/],
    ['whose reason reads otherwise than it is', { ...spec, reason: 'ok \u202e drow' }, /spec\.reason: can have no control, invisible or bidirectional/],
    ['whose owner hides something', { ...spec, owner: 'al\u200bice' }, /spec\.owner: can have no control/],
    ['whose ticket forges a line', { ...spec, ticket: 'A-1\nallowed' }, /spec\.ticket: can have no control/],
    ['that is for every image there is', { ...spec, images: ['**'] }, /spec\.images\.0: must be registry\/repository, or a glob of it below one registry/],
    ['that is for every registry', { ...spec, images: ['*.corp/acme'] }, /spec\.images\.0: must be registry/],
    ['whose image has a tag', { ...spec, images: ['registry.corp/acme/web:1.0'] }, /spec\.images\.0: must be registry/],
    ['whose image matches nothing', { ...spec, images: ['docker.io/nginx'] }, /named docker\.io\/library/],
    ['that is for no image', { ...spec, images: [] }, /spec\.images: must name images or digests/],
    ['that waives nothing', { ...spec, policies: [] }, /spec\.policies: must have one of policies and cves/],
    ['that waives policies and vulnerabilities', { ...spec, cves: ['CVE-2026-1'] }, /spec\.policies: must have one of policies and cves/],
    ['that waives every policy', { ...spec, policies: ['*'] }, /spec\.policies\.0: must be a policy/],
    ['that waives the host as a whole', { ...spec, policies: ['tidewaiter'] }, /of tidewaiter's own findings only these/],
    ['that waives broken policies', { ...spec, policies: ['tidewaiter/policies'] }, /of tidewaiter's own findings only these/],
    ['that waives a missing digest', { ...spec, policies: ['tidewaiter/unpinned'] }, /of tidewaiter's own findings only these/],
    ['with a key that nobody knows', { ...spec, everything: true }, /spec: Unrecognized key: "everything"/],
    ['that names namespaces though it has its own', { ...spec, namespaces: ['*'] }, /spec: Unrecognized key: "namespaces"/],
    ['of a breakglass that names policies', { ...spec, breakglass: true }, /spec\.breakglass: waives whatever can be waived/],
    ['with more than anybody approves', { ...spec, policies: Array.from({ length: 51 }, (_, i) => `p${i}`) }, /spec\.policies: Too big/],
  ])('%s', (_, given, message) => {
    const read = readException(objectOf(given));
    expect(read).toMatchObject({ ok: false, fault: { code: 'EXCEPTION_INVALID', message: expect.stringMatching(message) } });
  });

  it('of a cluster-wide exception that names no namespace', () => {
    expect(readException(objectOf(spec, {}, 'ClusterImageException'))).toMatchObject({
      ok: false,
      fault: { message: expect.stringContaining('spec.namespaces: must name') },
    });
  });

  it('comes to a fault, and never to an error, whatever it is', () => {
    fc.assert(
      fc.property(fc.anything(), fc.anything(), fc.anything(), (given, metadata, status) => {
        const object = { ...objectOf(), spec: given, metadata, status };
        expect(['void', 'pending']).toContain(holdObject(object, keys, times).state);
        expect(holdFile(object, 'x.yaml', times).state).toBe('void');
      }),
    );
  });
});

describe('an object of the cluster', () => {
  it('that is approved and sealed is usable', () => {
    expect(hold(sealed(objectOf()))).toMatchObject({
      state: 'usable',
      label: 'ImageException shop/web',
      exception: { createdBy: 'alice', approvedBy: 'bob', expires: Date.parse(spec.expires), warnFrom: Date.parse(spec.expires) - 7 * day },
    });
  });

  it('that nobody approved is pending', () => {
    expect(hold(sealed(objectOf(), { approvedBy: null, state: 'Pending' }))).toMatchObject({ state: 'pending' });
  });

  it('that nobody sealed is void', () => {
    expect(hold(objectOf())).toMatchObject(voided(/it has no seal/));
    expect(hold({ ...objectOf(), status: { approvedBy: 'bob' } })).toMatchObject(voided(/it has no seal/));
  });

  it.each<[string, (object: Plain) => Plain]>([
    ['spec', (object) => ({ ...object, spec: { ...spec, images: ['registry.corp/**'] } })],
    ['end', (object) => ({ ...object, spec: { ...spec, expires: '2027-01-01T00:00:00Z' } })],
  ])('whose %s was changed behind the webhook’s back is void', (_, change) => {
    expect(hold(change(sealed(objectOf())))).toMatchObject(voided(/its spec was changed behind/));
  });

  it('whose spec and revision were both changed is void', () => {
    const other = sealed(objectOf({ ...spec, images: ['registry.corp/**'] }), {}, undefined, Buffer.alloc(32, 8));
    expect(hold(other)).toMatchObject(voided(/its seal is not ours/));
  });

  it.each<[string, Plain, string?]>([
    ['another name', { name: 'api' }],
    ['another namespace', { namespace: 'pay' }],
    ['another life of the same name', { uid: 'uid-2' }],
  ])('with the seal of %s is void', (_, metadata) => {
    const object = objectOf();
    const { status } = sealed(objectOf(spec, metadata));
    expect(hold({ ...object, status })).toMatchObject(voided(/its seal is not ours, or is that of another object/));
  });

  it.each(['createdBy', 'changedBy', 'approvedBy', 'acknowledgedBy'])('whose stamp %s was changed is void', (stamp) => {
    const object = sealed(objectOf());
    expect(hold({ ...object, status: { ...(object['status'] as Plain), [stamp]: 'mallory' } })).toMatchObject(voided(/its seal is not ours/));
  });

  it('that was sealed before it had a uid, at that moment, counts unless it claims an approval', () => {
    expect(hold(sealed(objectOf(), { approvedBy: null }, null))).toMatchObject({ state: 'pending' });
    expect(hold(sealed(objectOf(), {}, null))).toMatchObject(voided(/its seal is not ours/));
  });

  it('that carries the first seal of an earlier object of its name is void', () => {
    const later = objectOf(spec, { uid: 'uid-2', creationTimestamp: '2026-11-24T12:06:00Z' });
    expect(hold(sealed(later, { approvedBy: null }, null))).toMatchObject(voided(/its seal is not ours/));
  });

  it('still counts under the key before, and not under one before that', () => {
    const next = Buffer.alloc(32, 9);
    expect(holdObject(sealed(objectOf()), { keys: () => [next, key] }, times)).toMatchObject({ state: 'usable' });
    expect(holdObject(sealed(objectOf()), { keys: () => [next] }, times)).toMatchObject(voided(/its seal is not ours/));
    expect(holdObject(sealed(objectOf()), { keys: () => [] }, times)).toMatchObject(voided(/there is no key/));
  });

  it('ends at the ceiling, however far away its own end is, and a breakglass after four hours', () => {
    expect(hold(sealed(objectOf({ ...spec, expires: '2030-01-01T00:00:00Z' })))).toMatchObject({ exception: { expires: written + 90 * day } });
    const broken = { breakglass: true, reason: 'outage', expires: '2026-12-01T00:00:00Z' };
    expect(hold(sealed(objectOf(broken), { approvedBy: null }, null))).toMatchObject({
      state: 'usable',
      exception: { expires: written + 4 * 3_600_000, warnFrom: written + 4 * 3_600_000 - 15 * 60_000 },
    });
  });
});

describe('a file', () => {
  const inFolder = { ...spec, starts: '2026-11-24T00:00:00Z' };
  const holdIt = (given: Plain): Held => holdFile(objectOf(given, { uid: undefined, creationTimestamp: undefined }), 'web.yaml', times);

  it('needs no seal: whoever may write it is trusted', () => {
    expect(holdIt(inFolder)).toMatchObject({ state: 'usable', exception: { file: 'web.yaml', createdBy: null, approvedBy: null, uid: null } });
  });

  it.each<[string, Plain, RegExp]>([
    ['without a start', spec, /spec\.starts: an exception in a folder must say/],
    ['that lasts longer than it may', { ...inFolder, expires: '2027-11-24T00:00:00Z' }, /spec\.expires: more than 90 days after spec\.starts/],
    [
      'of a breakglass that lasts longer than four hours',
      { breakglass: true, reason: 'x', starts: writtenAt, expires: '2026-11-24T17:00:00Z' },
      /more than 4 hours/,
    ],
    ['of a breakglass that ends before it starts', { breakglass: true, reason: 'x', starts: writtenAt, expires: writtenAt }, /must be after/],
  ])('%s is void', (_, given, reason) => {
    expect(holdIt(given)).toMatchObject(voided(reason));
  });

  it('stands by its start and its end', () => {
    const held = holdIt(inFolder);
    const at = (time: string) => standingOf(held, Date.parse(time));
    expect([at('2026-11-23T23:59:59.999Z'), at('2026-11-24T00:00:00Z'), at('2026-11-30T23:59:59.999Z'), at(spec.expires)]).toEqual([
      'upcoming',
      'inForce',
      'inForce',
      'expired',
    ]);
  });
});

import { createHash } from 'node:crypto';
import canonicalize from 'canonicalize';
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { seal } from '../../../src/audit/chain.ts';
import { draftRecord, renderRecord } from '../../../src/audit/record.ts';
import type { RecordDraft } from '../../../src/domain/record.ts';
import { exceptionOf } from '../domain/exceptions.ts';
import { denial, digest, draft, evidence, finding, image, inputOf, scan } from './fixtures.ts';

const link = { chain: '01KB0000000000000000000000', sequence: 7, previousHash: 'f'.repeat(64) };
const writer = { replica: 'replica-0', build: '0.1.0' };

function entryOf(value: RecordDraft): { readonly line: string; readonly hash: string } {
  return seal(renderRecord(draftRecord(value), link, writer));
}

test('a record holds exactly this', () => {
  const { line, hash } = entryOf(draft());
  expect(JSON.parse(line)).toEqual({
    schema: 1,
    id: '01KB0000000000000000000001',
    chain: '01KB0000000000000000000000',
    sequence: 7,
    previousHash: 'f'.repeat(64),
    hash,
    time: '2026-11-24T20:00:00.000Z',
    uid: '7f1c0f3e-0000-4000-8000-000000000001',
    replica: 'replica-0',
    build: '0.1.0',
    request: {
      operation: 'CREATE',
      kind: 'v1/Pod',
      subResource: '',
      namespace: 'shop',
      name: 'web',
      generateName: null,
      owner: { kind: 'ReplicaSet', name: 'web-1' },
      user: 'alice',
      groups: ['system:authenticated'],
    },
    images: [
      {
        container: 'web',
        role: 'container',
        written: 'nginx:1.27',
        reference: { registry: 'docker.io', repository: 'library/nginx', tag: '1.27', digest: digest('a') },
        admitted: `harbor.corp/dockerhub/library/nginx:1.27@${digest('a')}`,
        pinned: true,
        mirror: 'harbor.corp/dockerhub',
        signers: ['release'],
        scans: [
          {
            source: 'attested',
            platform: 'linux/amd64',
            state: 'evaluated',
            signer: 'ci',
            scanner: 'trivy 0.74.0',
            scannedAt: '2026-11-24T10:00:00.000Z',
            databaseUpdatedAt: null,
            endOfLife: false,
            counts: { CRITICAL: 1, HIGH: 0, MEDIUM: 0, LOW: 0, UNKNOWN: 0 },
          },
        ],
        decidingCves: ['CVE-2026-0001'],
        rejected: [],
        faults: [],
        lastKnownGood: [],
      },
    ],
    findings: [{ ...denial, waivedBy: null }],
    decision: 'deny',
    answered: 'deny',
    mode: 'enforce',
    exception: null,
    policyRevision: 'policy-1',
    configRevision: 'config-1',
    timings: { policy: 1.235, gather: 0.5 },
    input: JSON.parse(draft().input ?? ''),
    host: { deadline: false, dark: [] },
  });
  // A record's hash is a promise to whoever kept it: it changes only with the schema.
  expect(hash).toBe('fe59eee5f97c91afdcc5d74ec1069d8823ad38acb23fbad2ae2e34b7d1dd0917');
});

describe('a record', () => {
  test('holds nothing of the object', () => {
    expect(entryOf(draft()).line).not.toContain('hunter2');
  });

  test('names only the CVEs that a denial of that container rests on', () => {
    const findings = [
      { ...denial, cves: ['CVE-1'] },
      { ...denial, cves: ['CVE-2'], decisive: false, effect: 'warn' as const },
      { ...denial, cves: ['CVE-3'], container: 'other' },
      { ...denial, cves: ['CVE-4'], container: null },
    ];
    expect(JSON.parse(entryOf(draft({ findings })).line).images[0].decidingCves).toEqual(['CVE-1', 'CVE-4']);
  });

  test('names the exceptions that were used as they were then, and what each dropped', () => {
    const exception = exceptionOf({ policies: ['scanned'], ticket: 'SEC-7', owner: 'team web' });
    const waived = { ...denial, decisive: false, waivedBy: exception };
    expect(JSON.parse(entryOf(draft({ findings: [waived], exceptions: [exception], decision: 'allow', answered: 'allow' })).line)).toMatchObject({
      findings: [{ decisive: false, waivedBy: 'ImageException shop/web' }],
      exception: [
        {
          approvedBy: 'bob',
          breakglass: false,
          createdBy: 'alice',
          expires: '2026-11-25T12:00:00.000Z',
          file: null,
          kind: 'ImageException',
          name: 'web',
          namespace: 'shop',
          owner: 'team web',
          reason: 'the fix ships on Friday',
          revision: 'a'.repeat(64),
          stale: false,
          ticket: 'SEC-7',
          uid: 'uid-1',
        },
      ],
    });
  });

  test('says so when the policies could not judge', () => {
    expect(JSON.parse(entryOf(draft({ input: null, policyRevision: null })).line)).toMatchObject({ input: null, policyRevision: null });
  });

  test('is canonical, and has the hash of its canonical form without it, whatever it is about', () => {
    const text = fc.string({ unit: 'binary' });
    fc.assert(
      fc.property(
        text,
        text,
        text,
        fc.array(text),
        fc.dictionary(text, fc.double({ min: 0, max: 1e6, noNaN: true })),
        fc.nat(9),
        (name, user, msg, cves, timings, n) => {
          const images = [image(evidence({ scans: [scan(Array.from({ length: n }, () => finding({ id: msg })))] }), name)];
          const { request } = draft();
          const changed = draft({
            request: { ...request, name, user: { username: user, groups: cves } },
            findings: [{ ...denial, msg, cves }],
            timings,
            images,
            input: inputOf(images),
          });
          const { line, hash } = entryOf(changed);
          const { hash: stated, ...rest } = JSON.parse(line);
          // Compared here: an expectation on long texts costs more than all the rest.
          const sum = createHash('sha256').update(canonicalize(rest) ?? '');
          return `${canonicalize({ ...rest, hash: stated })}\n` === line && stated === hash && sum.digest('hex') === hash;
        },
      ),
    );
  });
});

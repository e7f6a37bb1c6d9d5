import * as asn1js from 'asn1js';
import fc from 'fast-check';
import { beforeAll, describe, expect, it } from 'vitest';
import type { Outcome } from '../../../src/domain/fault.ts';
import { readCertificate } from '../../../src/signatures/notation/certificate.ts';
import { readRevocationList } from '../../../src/signatures/notation/revocation/crl.ts';
import { open, walk } from '../../../src/signatures/notation/revocation/der.ts';
import { readOcspAnswer } from '../../../src/signatures/notation/revocation/ocsp.ts';
import type { Issuance, Standing } from '../../../src/signatures/notation/revocation/standing.ts';
import { type Issued, issue, issueRoot } from '../../fakes/notation/authority.ts';
import { makeCrl, makeOcspAnswer } from '../../fakes/notation/revocation.ts';

const address = 'http://crl.example/crl';
const now = Date.now();
let issuance: Issuance;
let list: Buffer;
let answer: Buffer;
beforeAll(async () => {
  const root = await issueRoot();
  const leaf = await issue({ issuer: root });
  const other = await issue({ issuer: root });
  const read = ({ der }: Issued) => readCertificate(der);
  issuance = { certificate: read(leaf), issuer: read(root) };
  list = await makeCrl(root, { revoked: [{ certificate: other }, { certificate: leaf }] });
  answer = await makeOcspAnswer(leaf, root, { status: 'revoked' });
});

const readers: readonly [string, () => Buffer, (bytes: Buffer) => Promise<Outcome<Standing>>][] = [
  ['a list', () => list, (bytes) => readRevocationList(bytes, issuance, address, now)],
  ['an answer by OCSP', () => answer, (bytes) => readOcspAnswer(bytes, issuance, now)],
];

describe.each(readers)('%s', (_, original, read) => {
  it('says the same or nothing, whatever byte of it is another', async () => {
    const before = await read(original());
    expect(before.ok && before.value.revokedAt).toBeTypeOf('number');
    const changed = fc.tuple(fc.nat(original().length - 1), fc.integer({ min: 1, max: 255 }));
    await fc.assert(
      fc.asyncProperty(changed, async ([at, by]) => {
        const bytes = Buffer.from(original());
        bytes[at] = (bytes[at] ?? 0) ^ by;
        const after = await read(bytes);
        if (after.ok) expect(after).toEqual(before);
        else expect(after.fault.code).toBe('REVOCATION_UNAVAILABLE');
      }),
      { numRuns: 300 },
    );
  });

  it('says nothing when it is cut off, goes on, or is something else', async () => {
    const cut = fc.nat(original().length - 1).map((length) => original().subarray(0, length));
    const longer = fc.uint8Array({ minLength: 1, maxLength: 20 }).map((more) => Buffer.concat([original(), more]));
    const random = fc.uint8Array({ maxLength: 200 }).map((bytes) => Buffer.from(bytes));
    await fc.assert(
      fc.asyncProperty(fc.oneof(cut, longer, random), async (bytes) => {
        expect((await read(bytes)).ok).toBe(false);
      }),
    );
  });
});

describe('a walk over DER', () => {
  const leafs = fc.oneof(
    fc.integer({ min: -1_000_000, max: 1_000_000 }).map((value) => new asn1js.Integer({ value })),
    fc.uint8Array({ maxLength: 300 }).map((bytes) => new asn1js.OctetString({ valueHex: new Uint8Array(bytes).buffer })),
  );
  const sequences = fc.array(leafs, { maxLength: 20 }).map((value) => new asn1js.Sequence({ value }));

  it('finds the parts that another reader finds', () => {
    fc.assert(
      fc.property(sequences, (sequence) => {
        const bytes = Buffer.from(sequence.toBER());
        const parts = sequence.valueBlock.value.map((each) => Buffer.from(each.toBER()).toString('hex'));
        expect(open(bytes, 0x30).map((each) => each.bytes.toString('hex'))).toEqual(parts);
      }),
    );
  });

  it('stops at what is no DER', () => {
    for (const hex of ['30', '3080', '3085010000000000', '308201', '3002ff', '1f0100', '300500']) {
      expect(() => [...walk(Buffer.from(hex, 'hex'))]).toThrow('no DER');
    }
    expect(() => open(Buffer.from('30003000', 'hex'), 0x30)).toThrow('another kind');
    expect(() => open(Buffer.from('0400', 'hex'), 0x30)).toThrow('another kind');
  });
});

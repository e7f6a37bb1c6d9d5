import { setImmediate } from 'node:timers/promises';
import * as asn1js from 'asn1js';
import * as pkijs from 'pkijs';
import { bad, good, type Outcome } from '../../../domain/fault.ts';
import { type Element, open, tags, walk } from './der.ts';
import { isSignedWith, readTime } from './signed.ts';
import { holdsUntil, type Issuance, type Standing } from './standing.ts';

const extensionsTag = 0xa0;
const versionTwo = Buffer.from([1]);
const uniformResourceIdentifier = 6;
/** Entries after which others get their turn: about 2 ms. */
const entriesAtOnce = 2_000;

/** The parts of a list, nothing of them believed. */
interface Parts {
  readonly signed: Buffer;
  readonly algorithm: Element;
  readonly signature: Element;
  readonly innerAlgorithm: Element;
  readonly issuer: Element;
  readonly thisUpdate: Element;
  readonly nextUpdate: Element | null;
  /** Contents of revokedCertificates. */
  readonly revoked: Buffer;
  readonly extensions: readonly pkijs.Extension[];
}

/**
 * What a list of revoked certificates says of a certificate: https://www.rfc-editor.org/rfc/rfc5280 section 5. REVOCATION_UNAVAILABLE,
 * with what the list is or does, for one that is not by the certificate's issuer, not of now, or not complete.
 *
 * @param address where it was got: a list for another address may be about other certificates
 */
export async function readRevocationList(bytes: Buffer, { certificate, issuer }: Issuance, address: string, now: number): Promise<Outcome<Standing>> {
  try {
    const list = split(bytes);
    if (!list.issuer.bytes.equals(certificate.issuer) || !list.issuer.bytes.equals(issuer.subject)) return refuse('is by another authority');
    if (!list.algorithm.bytes.equals(list.innerAlgorithm.bytes)) return refuse('names two algorithms');
    if (issuer.keyUsage?.has('cRLSign') === false) return refuse('is by an authority that may not sign such lists (key usage)');
    const algorithm = pkijs.AlgorithmIdentifier.fromBER(list.algorithm.bytes);
    const signature = asn1js.fromBER(list.signature.bytes).result;
    if (!(signature instanceof asn1js.BitString) || !(await isSignedWith(list.signed, algorithm, signature, issuer)))
      return refuse('is not signed by the issuer of the certificate');
    const wrong = findScopeFault(list.extensions, certificate.basicConstraints?.ca === true, address);
    if (wrong !== null) return refuse(wrong);
    const until = holdsUntil(readTime(list.thisUpdate.bytes), list.nextUpdate === null ? undefined : readTime(list.nextUpdate.bytes), now);
    if (typeof until === 'string') return refuse(until);
    const found = await findEntry(list.revoked, certificate.serial);
    return found.ok ? good({ revokedAt: null, invalidFrom: null, ...found.value, from: now, until }) : found;
  } catch (cause) {
    return refuse('can not be read', cause);
  }
}

function split(bytes: Buffer): Parts {
  const [list, algorithm, signature, ...more] = open(bytes, tags.sequence);
  if (list === undefined || algorithm === undefined || signature === undefined || more.length > 0) throw new TypeError('no list');
  const fields = open(list.bytes, tags.sequence);
  let at = 0;
  const take = (isWanted: (tag: number) => boolean): Element | null => {
    const field = fields[at];
    if (field === undefined || !isWanted(field.tag)) return null;
    at += 1;
    return field;
  };
  const need = (element: Element | null): Element => {
    if (element === null) throw new TypeError('no list');
    return element;
  };
  const isSequence = (tag: number): boolean => tag === tags.sequence;
  const isTime = (tag: number): boolean => tag === tags.utcTime || tag === tags.generalizedTime;
  const version = take((tag) => tag === tags.integer);
  if (version !== null && !version.content.equals(versionTwo)) throw new TypeError('a list of an unknown version');
  const [innerAlgorithm, issuer, thisUpdate] = [need(take(isSequence)), need(take(isSequence)), need(take(isTime))];
  const nextUpdate = take(isTime);
  const revoked = take(isSequence)?.content ?? Buffer.alloc(0);
  const extensions = take((tag) => tag === extensionsTag);
  if (at !== fields.length || (extensions !== null && version === null)) throw new TypeError('a list with unknown parts');
  const read = extensions === null ? [] : pkijs.Extensions.fromBER(extensions.content).extensions;
  if (new Set(read.map(({ extnID }) => extnID)).size !== read.length) throw new TypeError('a list with an extension twice');
  return { signed: list.bytes, algorithm, signature, innerAlgorithm, issuer, thisUpdate, nextUpdate, revoked, extensions: read };
}

/** Why a list does not tell of every certificate of its issuer, or not of this one (RFC 5280 section 6.3.3). */
function findScopeFault(extensions: readonly pkijs.Extension[], isAuthority: boolean, address: string): string | null {
  if (extensions.some(({ extnID }) => extnID === pkijs.id_BaseCRLNumber)) return 'tells only of changes (delta CRL)';
  const unknown = extensions.find(({ critical, extnID }) => critical && extnID !== pkijs.id_IssuingDistributionPoint);
  if (unknown !== undefined) return `has a critical extension that is not processed here (${unknown.extnID})`;
  const scope = extensions.find(({ extnID }) => extnID === pkijs.id_IssuingDistributionPoint);
  if (scope === undefined) return null;
  const { parsedValue: point } = scope;
  if (!(point instanceof pkijs.IssuingDistributionPoint)) return 'has a scope that can not be read';
  if (point.indirectCRL) return 'tells of certificates by several authorities (indirect CRL)';
  if (point.onlySomeReasons !== undefined) return 'tells of some reasons only';
  if (point.onlyContainsAttributeCerts || (isAuthority ? point.onlyContainsUserCerts : point.onlyContainsCACerts))
    return 'is about other kinds of certificates';
  const { distributionPoint } = point;
  if (distributionPoint === undefined) return null;
  const names: readonly unknown[] = Array.isArray(distributionPoint)
    ? distributionPoint.filter(({ type }) => type === uniformResourceIdentifier).map(({ value }): unknown => value)
    : [];
  return names.includes(address) ? null : 'is the list of another distribution point';
}

type Entry = Pick<Standing, 'revokedAt' | 'invalidFrom'>;

/** Every entry is looked at: one with a critical extension that is not processed spoils the list (RFC 5280 section 5.3). */
async function findEntry(revoked: Buffer, serial: Buffer): Promise<Outcome<Entry | null>> {
  let found: Entry | null = null;
  let seen = 0;
  for (const entry of walk(revoked)) {
    seen += 1;
    if (seen % entriesAtOnce === 0) await setImmediate();
    const [number, date, extensions] = walk(entry.content);
    if (entry.tag !== tags.sequence || number?.tag !== tags.integer || date === undefined) throw new TypeError('an entry that is none');
    if (extensions !== undefined && hasCritical(extensions)) return refuse('has an entry with a critical extension that is not processed here');
    if (number.content.equals(serial)) found = readEntry(date, extensions);
  }
  return good(found);
}

function hasCritical(extensions: Element): boolean {
  for (const each of walk(extensions.content)) {
    const [, flag] = walk(each.content);
    if (flag?.tag === tags.boolean && flag.content[0] !== 0) return true;
  }
  return false;
}

function readEntry(date: Element, extensions: Element | undefined): Entry {
  const read = extensions === undefined ? [] : pkijs.Extensions.fromBER(extensions.bytes).extensions;
  return { revokedAt: readTime(date.bytes).getTime(), invalidFrom: readInvalidityDate(read) };
}

/** null where there is none, or more than one: then no time was before it. Throws on what is no time. */
export function readInvalidityDate(extensions: readonly pkijs.Extension[]): number | null {
  const [extension, ...more] = extensions.filter(({ extnID }) => extnID === pkijs.id_InvalidityDate);
  if (extension === undefined || more.length > 0) return null;
  const time = readTime(extension.extnValue.valueBlock.valueHexView).getTime();
  return Number.isNaN(time) ? null : time;
}

function refuse(why: string, cause?: unknown): Outcome<never> {
  return bad('REVOCATION_UNAVAILABLE', why, cause === undefined ? {} : { cause });
}

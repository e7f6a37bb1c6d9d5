import { type Digest, isDigest } from '../../domain/digest.ts';
import type { PlatformImage, ScanFinding, Subject } from '../../domain/evidence.ts';
import { parseRepository, type Repository, repositoryName } from '../../domain/image.ts';
import { safeText } from '../../domain/text.ts';
import { covers, type Purl, parsePurl } from '../purl.ts';
import { clockSkew } from '../time.ts';
import { type VexProduct, type VexStatement, vexStatuses } from './document.ts';

/** A statement, where it comes from, and what it may speak about. */
export interface VexClaim {
  /** How people are told whose word it is. */
  readonly by: string;
  /** The digest that the attestation it came in is about; null for one that came in none. */
  readonly about: Digest | null;
  readonly statement: VexStatement;
}

export type VexClaims = ReadonlyMap<string, readonly VexClaim[]>;

/** What one look may spend on comparing: a hostile document could keep everybody waiting. Below zero when that was not enough. */
export interface Work {
  left: number;
}

/** Comparisons of package URLs for one image: some tenths of a second. */
export const mostComparisons = 1_000_000;

export function claimsById(claims: readonly VexClaim[]): VexClaims {
  const index = new Map<string, VexClaim[]>();
  for (const claim of claims) {
    for (const id of new Set(claim.statement.ids)) {
      const known = index.get(id);
      if (known === undefined) index.set(id, [claim]);
      else known.push(claim);
    }
  }
  return index;
}

/**
 * Who took a finding out of the count, and why; null where it stands. Of all statements about it the one with the latest timestamp
 * counts, wherever it stands; of several of that time the worst. Only `not_affected` with a reason suppresses.
 * https://github.com/openvex/spec/blob/v0.2.0/OPENVEX-SPEC.md
 */
export function suppressByVex(
  finding: ScanFinding,
  image: PlatformImage,
  subject: Subject,
  claims: VexClaims,
  now: number,
  work: Work,
): ScanFinding['suppressed'] {
  const named = claims.get(finding.id) ?? [];
  if (named.length === 0) return null;
  const purl = finding.purl === null ? null : parsePurl(finding.purl);
  let last: VexClaim | null = null;
  for (const claim of named) {
    if (work.left < 0) return null;
    if (claim.about !== null && claim.about !== subject.image.digest && claim.about !== image.digest) continue;
    // From the future nobody is cleared, while a warning may come with a wrong clock.
    if (claim.statement.status === 'not_affected' && claim.statement.time > now + clockSkew) continue;
    if (!claim.statement.products.some((product) => speaksOf(product, purl, image, subject, work))) continue;
    if (last === null || beats(claim.statement, last.statement)) last = claim;
  }
  if (last === null || !clears(last.statement)) return null;
  const { justification, impact } = last.statement;
  return { by: last.by, reason: safeText([justification, impact].filter((each) => each !== null).join(': ')) };
}

function clears({ status, justification, impact }: VexStatement): boolean {
  return status === 'not_affected' && (justification !== null || impact !== null);
}

function beats(a: VexStatement, b: VexStatement): boolean {
  if (a.time !== b.time) return a.time > b.time;
  const [one, other] = [vexStatuses.indexOf(a.status), vexStatuses.indexOf(b.status)];
  return one === other ? !clears(a) : one < other;
}

function speaksOf({ purls, subcomponents }: VexProduct, finding: Purl | null, image: PlatformImage, subject: Subject, work: Work): boolean {
  work.left -= 1;
  if (!purls.some((purl) => isImage(purl, image, subject))) return false;
  work.left -= subcomponents?.length ?? 0;
  return subcomponents === null || (finding !== null && subcomponents.some((each) => covers(each, finding)));
}

/** Whether a product is this very image: by its digest, in one of its repositories, for this architecture. https://github.com/package-url/purl-spec/blob/main/types-doc/oci-definition.md */
function isImage({ type, namespace, name, version, qualifiers }: Purl, image: PlatformImage, { image: whole, repositories }: Subject): boolean {
  if (type !== 'oci' || namespace !== '' || version === null || !isDigest(version)) return false;
  if (version !== whole.digest && version !== image.digest) return false;
  const [, architecture = '', variant] = image.platform.split('/');
  const { arch, repository_url: url } = qualifiers;
  if (arch !== undefined && arch !== architecture && arch !== `${architecture}/${variant}`) return false;
  return [whole, ...repositories].some((repository) => isNamed(repository, name, url));
}

function isNamed(repository: Repository, name: string, url: string | undefined): boolean {
  if (repository.repository.split('/').at(-1) !== name) return false;
  if (url === undefined) return true;
  const parsed = parseRepository(url);
  return parsed.ok && repositoryName(parsed.value) === repositoryName(repository);
}

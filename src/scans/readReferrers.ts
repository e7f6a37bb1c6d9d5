import pLimit from 'p-limit';
import type { Digest } from '../domain/digest.ts';
import type { Subject } from '../domain/evidence.ts';
import { bad, type Fault, fault, good, type Outcome } from '../domain/fault.ts';
import type { Repository } from '../domain/image.ts';
import type { Descriptor, Manifest } from '../domain/registry.ts';
import { type Attached, type AttachedReport, readDocument, sarifRefused } from './attached.ts';
import type { ScanParts } from './kind.ts';

/** Bounds of what one look may fetch. */
export const referrerLimits = { referrers: 64, reports: 16, layers: 4, report: 16 << 20, total: 64 << 20, requests: 8 } as const;

/** Which referrers hold a report, and whose reports count. */
interface Accepted {
  /** In lower case. */
  readonly artifactTypes: ReadonlySet<string>;
  readonly signers: readonly string[];
  readonly unsigned: boolean;
}

/** One look at an image's referrers, with what is left of its bounds. */
interface Reading {
  readonly parts: Pick<ScanParts, 'registry' | 'signatures'>;
  readonly subject: Subject;
  readonly accepted: Accepted;
  readonly signal: AbortSignal;
  readonly limit: <T>(work: () => Promise<T>) => Promise<T>;
  /** Takes bytes from what may be fetched; false when they are not left. */
  take(bytes: number): boolean;
}

interface Look {
  /** Whether any repository answered. */
  readonly looked: boolean;
  readonly attached: Attached;
}

export function openReading(parts: Reading['parts'], subject: Subject, accepted: Accepted, signal: AbortSignal): Reading {
  const limit = pLimit(referrerLimits.requests);
  let left: number = referrerLimits.total;
  return {
    parts,
    subject,
    accepted,
    signal,
    limit: (work) => limit(work),
    take: (bytes) => {
      if (bytes > left) return false;
      left -= bytes;
      return true;
    },
  };
}

/** Reads the reports that are attached to a digest, in every repository of the image. */
export async function readReferrers(reading: Reading, digest: Digest): Promise<Look> {
  const { subject, parts } = reading;
  const call = { signal: reading.signal, access: subject.access };
  const finds = await Promise.all(
    subject.repositories.map(async (repository) => {
      const listed = await reading.limit(() => parts.registry.referrers(repository, digest, call));
      if (listed.ok) return { looked: true, ...(await readListed(reading, repository, digest, listed.value.descriptors)), listFaults: listed.value.faults };
      const none = listed.fault.code === 'MANIFEST_UNKNOWN';
      return { looked: none, reports: [], faults: [], untrusted: null, listFaults: none ? [] : [listed.fault] };
    }),
  );
  return {
    looked: finds.some(({ looked }) => looked),
    attached: {
      digest,
      // The same referrer may lie in several repositories.
      reports: finds.flatMap(({ reports }) => reports),
      faults: finds.flatMap(({ faults, listFaults }) => [...listFaults, ...faults]),
      untrusted: finds.find(({ untrusted }) => untrusted !== null)?.untrusted ?? null,
    },
  };
}

type Found = Omit<Attached, 'digest'>;
const nothing: Found = { reports: [], faults: [], untrusted: null };

async function readListed(reading: Reading, repository: Repository, digest: Digest, descriptors: readonly Descriptor[]): Promise<Found> {
  // What the list says decides the order only: some registries name the configuration's type there.
  const likely = descriptors.toSorted((a, b) => rank(reading.accepted, a) - rank(reading.accepted, b));
  const manifests = await Promise.all(likely.slice(0, referrerLimits.referrers).map((each) => readManifest(reading, repository, digest, each)));
  const candidates = manifests.flatMap((each) => (each.ok && each.value !== null ? [each.value] : []));
  const founds = await Promise.all(candidates.slice(0, referrerLimits.reports).map((candidate) => readCandidate(reading, repository, candidate)));
  const faults = [
    ...manifests.flatMap((each) => (each.ok ? [] : [each.fault])),
    ...founds.flatMap((each) => each.faults),
    ...tooMany(descriptors.length, referrerLimits.referrers, 'referrers'),
    ...tooMany(candidates.length, referrerLimits.reports, 'scan reports attached'),
  ];
  return { reports: founds.flatMap(({ reports }) => reports), faults, untrusted: founds.find(({ untrusted }) => untrusted !== null)?.untrusted ?? null };
}

function rank({ artifactTypes }: Accepted, { artifactType }: Descriptor): number {
  if (artifactType === null) return 1;
  return artifactTypes.has(artifactType.toLowerCase()) ? 0 : 2;
}

function tooMany(number: number, most: number, what: string): Fault[] {
  return number > most ? [fault('LIMIT_EXCEEDED', `the image has more than ${most} ${what}; the rest was left out`)] : [];
}

/** null for a referrer that is gone, is attached to something else, or holds no report. */
async function readManifest(
  { parts, subject, signal, accepted, limit }: Reading,
  repository: Repository,
  digest: Digest,
  referrer: Descriptor,
): Promise<Outcome<Manifest | null>> {
  const read = await limit(() => parts.registry.manifest(repository, { digest: referrer.digest }, { signal, access: subject.access }));
  if (!read.ok) return read.fault.code === 'MANIFEST_UNKNOWN' ? good(null) : read;
  // A list is only a claim: what a manifest is attached to is said by the manifest.
  if (read.value.subject?.digest !== digest) return good(null);
  const type = typeOf(read.value);
  return good(accepted.artifactTypes.has(type) || isSarif(type) ? read.value : null);
}

/** https://github.com/opencontainers/image-spec/blob/v1.1.1/manifest.md#guidelines-for-artifact-usage: without one, the configuration's type. */
function typeOf(manifest: Manifest): string {
  return (manifest.artifactType ?? manifest.config?.mediaType ?? '').toLowerCase();
}

function isSarif(type: string): boolean {
  return type.startsWith('application/sarif+json');
}

async function readCandidate(reading: Reading, repository: Repository, manifest: Manifest): Promise<Found> {
  const { parts, subject, signal, accepted } = reading;
  const named = `the report attached as ${manifest.digest}`;
  if (isSarif(typeOf(manifest))) return { ...nothing, reports: [{ what: named, signer: null, imageId: null, claimed: null, report: sarifRefused }] };
  const signer = await signerOf(reading, repository, manifest);
  if (!signer.ok) return { ...nothing, faults: [signer.fault] };
  // What nobody vouches for is not even fetched.
  if (signer.value === null && !accepted.unsigned) {
    const words =
      accepted.signers.length > 0 ? `none of the signers ${accepted.signers.join(', ')} signed it` : 'unsigned reports are not trusted (unsigned: trusted)';
    return { ...nothing, untrusted: `${named} does not count: ${words}` };
  }
  const voucher = { what: signer.value === null ? named : `${named}, signed by ${signer.value},`, signer: signer.value };
  const reports: AttachedReport[] = [];
  const faults: Fault[] = tooMany(manifest.layers.length, referrerLimits.layers, 'layers in one report attached');
  for (const layer of manifest.layers.slice(0, referrerLimits.layers)) {
    if (layer.size > referrerLimits.report || !reading.take(layer.size)) {
      faults.push(fault('LIMIT_EXCEEDED', `${named} is longer than may be read`));
      continue;
    }
    const blob = await reading.limit(() => parts.registry.blob(repository, layer, referrerLimits.report, { signal, access: subject.access }));
    if (!blob.ok) faults.push(blob.fault);
    else reports.push(readBytes(voucher, blob.value));
  }
  return { ...nothing, reports, faults };
}

/** The signer who signed the referrer's manifest; null when none did. A fault when that could not be found out. */
async function signerOf({ parts, subject, signal, accepted }: Reading, repository: Repository, manifest: Manifest): Promise<Outcome<string | null>> {
  if (accepted.signers.length === 0) return good(null);
  const own: Subject = { ...subject, image: { ...subject.image, tag: null, digest: manifest.digest }, repositories: [repository], manifest, platforms: [] };
  const found = await parts.signatures(accepted.signers, own, signal);
  if (!found.ok) return accepted.unsigned ? good(null) : found;
  const signature = found.value.signatures.find(({ signer }) => accepted.signers.includes(signer));
  const [unread] = found.value.faults;
  if (signature === undefined && unread !== undefined && !accepted.unsigned) return { ok: false, fault: unread };
  return good(signature?.signer ?? null);
}

function readBytes(voucher: Pick<AttachedReport, 'what' | 'signer'>, bytes: Uint8Array): AttachedReport {
  try {
    const value: unknown = JSON.parse(new TextDecoder('utf-8', { fatal: true }).decode(bytes));
    return readDocument(voucher, value);
  } catch {
    return { ...voucher, imageId: null, claimed: null, report: bad('SCAN_INVALID', 'it is not JSON') };
  }
}

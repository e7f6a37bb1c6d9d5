import pLimit from 'p-limit';
import type { Digest } from '../../domain/digest.ts';
import { bad, type Fault, fault, good, type Outcome } from '../../domain/fault.ts';
import type { Repository } from '../../domain/image.ts';
import type { Call, Descriptor, Manifest, Registry } from '../../domain/registry.ts';
import { decodeEnvelope } from './decode.ts';
import type { Envelope } from './envelope.ts';
import { artifactType, coseType, jwsType, limits } from './terms.ts';

/** A signature that is attached to a digest. */
export interface Attached {
  /** Digest of the envelope, or of the manifest where there is none. */
  readonly blob: Digest;
  /** `ok: false` for what is not even well formed. */
  readonly envelope: Outcome<Envelope>;
}

export interface Read {
  readonly attached: readonly Attached[];
  /** What could not be read, or was left out for its number. */
  readonly faults: readonly Fault[];
}

export interface ReadLimits {
  /** Referrers of any kind that are looked at, and signatures among them. */
  readonly referrers: number;
  readonly signatures: number;
  /** Registry requests at the same time. */
  readonly requests: number;
}

export const readLimits: ReadLimits = { referrers: 100, signatures: 50, requests: 8 };

const emptyType = 'application/vnd.oci.empty.v1+json';

/**
 * Reads the Notary Project signatures among the referrers of a digest. What the list says of them decides the order only: some registries
 * name the type of the configuration there, so each manifest is read.
 * https://github.com/notaryproject/specifications/blob/v1.1.0/specs/signature-specification.md#storage
 */
export async function readSignatures(registry: Registry, repository: Repository, digest: Digest, call: Call, most: ReadLimits): Promise<Outcome<Read>> {
  const listed = await registry.referrers(repository, digest, call);
  if (!listed.ok) return listed.fault.code === 'MANIFEST_UNKNOWN' ? good({ attached: [], faults: [] }) : listed;
  const { descriptors, faults } = listed.value;
  const [first] = faults;
  // An empty list with a fault beside it is half an answer.
  if (first !== undefined && descriptors.length === 0) return { ok: false, fault: first };
  const limit = pLimit(most.requests);
  const likely = descriptors.toSorted((a, b) => unlikeliness(a) - unlikeliness(b)).slice(0, most.referrers);
  const manifests = await Promise.all(likely.map(({ digest: own }) => limit(() => registry.manifest(repository, { digest: own }, call))));
  const unread = manifests.flatMap((each): Fault[] => (each.ok || each.fault.code === 'MANIFEST_UNKNOWN' ? [] : [each.fault]));
  const signatures = manifests.flatMap((each): Manifest[] => (each.ok && isSignature(each.value, digest) ? [each.value] : []));
  const outcomes = await Promise.all(signatures.slice(0, most.signatures).map((manifest) => limit(() => readSignature(registry, repository, manifest, call))));
  return good({
    attached: outcomes.flatMap((each): Attached[] => (each.ok ? [each.value] : [])),
    faults: [
      ...faults,
      ...unread,
      ...outcomes.flatMap((each): Fault[] => (each.ok ? [] : [each.fault])),
      ...(descriptors.length > most.referrers ? [tooMany('referrers', most.referrers)] : []),
      ...(signatures.length > most.signatures ? [tooMany('Notary Project signatures', most.signatures)] : []),
    ],
  });
}

function unlikeliness({ artifactType: type }: Descriptor): number {
  if (type === artifactType) return 0;
  return type === null || type === emptyType ? 1 : 2;
}

function isSignature(manifest: Manifest, digest: Digest): boolean {
  const type = manifest.artifactType ?? manifest.config?.mediaType;
  return manifest.kind === 'image' && type === artifactType && manifest.subject?.digest === digest;
}

async function readSignature(registry: Registry, repository: Repository, manifest: Manifest, call: Call): Promise<Outcome<Attached>> {
  const refuse = (why: string): Outcome<Attached> => good({ blob: manifest.digest, envelope: bad('SIGNATURE_INVALID', why) });
  const { config } = manifest;
  if (config?.mediaType !== artifactType && config?.mediaType !== emptyType) return refuse('its manifest has a configuration that no signature has');
  const [layer, ...more] = manifest.layers;
  if (layer === undefined || more.length > 0) return refuse('its manifest does not have exactly one layer');
  if (layer.mediaType !== jwsType && layer.mediaType !== coseType) return refuse(`its layer is neither ${jwsType} nor ${coseType}`);
  if (layer.size > limits.envelope) return bad('LIMIT_EXCEEDED', `one signature of the image is longer than ${limits.envelope} bytes and was left out`);
  const blob = await registry.blob(repository, layer, limits.envelope, call);
  if (!blob.ok) return blob;
  return good({ blob: layer.digest, envelope: decodeEnvelope(layer.mediaType, blob.value) });
}

function tooMany(what: string, most: number): Fault {
  return fault('LIMIT_EXCEEDED', `the image has more than ${most} ${what}; the rest was left out`);
}

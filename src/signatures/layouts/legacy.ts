import { isTag } from '../../domain/image.ts';
import type { Descriptor } from '../../domain/registry.ts';
import type { Purpose } from '../claim.ts';
import { decodeLegacyAttestation, decodeLegacySignature, envelopeType, simpleSigningType } from '../decode.ts';
import { couldNotLook, type Glimpse, nothing, type Reading, together, tooMany } from './reading.ts';

/** Signatures under the tag `ALGORITHM-HEX.sig`. https://github.com/sigstore/cosign/blob/v3.1.3/specs/SIGNATURE_SPEC.md#discovery */
export function readLegacySignatures(reading: Reading): Promise<Glimpse> {
  return readTag(reading, { suffix: 'sig', purpose: 'signature', mediaType: simpleSigningType, decode: decodeLegacySignature });
}

/** Attestations under the tag `ALGORITHM-HEX.att`. */
export function readLegacyAttestations(reading: Reading): Promise<Glimpse> {
  return readTag(reading, { suffix: 'att', purpose: 'attestation', mediaType: envelopeType, decode: decodeLegacyAttestation });
}

interface LegacyTag {
  readonly suffix: string;
  readonly purpose: Purpose;
  readonly mediaType: string;
  readonly decode: typeof decodeLegacySignature;
}

async function readTag(reading: Reading, kind: LegacyTag): Promise<Glimpse> {
  const { layers: most } = reading.limits;
  const tag = `${reading.digest.replace(':', '-')}.${kind.suffix}`;
  // That of a SHA-512 digest is longer than a tag can be.
  if (!isTag(tag)) return nothing;
  const tagged = await reading.manifest({ tag });
  if (!tagged.ok) return tagged.fault.code === 'MANIFEST_UNKNOWN' ? nothing : couldNotLook(tagged.fault);
  const { layers } = tagged.value;
  // cosign appends: the newest are the last.
  const glimpses = await Promise.all(layers.slice(-most).map((layer) => readLayer(reading, kind, layer)));
  return together([...glimpses, { ...nothing, faults: layers.length > most ? [tooMany(`legacy ${kind.purpose}s`, most)] : [] }]);
}

async function readLayer(reading: Reading, { purpose, mediaType, decode }: LegacyTag, layer: Descriptor): Promise<Glimpse> {
  const refuse = (reason: string): Glimpse => ({ ...nothing, malformed: [{ layout: 'legacy', purpose, blob: layer.digest, reason }] });
  if (layer.mediaType !== mediaType) return refuse(`the layer is not of the media type ${mediaType}`);
  const blob = await reading.blob(layer, purpose);
  if (!blob.ok) return { ...nothing, faults: [blob.fault] };
  const claim = decode(layer.digest, blob.value, layer.annotations);
  return claim.ok ? { ...nothing, claims: [claim.value] } : refuse(claim.fault.message);
}

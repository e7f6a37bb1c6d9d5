/** Reads back facts that were in a store: the shapes of the domain, closed, so that what an older or newer version wrote is gathered anew. */
import { z } from 'zod';
import { type Digest, isDigest } from '../domain/digest.ts';
import { type Finds, type PlatformImage, type Rootfs, type Scan, severities, type VerifiedAttestation, type VerifiedSignature } from '../domain/evidence.ts';
import { faultCodes } from '../domain/fault.ts';
import type { Descriptor, Manifest } from '../domain/registry.ts';

const digest = z.custom<Digest>((value) => typeof value === 'string' && isDigest(value));
const text = z.string();
const optionalText = text.nullable();
const texts = z.record(text, text);
const severity = z.enum(severities);
const stage = z.enum(['resolve', 'signatures', 'scans']);
const code = z.enum(faultCodes);

const descriptor: z.ZodType<Descriptor> = z.strictObject({
  mediaType: text,
  digest,
  size: z.number(),
  artifactType: optionalText,
  annotations: texts,
  platform: optionalText,
});

const manifest: z.ZodType<Manifest> = z.strictObject({
  kind: z.enum(['image', 'index']),
  digest,
  mediaType: text,
  size: z.number(),
  artifactType: optionalText,
  config: descriptor.nullable(),
  layers: z.array(descriptor),
  manifests: z.array(descriptor),
  subject: descriptor.nullable(),
  annotations: texts,
});

const rootfs: z.ZodType<Rootfs | null> = z.strictObject({ layers: text, diffIds: text }).nullable();

const platforms: z.ZodType<readonly PlatformImage[]> = z.array(
  z.strictObject({ platform: text, digest, imageId: digest, created: optionalText, user: optionalText, labels: texts, annotations: texts, rootfs }),
);

const signature: z.ZodType<VerifiedSignature> = z.strictObject({
  signer: text,
  kind: text,
  layout: z.enum(['legacy', 'bundle', 'notation']),
  keyId: optionalText,
  issuer: optionalText,
  identity: optionalText,
  claims: texts,
  signedAt: optionalText,
  subject: z.enum(['index', 'manifest']),
  annotations: texts,
  signedRepository: optionalText,
});

const attestation: z.ZodType<VerifiedAttestation> = z.strictObject({
  signer: text,
  kind: text,
  predicateType: text,
  predicate: z.unknown(),
  signedAt: optionalText,
  subject: digest,
});

const scan: z.ZodType<Scan> = z.discriminatedUnion('state', [
  z.strictObject({
    source: text,
    platform: text,
    digest,
    state: z.enum(['missing', 'unavailable', 'pending', 'failed', 'invalid', 'untrusted', 'mismatch', 'otherPlatform', 'inconclusive']),
    reason: text,
  }),
  z.strictObject({
    source: text,
    platform: text,
    digest,
    state: z.literal('evaluated'),
    signer: optionalText,
    scanner: text,
    scannedAt: text,
    databaseUpdatedAt: optionalText,
    endOfLife: z.boolean().nullable(),
    counts: z.record(severity, z.number()),
    findings: z.array(
      z.strictObject({
        id: text,
        package: text,
        purl: optionalText,
        installed: text,
        fixed: optionalText,
        severity,
        severities: z.record(text, severity),
        status: text,
        published: optionalText,
        suppressed: z.strictObject({ by: text, reason: text }).nullable(),
      }),
    ),
  }),
]);

const finds: z.ZodType<Finds> = z.strictObject({
  signatures: z.array(signature),
  attestations: z.array(attestation),
  scans: z.array(scan),
  rejected: z.array(z.strictObject({ stage, source: text, layout: optionalText, code, message: text })),
  // The cause is for the log of the process that met it. The rest of the fault is read back.
  faults: z.array(z.object({ code, message: text, transient: z.boolean() })),
  holdsFor: z.number().exactOptional(),
  freshFor: z.number().exactOptional(),
});

const decoder =
  <T>(schema: z.ZodType<T>) =>
  (stored: unknown): T | null =>
    schema.safeParse(stored).data ?? null;

export const decodeManifest = decoder(manifest);
export const decodePlatforms = decoder(platforms);
export const decodeFinds = decoder(finds);

import { z } from 'zod';
import { severities } from '../domain/evidence.ts';
import { faultCodes } from '../domain/fault.ts';
import { isObject, type Json, type JsonObject } from '../domain/json.ts';
import { inputVersion } from './input.ts';

const stringMap = z.record(z.string(), z.string());
const nullableString = z.string().nullable();
const stage = z.enum(['resolve', 'signatures', 'scans']);
const time = z.string().describe('RFC 3339');

const review = z
  .strictObject({
    operation: z.string().describe('CREATE or UPDATE'),
    kind: z.string().describe('Pod, Deployment, ...'),
    namespace: z.string(),
    name: nullableString,
    dryRun: z.boolean(),
    user: z.strictObject({ username: z.string(), groups: z.array(z.string()) }),
    labels: stringMap,
    annotations: stringMap,
    serviceAccount: nullableString,
    owner: z.strictObject({ kind: z.string(), name: z.string() }).nullable(),
    namespaceLabels: stringMap.nullable().describe('null when unknown'),
  })
  .describe('What is asked for, by whom');

const reference = z
  .strictObject({ registry: z.string(), repository: z.string(), tag: nullableString, digest: nullableString.describe('null when it could not be resolved') })
  .nullable()
  .describe('The logical image; null when what is written is no reference');

const platform = z.strictObject({
  platform: z.string(),
  digest: z.string(),
  imageId: z.string().describe('Digest of the image configuration'),
  created: nullableString,
  user: nullableString.describe('As the image configuration has it: what the container runs as, unless its Pod says otherwise'),
  labels: stringMap.describe('Of the image configuration'),
  annotations: stringMap.describe("Of the platform's own manifest; only org.opencontainers.image.base.name and base.digest are kept"),
});

const signature = z
  .strictObject({
    signer: z.string(),
    kind: z.string(),
    layout: z.enum(['legacy', 'bundle', 'notation']),
    keyId: nullableString,
    issuer: nullableString,
    identity: nullableString,
    claims: stringMap,
    signedAt: nullableString,
    subject: z.enum(['index', 'manifest']),
    annotations: stringMap,
    signedRepository: nullableString,
  })
  .describe('A signature that verified, by a configured signer');

const attestation = z.strictObject({
  signer: z.string(),
  kind: z.string(),
  predicateType: z.string(),
  predicate: z.unknown(),
  signedAt: nullableString,
  subject: z.string(),
});

const finding = z.strictObject({
  id: z.string(),
  package: z.string(),
  purl: nullableString,
  installed: z.string(),
  fixed: nullableString,
  severity: z.enum(severities),
  severities: z.record(z.string(), z.enum(severities)),
  status: z.string(),
  published: nullableString.describe('When the vulnerability was made public, RFC 3339; null where the report does not say'),
  suppressed: z.strictObject({ by: z.string(), reason: z.string() }).nullable(),
});

const states = ['missing', 'unavailable', 'pending', 'failed', 'invalid', 'untrusted', 'mismatch', 'otherPlatform', 'inconclusive', 'evaluated'] as const;

/** One form for all states, since Rego knows no tagged unions: what only `evaluated` has is optional. */
const scan = z
  .strictObject({
    source: z.string(),
    platform: z.string(),
    digest: z.string().describe("Of the platform's own manifest"),
    state: z.enum(states),
    reason: z.string().describe('All states but evaluated').optional(),
    signer: nullableString.optional(),
    scanner: z.string().optional(),
    scannedAt: time.optional(),
    databaseUpdatedAt: nullableString.optional(),
    endOfLife: z.boolean().nullable().describe('null where the source does not tell').optional(),
    counts: z.strictObject({ CRITICAL: z.int(), HIGH: z.int(), MEDIUM: z.int(), LOW: z.int(), UNKNOWN: z.int() }).optional(),
    findings: z.array(finding).optional(),
  })
  .describe('What one scan source knows about one platform');

const image = z.strictObject({
  container: z.string(),
  role: z.enum(['container', 'initContainer', 'ephemeralContainer', 'imageVolume']),
  path: z.string().describe('JSON Pointer (RFC 6901) of the field'),
  pullPolicy: nullableString,
  written: z.string().describe('As the object in this request has it'),
  reference,
  admitted: z.string().describe('What is pulled'),
  pinned: z.boolean(),
  mirror: nullableString,
  platforms: z.array(platform),
  signatures: z.array(signature),
  attestations: z.array(attestation),
  scans: z.array(scan),
  rejected: z
    .array(z.strictObject({ stage, source: z.string(), layout: nullableString, code: z.enum(faultCodes), message: z.string() }))
    .describe('Looked at, and not good'),
  faults: z
    .array(z.strictObject({ stage, source: z.string(), code: z.enum(faultCodes), message: z.string(), transient: z.boolean() }))
    .describe('Could not look'),
  lastKnownGood: z.array(z.strictObject({ stage, source: z.string(), age: z.number().describe('Seconds') })),
});

/** The form of the document policies see; unknown members are errors. */
export const inputForm = z.strictObject({ version: z.literal(inputVersion), now: time, review, images: z.array(image) });

/**
 * The JSON Schema (draft 7) of the document policies see, as `opa check --schema` and editors use it. policies/schema/input.json is
 * this, published.
 */
export const inputSchema: JsonObject = {
  title: 'The input of Tidewaiter policies',
  ...(spreadTypes(z.toJSONSchema(inputForm, { target: 'draft-7' }) as JsonObject) as JsonObject),
};

/**
 * The same, with every "or null" taken out. OPA looks into an object only where nothing else is allowed in its place, so a misspelt
 * member of `image.reference` shows only under this form; in turn it calls a comparison with null an error, which it is not.
 */
export const narrowInputSchema: JsonObject = dropNull(inputSchema) as JsonObject;

/** OPA takes the first of `type: [a, b]` for the whole: written as anyOf it takes both. */
function spreadTypes(schema: Json): Json {
  return rewrite(schema, (node) => {
    const { type, ...rest } = node;
    return Array.isArray(type) ? { ...rest, anyOf: type.map((one) => ({ type: one })) } : node;
  });
}

function dropNull(schema: Json): Json {
  return rewrite(schema, (node) => {
    const { anyOf, ...rest } = node;
    if (!Array.isArray(anyOf)) return node;
    const others = anyOf.filter((option) => !(isObject(option) && option['type'] === 'null'));
    const [only] = others;
    return others.length === 1 && isObject(only) ? { ...rest, ...(only as JsonObject) } : node;
  });
}

function rewrite(value: Json, change: (node: JsonObject) => JsonObject): Json {
  if (Array.isArray(value)) return value.map((item: Json) => rewrite(item, change));
  if (!isObject(value)) return value;
  return change(Object.fromEntries(Object.entries(value as JsonObject).map(([key, item]) => [key, rewrite(item, change)])));
}

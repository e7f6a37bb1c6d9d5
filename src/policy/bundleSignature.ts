import { createHash, createPrivateKey, createPublicKey, type KeyObject } from 'node:crypto';
import { CompactSign, compactVerify } from 'jose';
import { z } from 'zod';
import { bad, good, type Outcome } from '../domain/fault.ts';
import { property } from '../domain/json.ts';
import { safeText } from '../domain/text.ts';

/** Whose signature a policy bundle must carry: https://www.openpolicyagent.org/docs/management-bundles#signature-format */
export interface BundleVerification {
  readonly key: KeyObject;
  /** The key id that the signature must name; null: whatever it names. */
  readonly keyId: string | null;
  /** The scope that it must name; empty: none. */
  readonly scope: string;
}

/** What a policy bundle must be, to be used. */
export interface BundleChecks {
  /** null: it need not be signed. */
  readonly verification: BundleVerification | null;
  /** Digests (`sha256:…`) of bundles that are never used. */
  readonly revoked: ReadonlySet<string>;
}

export const noChecks: BundleChecks = { verification: null, revoked: new Set() };

export interface BundleSigning {
  readonly key: KeyObject;
  readonly keyId: string | null;
  readonly scope: string;
  /** Milliseconds since the epoch. */
  readonly now: number;
}

export const signaturesName = '.signatures.json';

const longestSignatures = 4 * 1024 * 1024;

/** `.signatures.json`: exactly one JWT, as OPA has it. */
const signaturesForm = z.strictObject({ signatures: z.array(z.string()).length(1), plugin: z.enum(['', '_default']).optional() });

const payloadForm = z.object({
  files: z.array(z.object({ name: z.string().min(1).max(4096), hash: z.string().regex(/^[0-9a-fA-F]{64,128}$/), algorithm: z.string() })).max(10_000),
  keyid: z.string().optional(),
  scope: z.string().optional(),
  iat: z.number().nonnegative().optional(),
});

/** Weaker ones, which OPA has too, are refused. */
const hashes: Readonly<Record<string, string>> = { 'SHA-256': 'sha256', 'SHA-384': 'sha384', 'SHA-512': 'sha512' };

/**
 * Reads a public key in PEM. Fault: CONFIG_INVALID for what is none, or of a kind that no signature of OPA is made with.
 */
export function readVerificationKey(pem: string): Outcome<KeyObject> {
  try {
    const key = createPublicKey(pem);
    if (pem.includes('PRIVATE KEY')) return bad('CONFIG_INVALID', 'this is a private key; only the public one is needed to verify');
    return algorithmsOf(key).length > 0 ? good(key) : bad('CONFIG_INVALID', wrongKind);
  } catch (cause) {
    return bad('CONFIG_INVALID', 'it holds no public key in PEM (-----BEGIN PUBLIC KEY-----), or one that can not be read', { cause });
  }
}

/** Reads a private key in PEM, without a passphrase. Fault: CONFIG_INVALID. */
export function readSigningKey(pem: string): Outcome<KeyObject> {
  try {
    const key = createPrivateKey(pem);
    return algorithmsOf(key).length > 0 ? good(key) : bad('CONFIG_INVALID', wrongKind);
  } catch (cause) {
    return bad('CONFIG_INVALID', 'the key to sign with is no private key in PEM, or has a passphrase', { cause });
  }
}

const wrongKind = 'policy bundles are signed with EC keys (P-256, P-384, P-521) or RSA keys of 2048 bits or more';

/** The algorithms that a key may be used with; never the sender's choice alone. The first is the one we sign with. */
function algorithmsOf(key: KeyObject): readonly string[] {
  const { namedCurve, modulusLength } = key.asymmetricKeyDetails ?? {};
  if (key.asymmetricKeyType === 'rsa') return (modulusLength ?? 0) >= 2048 ? ['RS256', 'RS384', 'RS512', 'PS256', 'PS384', 'PS512'] : [];
  if (key.asymmetricKeyType !== 'ec') return [];
  return { prime256v1: ['ES256'], secp384r1: ['ES384'], secp521r1: ['ES512'] }[namedCurve ?? ''] ?? [];
}

/**
 * Whether the bundle is signed by the key, every file in it is listed with its hash, and every listed file is there. Resolves to when it was
 * signed (ms since the epoch), where the signature says so. Fault: SIGNATURE_INVALID.
 */
export async function verifyBundle(files: ReadonlyMap<string, Buffer>, trusted: BundleVerification): Promise<Outcome<number | null>> {
  const signatures = files.get(signaturesName);
  if (signatures === undefined) return refuse('it is not signed: it has no .signatures.json');
  if (signatures.length > longestSignatures) return refuse('its .signatures.json is longer than 4 MiB');
  const [token] = signaturesForm.safeParse(parseJson(signatures)).data?.signatures ?? [];
  if (token === undefined) return refuse('its .signatures.json does not hold exactly one signature');
  const verified = await compactVerify(token, trusted.key, { algorithms: [...algorithmsOf(trusted.key)] }).catch(() => null);
  if (verified === null) return refuse('its signature is not by the configured key');
  const payload = payloadForm.safeParse(parseJson(verified.payload));
  if (!payload.success) return refuse('what its signature covers is not what OPA signs');
  const { files: listed, keyid, scope = '', iat } = payload.data;
  const named = property(verified.protectedHeader, 'kid') ?? keyid;
  if (trusted.keyId !== null && named !== trusted.keyId) return refuse(`its signature does not name the key ${safeText(trusted.keyId, 100)}`);
  if (scope !== trusted.scope) return refuse(`its signature is for ${scope === '' ? 'no scope' : `the scope ${safeText(scope, 100)}`}`);

  const expected = new Map<string, (typeof listed)[number]>();
  for (const file of listed) {
    const name = file.name.replace(/^(\.?\/)+/, '');
    if (expected.has(name)) return refuse(`its signature lists ${safeText(name, 200)} twice`);
    expected.set(name, file);
  }
  for (const [name, content] of files) {
    if (name === signaturesName) continue;
    const file = expected.get(name);
    if (file === undefined) return refuse(`${safeText(name, 200)} is not covered by its signature`);
    const algorithm = hashes[file.algorithm];
    if (algorithm === undefined) return refuse(`its signature uses the hash ${safeText(file.algorithm, 40)}, which does not count here`);
    if (hashFile(name, content, algorithm) !== file.hash.toLowerCase()) return refuse(`${safeText(name, 200)} was changed after it was signed`);
    expected.delete(name);
  }
  const [missing] = expected.keys();
  return missing === undefined ? good(iat === undefined ? null : iat * 1000) : refuse(`${safeText(missing, 200)}, which its signature lists, is missing`);
}

/** The `.signatures.json` for the files of a bundle. */
export async function signBundle(files: ReadonlyMap<string, Buffer>, { key, keyId, scope, now }: BundleSigning): Promise<Buffer> {
  const [alg = 'ES256'] = algorithmsOf(key);
  const listed = [...files].map(([name, content]) => ({ name, hash: hashFile(name, content, 'sha256') ?? '', algorithm: 'SHA-256' }));
  const payload = { files: listed, iat: Math.floor(now / 1000), ...(scope === '' ? {} : { scope }) };
  const token = await new CompactSign(Buffer.from(JSON.stringify(payload))).setProtectedHeader({ alg, ...(keyId === null ? {} : { kid: keyId }) }).sign(key);
  return Buffer.from(JSON.stringify({ signatures: [token] }));
}

function refuse(why: string): Outcome<never> {
  return bad('SIGNATURE_INVALID', `the policy bundle is refused: ${why}`);
}

function parseJson(content: Uint8Array): unknown {
  try {
    return JSON.parse(new TextDecoder('utf-8', { fatal: true }).decode(content));
  } catch {
    return undefined;
  }
}

/** Files that OPA reads as JSON before it hashes them, so that spaces make no difference. */
const structured = new Set(['data.json', '.manifest']);

/** Hex; null for JSON that is none. */
function hashFile(name: string, content: Buffer, algorithm: string): string | null {
  const hash = createHash(algorithm);
  if (!structured.has(name.slice(name.lastIndexOf('/') + 1))) return hash.update(content).digest('hex');
  try {
    return hash.update(goJson(parseKeepingNumbers(content))).digest('hex');
  } catch {
    return null;
  }
}

/** A number as it is written: Go keeps `1.0` and `1e2` as they are. */
class NumberText {
  readonly text: string;

  constructor(text: string) {
    this.text = text;
  }
}

// Its types lack the source text of a value, which ECMAScript 2025 hands to a reviver.
type Parse = (text: string, reviver: (key: string, value: unknown, context: { readonly source?: string }) => unknown) => unknown;

function parseKeepingNumbers(content: Buffer): unknown {
  const text = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true }).decode(content);
  return (JSON.parse as Parse)(text, (_key, value, { source }) => (typeof value === 'number' ? new NumberText(source ?? '') : value));
}

/** JSON as OPA's hash has it: https://github.com/open-policy-agent/opa/blob/v1.19.0/v1/bundle/hash.go */
function goJson(value: unknown): string {
  if (value instanceof NumberText) return value.text;
  if (Array.isArray(value)) return `[${value.map(goJson).join(',')}]`;
  if (typeof value !== 'object' || value === null) return goText(value);
  // Go sorts by bytes of UTF-8.
  const entries = Object.entries(value).sort(([a], [b]) => Buffer.compare(Buffer.from(a), Buffer.from(b)));
  return `{${entries.map(([key, member]) => `${goText(key)}:${goJson(member)}`).join(',')}}`;
}

/** Go escapes these two, and makes U+FFFD of half a surrogate pair. */
function goText(value: unknown): string {
  const text = JSON.stringify(typeof value === 'string' ? value.toWellFormed() : value);
  return text.replaceAll('\u2028', '\\u2028').replaceAll('\u2029', '\\u2029');
}

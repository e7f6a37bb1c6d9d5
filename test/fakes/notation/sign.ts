import { constants, sign as signBytes } from 'node:crypto';
import { encode, Tagged } from 'cborg';
import { type Place, pushBlob, pushManifest, type RegistryDescriptor } from '../publish/push.ts';
import type { Issued, KeyKind } from './authority.ts';

export const jws = 'application/jose+json';
export const cose = 'application/cose';
export type Format = typeof jws | typeof cose;
export const formats: readonly Format[] = [jws, cose];

const algorithms: Readonly<Record<KeyKind, { readonly name: string; readonly cose: number; readonly hash: string }>> = {
  p256: { name: 'ES256', cose: -7, hash: 'sha256' },
  p384: { name: 'ES384', cose: -35, hash: 'sha384' },
  p521: { name: 'ES512', cose: -36, hash: 'sha512' },
  rsa2048: { name: 'PS256', cose: -37, hash: 'sha256' },
  rsa3072: { name: 'PS384', cose: -38, hash: 'sha384' },
  rsa4096: { name: 'PS512', cose: -39, hash: 'sha512' },
};

export interface EnvelopeOptions {
  /** Instead of what an honest signer writes; undefined leaves a header out. Times as Date. */
  readonly header?: Readonly<Record<string, unknown>>;
  readonly payload?: Uint8Array;
  readonly chain?: readonly Buffer[];
  /** Given what is signed, instead of the signature by the leaf. */
  readonly signWith?: (signed: Buffer) => Buffer;
  /** Given the signature. */
  readonly timestamp?: (signature: Buffer) => Promise<Buffer>;
  readonly agent?: string;
}

export const scheme = 'io.cncf.notary.signingScheme';
export const signingTime = 'io.cncf.notary.signingTime';
export const authenticSigningTime = 'io.cncf.notary.authenticSigningTime';
export const expiry = 'io.cncf.notary.expiry';
export const payloadType = 'application/vnd.cncf.notary.payload.v1+json';

export function payloadOf(target: object): Buffer {
  return Buffer.from(JSON.stringify({ targetArtifact: target }));
}

/** The headers of a signature that is made now. */
function honest(leaf: Issued): Record<string, unknown> {
  return { alg: algorithms[leaf.kind].name, cty: payloadType, crit: [scheme], [scheme]: 'notary.x509', [signingTime]: new Date() };
}

/** An envelope as the specification has it, or deliberately not. */
export async function envelopeOf(format: Format, leaf: Issued, target: object, options: EnvelopeOptions = {}): Promise<Buffer> {
  const header = Object.fromEntries(Object.entries({ ...honest(leaf), ...options.header }).filter(([, value]) => value !== undefined));
  const payload = options.payload ?? payloadOf(target);
  const chain = options.chain ?? leaf.chain.map(({ der }) => der);
  const sign = options.signWith ?? ((signed) => signAs(leaf, signed));
  return format === jws ? jwsOf(header, payload, chain, sign, options) : coseOf(header, payload, chain, sign, options);
}

export function signAs({ key, kind }: Issued, signed: Buffer): Buffer {
  const { hash } = algorithms[kind];
  const how = kind.startsWith('rsa')
    ? { padding: constants.RSA_PKCS1_PSS_PADDING, saltLength: constants.RSA_PSS_SALTLEN_DIGEST }
    : { dsaEncoding: 'ieee-p1363' as const };
  return signBytes(hash, signed, { key, ...how });
}

type Sign = (signed: Buffer) => Buffer;

async function jwsOf(
  header: Readonly<Record<string, unknown>>,
  payload: Uint8Array,
  chain: readonly Buffer[],
  sign: Sign,
  options: EnvelopeOptions,
): Promise<Buffer> {
  const written = Object.fromEntries(
    Object.entries(header).map(([name, value]) => [name, value instanceof Date ? value.toISOString().replace(/\.\d+/, '') : value]),
  );
  const encoded = [Buffer.from(JSON.stringify(written)), Buffer.from(payload)].map((each) => each.toString('base64url'));
  const signature = sign(Buffer.from(encoded.join('.')));
  const timestamp = await options.timestamp?.(signature);
  return Buffer.from(
    JSON.stringify({
      payload: encoded[1],
      protected: encoded[0],
      header: {
        x5c: chain.map((der) => der.toString('base64')),
        ...(timestamp === undefined ? {} : { 'io.cncf.notary.timestampSignature': timestamp.toString('base64') }),
        ...(options.agent === undefined ? {} : { 'io.cncf.notary.signingAgent': options.agent }),
      },
      signature: signature.toString('base64url'),
    }),
  );
}

const labels: Readonly<Record<string, number>> = { alg: 1, crit: 2, cty: 3 };

async function coseOf(
  header: Readonly<Record<string, unknown>>,
  payload: Uint8Array,
  chain: readonly Buffer[],
  sign: Sign,
  options: EnvelopeOptions,
): Promise<Buffer> {
  const byName = new Map(Object.values(algorithms).map((each) => [each.name, each.cose]));
  const signedHeader = encode(
    new Map(
      Object.entries(header).map(([name, value]): [string | number, unknown] => {
        if (name === 'alg') return [1, typeof value === 'string' ? (byName.get(value) ?? value) : value];
        return [labels[name] ?? name, value instanceof Date ? new Tagged(1, Math.floor(value.getTime() / 1000)) : value];
      }),
    ),
  );
  const signature = sign(Buffer.from(encode(['Signature1', signedHeader, new Uint8Array(), payload])));
  const timestamp = await options.timestamp?.(signature);
  const loose = new Map<string | number, unknown>([[33, [...chain]]]);
  if (timestamp !== undefined) loose.set('io.cncf.notary.timestampSignature', timestamp);
  if (options.agent !== undefined) loose.set('io.cncf.notary.signingAgent', options.agent);
  return Buffer.from(encode(new Tagged(18, [signedHeader, loose, payload, signature])));
}

export const notaryType = 'application/vnd.cncf.notary.signature';
const manifestType = 'application/vnd.oci.image.manifest.v1+json';

/** Pushes a signature as a referrer, with whatever the manifest should have instead of what it has. */
export async function pushSignature(
  place: Place,
  subject: RegistryDescriptor,
  envelope: Buffer,
  format: string,
  more: object = {},
): Promise<RegistryDescriptor> {
  const config = await pushBlob(place, Buffer.from('{}'), notaryType);
  const layer = await pushBlob(place, envelope, format);
  const { mediaType, digest, size } = subject;
  const manifest = { schemaVersion: 2, mediaType: manifestType, config, layers: [layer], subject: { mediaType, digest, size }, ...more };
  return pushManifest(place, manifest, manifestType);
}

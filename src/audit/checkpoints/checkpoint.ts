import { createHash } from 'node:crypto';
import { z } from 'zod';
import { canonicalJson } from '../../domain/canonical.ts';
import { parseLine } from '../chain.ts';
import { type Envelope, isSignedBy, readVerifyingKey, type Signer, signEnvelope, type VerifyingKey } from './envelope.ts';

const hex = z.string().regex(/^[0-9a-f]{64}$/);
const ulid = z.string().regex(/^[0-9A-HJKMNP-TV-Z]{26}$/);
const count = z.int().min(0);
const point = z.strictObject({ hash: hex, sequence: count });
const chainPoint = z.strictObject({ chain: ulid, hash: hex, sequence: count });
const publicKey = z.strictObject({ id: hex, pem: z.string().max(1024) });

/** Pieces of one chain at most: others were removed between them. */
export const mostPieces = 1024;
export const mostChains = 10_000;
/** Ranges that one checkpoint says are removed, at most. */
export const mostRemoved = 5_000;

const schema = z.strictObject({
  build: z.string().max(256),
  chains: z
    .array(
      z.strictObject({
        chain: ulid,
        count,
        pieces: z
          .array(z.strictObject({ first: point, last: point }))
          .min(1)
          .max(mostPieces),
      }),
    )
    .max(mostChains),
  number: count,
  previous: hex.nullable(),
  reason: z.enum(['start', 'interval', 'removal', 'stop']),
  removed: z
    .array(z.strictObject({ before: hex.nullable(), entries: count, first: chainPoint, last: chainPoint, reason: z.enum(['retention', 'size']) }))
    .max(mostRemoved),
  replica: z.string().max(256),
  rotation: z.strictObject({ from: publicKey, to: publicKey }).nullable(),
  schema: z.literal(1),
  series: ulid,
  store: ulid,
  time: z.iso.datetime(),
});

/**
 * What is said of all chains at one time, signed. `pieces` are the entries that are there, from `first` to `last` without a gap, and
 * `count` is how many that is. `removed` is what is about to be removed, and `before` the hash
 * of the entry before that. `rotation` introduces another key; then both have signed.
 */
export type Checkpoint = z.output<typeof schema>;
export type ChainClaim = Checkpoint['chains'][number];

/** A checkpoint as it was signed. */
export interface SignedCheckpoint {
  /** Hex SHA-256 of the payload: what the next one calls `previous`. */
  readonly id: string;
  readonly checkpoint: Checkpoint;
  readonly envelope: Envelope;
}

/** Signs a checkpoint. `text` is one line, without its line break. */
export function signCheckpoint(checkpoint: Checkpoint, signers: readonly Signer[]): { readonly id: string; readonly text: string } {
  const payload = Buffer.from(canonicalJson(checkpoint), 'utf8');
  return { id: idOf(payload), text: signEnvelope(payload, signers) };
}

/** Reads what an envelope holds; null for what is no checkpoint. Its signatures are not looked at. */
export function readCheckpoint(envelope: Envelope): SignedCheckpoint | null {
  const parsed = schema.safeParse(parseLine(envelope.payload.toString('utf8')));
  return parsed.success ? { id: idOf(envelope.payload), checkpoint: parsed.data, envelope } : null;
}

/** The key, of several, that has signed it. */
export function signerOf({ envelope }: SignedCheckpoint, keys: Iterable<VerifyingKey>): VerifyingKey | null {
  for (const key of keys) if (isSignedBy(envelope, key)) return key;
  return null;
}

/** The two keys of a rotation, where both have signed it. */
export function rotatedKeys({ checkpoint: { rotation }, envelope }: SignedCheckpoint): readonly VerifyingKey[] {
  if (rotation === null) return [];
  const keys = [rotation.from, rotation.to].map(({ id, pem }) => {
    const key = readVerifyingKey(pem);
    return key !== null && key.id === id && isSignedBy(envelope, key) ? key : null;
  });
  return keys.every((key) => key !== null) ? keys : [];
}

function idOf(payload: Buffer): string {
  return createHash('sha256').update(payload).digest('hex');
}

import { parentPort } from 'node:worker_threads';
import type { TrustMaterial } from '@sigstore/verify';
import { bad, type Outcome } from '../../domain/fault.ts';
import { readCertificate } from '../certificate.ts';
import { parseRoot } from '../trustRoots/root.ts';
import { proverOf } from './proof.ts';
import type { FromProver, ToProver } from './protocol.ts';

// The entry point of a worker thread: it proves one claim after the other.
const port = parentPort;
if (port === null) throw new Error('this is the entry of a worker thread');
const roots = new Map<string, TrustMaterial>();

port.on('message', (message: ToProver) => {
  if (message.type === 'root') {
    const root = parseRoot(message.bytes);
    if (root.ok) roots.set(message.hash, root.value.material);
    return;
  }
  const outcome = prove(message);
  port.postMessage({ id: message.id, outcome: outcome.ok ? { time: outcome.value } : { refused: outcome.fault.message } } satisfies FromProver);
});

function prove({ root, proofs, claim, certificate }: Extract<ToProver, { type: 'prove' }>): Outcome<number> {
  const material = roots.get(root);
  if (material === undefined) return bad('SIGNATURE_INVALID', 'its trusted root can not be read');
  const read = readCertificate(asBuffer(certificate));
  return read.ok ? proverOf(material, proofs)(withBuffers(claim), read.value) : read;
}

/** What crosses to another thread arrives as plain bytes, and sigstore-js asks them for what only Buffers have. */
function withBuffers<T>(value: T): T {
  return revive(value) as T;
}

function revive(value: unknown): unknown {
  if (value instanceof Uint8Array) return asBuffer(value);
  if (Array.isArray(value)) return value.map(revive);
  if (typeof value !== 'object' || value === null) return value;
  return Object.fromEntries(Object.entries(value).map(([key, each]) => [key, revive(each)]));
}

function asBuffer(bytes: Uint8Array): Buffer {
  return Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength);
}

import { createHash, randomInt } from 'node:crypto';
import { initializeTLog } from '@sigstore/mock';
import { isObject, property, text } from '../../../src/domain/json.ts';
import { makeKey } from '../publish.ts';

/** What Rekor v1 hands back. */
export interface LogEntry {
  readonly body: string;
  readonly integratedTime: number;
  readonly logID: string;
  readonly logIndex: number;
  readonly verification: {
    readonly inclusionProof: {
      readonly logIndex: number;
      readonly treeSize: number;
      readonly checkpoint: string;
      readonly rootHash: string;
      readonly hashes: readonly string[];
    };
    readonly signedEntryTimestamp: string;
  };
}

/** A transparency log, of either version of Rekor. */
export interface TransparencyLog {
  readonly url: string;
  readonly publicKey: Buffer;
  /** Records a body as it is. */
  record(body: object, time?: number): Promise<LogEntry>;
}

/** @param url whose host is the log's name in its checkpoints */
export async function makeLog(url: string): Promise<TransparencyLog> {
  const pair = makeKey();
  const keys = { publicKey: pair.publicKey, privateKey: pair.privateKey };
  const { publicKey } = await initializeTLog(url, keys);
  return {
    url,
    publicKey,
    async record(body, time = Date.now()) {
      const log = await initializeTLog(url, keys, new Date(time));
      const [entry] = Object.values(await log.log(body));
      return entry as LogEntry;
    },
  };
}

const base64Hash = (bytes: Uint8Array): string => createHash('sha256').update(bytes).digest('base64');
const hexHash = (bytes: Uint8Array): string => createHash('sha256').update(bytes).digest('hex');
const list = (value: unknown): readonly unknown[] => (Array.isArray(value) ? value : []);

/** What Rekor v1 stores of what is proposed to it. https://github.com/sigstore/rekor/tree/v1.4.0/pkg/types */
export function canonicalV1(proposed: unknown): object {
  const spec = property(proposed, 'spec');
  const [kind, apiVersion] = [property(proposed, 'kind'), property(proposed, 'apiVersion')];
  const sha256 = (value: string): object => ({ algorithm: 'sha256', value });
  if (kind === 'dsse') {
    const content = property(spec, 'proposedContent');
    const written = text(property(content, 'envelope')) ?? '';
    const envelope: unknown = JSON.parse(written);
    const [verifier] = list(property(content, 'verifiers'));
    const signatures = list(property(envelope, 'signatures')).map((each) => ({ signature: property(each, 'sig'), verifier }));
    return { kind, apiVersion, spec: { envelopeHash: sha256(hexHash(Buffer.from(written))), payloadHash: sha256(payloadHash(envelope)), signatures } };
  }
  if (kind === 'intoto') {
    const envelope = property(property(spec, 'content'), 'envelope');
    const signatures = list(property(envelope, 'signatures')).map((each) => ({ publicKey: property(each, 'publicKey'), sig: property(each, 'sig') }));
    const hashes = { hash: sha256(hexHash(Buffer.from(JSON.stringify(envelope)))), payloadHash: sha256(hexHash(decodeTwice(property(envelope, 'payload')))) };
    return { kind, apiVersion, spec: { content: { envelope: { payloadType: property(envelope, 'payloadType'), signatures }, ...hashes } } };
  }
  return isObject(proposed) ? proposed : {};
}

function payloadHash(envelope: unknown): string {
  return hexHash(Buffer.from(text(property(envelope, 'payload')) ?? '', 'base64'));
}

function decodeTwice(value: unknown): Buffer {
  return Buffer.from(Buffer.from(text(value) ?? '', 'base64').toString('latin1'), 'base64');
}

/** What Rekor v2 stores of what is proposed to it. https://github.com/sigstore/rekor-tiles/tree/main/api/proto/rekor/v2 */
export function canonicalV2(request: unknown): { readonly apiVersion: '0.0.2'; readonly kind: 'dsse' | 'hashedrekord'; readonly spec: object } {
  const hashed = property(request, 'hashedRekordRequestV002');
  if (hashed !== undefined) {
    const data = { algorithm: 'SHA2_256', digest: property(hashed, 'digest') };
    return { apiVersion: '0.0.2', kind: 'hashedrekord', spec: { hashedRekordV002: { data, signature: property(hashed, 'signature') } } };
  }
  const dsse = property(request, 'dsseRequestV002');
  const envelope = property(dsse, 'envelope');
  const [verifier] = list(property(dsse, 'verifiers'));
  const signatures = list(property(envelope, 'signatures')).map((each) => ({ content: property(each, 'sig'), verifier }));
  const digest = base64Hash(Buffer.from(text(property(envelope, 'payload')) ?? '', 'base64'));
  return { apiVersion: '0.0.2', kind: 'dsse', spec: { dsseV002: { payloadHash: { algorithm: 'SHA2_256', digest }, signatures } } };
}

/** An entry as bundles have it. Rekor v2 promises nothing, and tells no time. */
export function bundleEntry({ body, integratedTime, logID, logIndex, verification }: LogEntry, version: 1 | 2): Readonly<Record<string, unknown>> {
  const { inclusionProof, signedEntryTimestamp } = verification;
  const record: unknown = JSON.parse(Buffer.from(body, 'base64').toString('utf8'));
  return {
    logIndex: String(logIndex),
    logId: { keyId: Buffer.from(logID, 'hex').toString('base64') },
    kindVersion: { kind: property(record, 'kind'), version: property(record, 'apiVersion') },
    ...(version === 1 ? { integratedTime: String(integratedTime), inclusionPromise: { signedEntryTimestamp } } : {}),
    inclusionProof: {
      logIndex: String(inclusionProof.logIndex),
      treeSize: String(inclusionProof.treeSize),
      rootHash: Buffer.from(inclusionProof.rootHash, 'hex').toString('base64'),
      hashes: [],
      checkpoint: { envelope: inclusionProof.checkpoint },
    },
    canonicalizedBody: body,
  };
}

/** Rekor v1 answers under a name of the entry. */
export const entryName = (): string =>
  createHash('sha256')
    .update(String(randomInt(2 ** 40)))
    .digest('hex');

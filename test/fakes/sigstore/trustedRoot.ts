import { createHash } from 'node:crypto';
import type { Authority } from './authority.ts';
import type { TransparencyLog } from './log.ts';
import type { StampAuthority } from './stamps.ts';

/** What a trusted root shall name. */
export interface RootParts {
  readonly authorities: readonly Authority[];
  readonly logs: readonly TransparencyLog[];
  readonly stampAuthorities: readonly StampAuthority[];
  /** Whether it names the authorities' certificate transparency logs. */
  readonly ctLogs?: boolean;
  /** RFC 3339: when the logs ceased to be used. */
  readonly logsUntil?: string;
}

const validFor = { start: '2020-01-01T00:00:00Z' };

/** https://github.com/sigstore/protobuf-specs/blob/v0.5.2/protos/sigstore_trustroot.proto */
export function writeTrustedRoot({ authorities, logs, stampAuthorities, ctLogs = true, logsUntil }: RootParts): string {
  const log = (baseUrl: string, key: Buffer, end?: string): object => ({
    baseUrl,
    hashAlgorithm: 'SHA2_256',
    publicKey: { rawBytes: key.toString('base64'), keyDetails: 'PKIX_ECDSA_P256_SHA_256', validFor: { ...validFor, ...(end === undefined ? {} : { end }) } },
    logId: { keyId: createHash('sha256').update(key).digest('base64') },
  });
  const authority = (uri: string, chain: readonly Buffer[]): object => ({
    subject: { organization: 'sigstore.mock', commonName: 'sigstore' },
    uri,
    certChain: { certificates: chain.map((der) => ({ rawBytes: der.toString('base64') })) },
    validFor,
  });
  return JSON.stringify({
    mediaType: 'application/vnd.dev.sigstore.trustedroot+json;version=0.1',
    tlogs: logs.map(({ url, publicKey }) => log(url, publicKey, logsUntil)),
    certificateAuthorities: authorities.map(({ certificate }) => authority('https://fulcio.example.com', [certificate])),
    ctlogs: ctLogs ? authorities.map(({ ctLogKey }) => log('https://ctlog.example.com', ctLogKey)) : [],
    timestampAuthorities: stampAuthorities.map(({ chain }) => authority('https://tsa.example.com', chain)),
  });
}

import type { TransparencyLogEntry } from '@sigstore/bundle';
import { TransparencyLogEntry as LogEntry } from '@sigstore/protobuf-specs';
import { property, text } from '../domain/json.ts';
import type { Claim } from './claim.ts';

/** What is there to prove who signed, and when. */
export type Material = Pick<Claim, 'logEntries' | 'certificate' | 'timestamps'>;

/** A certificate or timestamp longer than this is not parsed by anybody: ASN.1 of a megabyte blocks the event loop for 0.7 s. */
export const longestCertificate = 16 * 1024;

/**
 * The material of the legacy layouts, from a layer's annotations. What is not well formed is left out: it proves nothing, and must not
 * hide a signature that needs less. https://github.com/sigstore/cosign/blob/v3.1.3/specs/SIGNATURE_SPEC.md#optional
 */
export function readReceipts(annotations: Readonly<Record<string, string>>): Material {
  const timestamp = readTimestamp(annotations['dev.sigstore.cosign/rfc3161timestamp']);
  return {
    logEntries: readLogEntry(annotations['dev.sigstore.cosign/bundle']),
    certificate: readCertificate(annotations['dev.sigstore.cosign/certificate']),
    timestamps: timestamp === null ? [] : [timestamp],
  };
}

function readLogEntry(written: string | undefined): readonly TransparencyLogEntry[] {
  if (written === undefined) return [];
  try {
    const receipt: unknown = JSON.parse(written);
    const payload = property(receipt, 'Payload');
    const body = text(property(payload, 'body')) ?? '';
    const record: unknown = JSON.parse(Buffer.from(body, 'base64').toString('utf8'));
    const entry = LogEntry.fromJSON({
      logIndex: String(property(payload, 'logIndex')),
      logId: { keyId: Buffer.from(text(property(payload, 'logID')) ?? '', 'hex').toString('base64') },
      kindVersion: { kind: property(record, 'kind'), version: property(record, 'apiVersion') },
      integratedTime: String(property(payload, 'integratedTime')),
      inclusionPromise: { signedEntryTimestamp: property(receipt, 'SignedEntryTimestamp') },
      canonicalizedBody: body,
    });
    const { logId, kindVersion } = entry;
    return logId === undefined || kindVersion === undefined ? [] : [{ ...entry, logId, kindVersion }];
  } catch {
    return [];
  }
}

/** DER of a PEM certificate: the first, where there are more. */
function readCertificate(pem: string | undefined): Buffer | null {
  if (pem === undefined || pem.length > 2 * longestCertificate) return null;
  const body = /-----BEGIN CERTIFICATE-----([A-Za-z0-9+/=\s]+)-----END CERTIFICATE-----/.exec(pem)?.[1];
  const der = body === undefined ? null : Buffer.from(body, 'base64');
  return der === null || der.length === 0 || der.length > longestCertificate ? null : der;
}

function readTimestamp(written: string | undefined): Buffer | null {
  if (written === undefined || written.length > 2 * longestCertificate) return null;
  try {
    const der = Buffer.from(text(property(JSON.parse(written), 'SignedRFC3161Timestamp')) ?? '', 'base64');
    return der.length === 0 || der.length > longestCertificate ? null : der;
  } catch {
    return null;
  }
}

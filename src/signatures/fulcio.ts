import { ASN1Obj } from '@sigstore/core';

/** What Fulcio writes into a certificate of the token that it was asked with. */
export interface FulcioExtensions {
  /** Who vouched for the identity; null where the certificate does not say. */
  readonly issuer: string | null;
  /** The others, by name: `sourceRepositoryURI`, `githubWorkflowRef`, ... */
  readonly claims: Readonly<Record<string, string>>;
}

/** Below it are Fulcio's extensions. https://github.com/sigstore/fulcio/blob/main/docs/oid-info.md */
export const fulcioArc = '1.3.6.1.4.1.57264.1.';

/** 1 to 6 hold bare text, all later ones a DER string. */
const bare: Readonly<Record<number, string>> = {
  2: 'githubWorkflowTrigger',
  3: 'githubWorkflowSHA',
  4: 'githubWorkflowName',
  5: 'githubWorkflowRepository',
  6: 'githubWorkflowRef',
};
const encoded: Readonly<Record<number, string>> = {
  9: 'buildSignerURI',
  10: 'buildSignerDigest',
  11: 'runnerEnvironment',
  12: 'sourceRepositoryURI',
  13: 'sourceRepositoryDigest',
  14: 'sourceRepositoryRef',
  15: 'sourceRepositoryIdentifier',
  16: 'sourceRepositoryOwnerURI',
  17: 'sourceRepositoryOwnerIdentifier',
  18: 'buildConfigURI',
  19: 'buildConfigDigest',
  20: 'buildTrigger',
  21: 'runInvocationURI',
  22: 'sourceRepositoryVisibilityAtSigning',
  23: 'deploymentEnvironment',
};

/**
 * Reads Fulcio's extensions. Throws on one that is not encoded as it should be.
 *
 * @param extensions values by OID
 * @returns null where the two extensions that name the issuer, 1 and 8, disagree
 */
export function readFulcioExtensions(extensions: ReadonlyMap<string, Buffer>): FulcioExtensions | null {
  const at = (number: number, read: (value: Buffer) => string): string | null => {
    const value = extensions.get(`${fulcioArc}${number}`);
    return value === undefined ? null : read(value);
  };
  const [older, newer] = [at(1, utf8), at(8, derText)];
  if (older !== null && newer !== null && older !== newer) return null;
  const claims: Record<string, string> = {};
  for (const [names, read] of [[bare, utf8] as const, [encoded, derText] as const]) {
    for (const [number, name] of Object.entries(names)) {
      const value = at(Number(number), read);
      if (value !== null) claims[name] = value;
    }
  }
  return { issuer: newer ?? older, claims };
}

const utf8String = 12;

function derText(der: Buffer): string {
  const { tag, value } = ASN1Obj.parseBuffer(Buffer.from(der));
  if (!tag.isUniversal() || tag.number !== utf8String) throw new Error('the extension is no UTF8String');
  return utf8(value);
}

function utf8(bytes: Buffer): string {
  return new TextDecoder('utf-8', { fatal: true }).decode(bytes);
}

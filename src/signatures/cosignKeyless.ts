import { z } from 'zod';
import { bad, good, type Outcome } from '../domain/fault.ts';
import { glob } from '../domain/glob.ts';
import { byRoot } from './byRoot.ts';
import { createClaimSigner } from './claimSigner.ts';
import { createKeylessVerifier } from './keylessVerifier.ts';
import type { Proofs } from './proving/protocol.ts';
import { commonSettings, readRepository } from './settings.ts';
import type { SignerKind } from './signer.ts';
import { publicGood, type Root, trustedRootSettings } from './trustRoots/index.ts';

const mostWildcards = 8;
const longest = 2048;

const settings = z
  .strictObject({
    ...commonSettings,
    kind: z.literal('cosign-keyless'),
    issuer: z.string().min(1).max(longest).describe('who vouches for the identity: the OpenID Connect issuer, exactly as certificates have it'),
    identity: z.string().min(1).max(longest).optional().describe('the identity, exactly as certificates have it: an address, or the URI of a workflow'),
    identityPattern: z
      .string()
      .min(1)
      .max(longest)
      .refine((pattern) => (pattern.match(/\*+/g) ?? []).length <= mostWildcards, `can not have more than ${mostWildcards} wildcards`)
      .refine((pattern) => !pattern.includes('***'), 'can not have three stars in a row: * stays within a segment, ** crosses segments')
      .refine((pattern) => /[^*/:.@]/.test(pattern), 'must not match everybody')
      .optional()
      .describe('a glob over the whole identity: * stays within a segment between slashes, ** crosses segments'),
    transparencyLog: z.boolean().default(true).describe('whether signatures must be recorded in a transparency log; else a timestamp must prove their time'),
    certificateLog: z.boolean().default(true).describe('whether certificates must be recorded in a certificate transparency log (SCT)'),
    trustedRoot: trustedRootSettings.optional().describe('Sigstore trusted root; absent: that of the public-good instance, through TUF'),
  })
  .refine(({ identity, identityPattern }) => (identity === undefined) !== (identityPattern === undefined), 'needs exactly one of identity and identityPattern');
type Settings = z.infer<typeof settings>;

/** Signatures and attestations by identities, as `cosign sign` and `cosign attest` make them without a key. */
export const cosignKeyless: SignerKind<Settings> = {
  settings,
  async create(entry, parts) {
    const { name, kind, images, annotations = {}, issuer, identity, identityPattern, transparencyLog, certificateLog } = entry;
    const revoked = new Set(parts.revoked.identities);
    const isWanted = identity === undefined ? glob(identityPattern ?? '') : (text: string): boolean => text === identity;
    const verification = await byRoot(parts.trustRoots, entry.trustedRoot ?? publicGood, (root) => {
      const proofs = { transparencyLog, certificateLog };
      const lacking = checkRoot(root, proofs);
      if (lacking !== null) return lacking;
      return good(createKeylessVerifier({ issuer, identity: isWanted, revoked }, (claim, { der }) => parts.proving.prove(root, proofs, claim, der)));
    });
    if (!verification.ok) return verification;
    parts.proving.begin();
    const repository = readRepository(entry);
    if (!repository.ok) return repository;
    return good(
      createClaimSigner({
        name,
        kind,
        images,
        annotations,
        repository: repository.value,
        trust: [issuer, identity ?? null, identityPattern ?? null, transparencyLog, certificateLog],
        verification: verification.value,
        layouts: parts.layouts,
        revoked: parts.revoked,
      }),
    );
  },
};

/** A root that lacks what is to be proven would refuse everything, and nobody would know why. */
function checkRoot({ material }: Root, proofs: Proofs): Extract<Outcome<never>, { ok: false }> | null {
  const { certificateAuthorities, tlogs, ctlogs, timestampAuthorities } = material;
  const lacks = (what: string) => bad('TRUST_ROOT_UNAVAILABLE', `the trusted root names no ${what}`, { transient: false });
  if (certificateAuthorities.length === 0) return lacks('certificate authority');
  if (proofs.transparencyLog && tlogs.length === 0) return lacks('transparency log');
  if (proofs.certificateLog && ctlogs.length === 0) return lacks('certificate transparency log');
  if (!proofs.transparencyLog && timestampAuthorities.length === 0) return lacks('timestamp authority');
  return null;
}

import { z } from 'zod';
import { bad, good } from '../../domain/fault.ts';
import { safeText } from '../../domain/text.ts';
import { attachable } from '../attached.ts';
import { trustOf } from '../trust.ts';
import { decodeVex } from './document.ts';
import type { VexKind } from './kind.ts';
import type { VexClaim } from './match.ts';

const settings = z.strictObject({
  name: z.string().min(1).max(64),
  kind: z.literal('attestation'),
  signers: z.array(z.string().min(1)).min(1).describe('names of signers whose VEX attestations count'),
});
type Settings = z.infer<typeof settings>;

/** cosign has it without a version, Trivy with one. Of a version that is not known, it is a document that can't be used. */
const predicateTypes = /^https:\/\/openvex\.dev\/ns(?:\/|$)/;

/** OpenVEX documents as in-toto attestations (`cosign attest --type openvex`) by named signers, on the image or on a platform's manifest. */
export const vexAttestation: VexKind<Settings> = {
  settings,
  async create({ name, kind, signers }, parts) {
    const trust = trustOf([kind, [...signers].sort()], () => parts.signerTrust(signers));
    return {
      name,
      get trust() {
        return trust();
      },
      close: () => {},
      async claims(subject, signal) {
        const claims: VexClaim[] = [];
        const digests = attachable(subject);
        const outcomes = await Promise.all(digests.map((digest) => parts.attestations(signers, subject, digest, signal)));
        for (const [i, digest] of digests.entries()) {
          const outcome = outcomes[i];
          if (outcome === undefined) continue;
          if (!outcome.ok) return outcome;
          const [fault] = outcome.value.faults;
          if (fault !== undefined) return { ok: false, fault };
          for (const { signer, predicateType, predicate, subject: about } of outcome.value.attestations) {
            if (!predicateTypes.test(predicateType) || about !== digest || !signers.includes(signer)) continue;
            const statements = decodeVex(predicate);
            if (!statements.ok) {
              // It may be the one that takes another back.
              return bad('SCAN_INVALID', `the VEX document that ${signer} attested can't be used: ${statements.fault.message}`);
            }
            const by = (author: string): string => `vex ${name} by ${safeText(author, 200)}, attested by ${signer}`;
            claims.push(...statements.value.map((statement) => ({ by: by(statement.author), about, statement })));
          }
        }
        return good(claims);
      },
    };
  },
};

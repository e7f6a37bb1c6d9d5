import { z } from 'zod';
import type { Rejection } from '../../domain/evidence.ts';
import { good } from '../../domain/fault.ts';
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

/** cosign has it without a version, Trivy with one. */
const predicateTypes = /^https:\/\/openvex\.dev\/ns(?:\/v\d{1,3}\.\d{1,3}\.\d{1,3})?$/;

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
        const rejected: Rejection[] = [];
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
              const message = `the VEX document that ${signer} attested does not count: ${statements.fault.message}`;
              rejected.push({ stage: 'scans', source: name, layout: null, code: statements.fault.code, message });
              continue;
            }
            const by = (author: string): string => `vex ${name} by ${safeText(author, 200)}, attested by ${signer}`;
            claims.push(...statements.value.map((statement) => ({ by: by(statement.author), about, statement })));
          }
        }
        return good({ claims, rejected });
      },
    };
  },
};

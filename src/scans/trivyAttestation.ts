import { z } from 'zod';
import type { Digest } from '../domain/digest.ts';
import { type Finds, noFinds } from '../domain/evidence.ts';
import { bad, good, type Outcome } from '../domain/fault.ts';
import { type Attached, attachable, judgeAttached, readPredicate } from './attached.ts';
import { vulnPredicateType } from './cosignVuln.ts';
import type { ScanKind, ScanParts, ScanSource } from './kind.ts';
import { trustOf } from './trust.ts';

const settings = z.strictObject({
  name: z.string().min(1).max(64),
  kind: z.literal('trivy-attestation'),
  signers: z.array(z.string().min(1)).min(1).describe('names of signers whose vulnerability attestations count'),
});
type Settings = z.infer<typeof settings>;

/** Trivy reports as in-toto attestations (`cosign attest --type vuln`) by named signers. */
export const trivyAttestation: ScanKind<Settings> = {
  settings,
  async create(entry, parts) {
    return good(attestationSource(entry, parts));
  },
};

function attestationSource({ name, kind, signers }: Settings, parts: ScanParts): ScanSource {
  // A signer's keys and roots may change under its name.
  const trust = trustOf([kind, [...signers].sort()], () => parts.signerTrust(signers));
  return {
    name,
    stage: 'scans',
    kind,
    get trust() {
      return trust();
    },
    applies: () => true,
    close: () => {},
    async look(subject, signal) {
      if (subject.platforms.length === 0) return bad('MANIFEST_INVALID', 'the platforms of the image are not known, so no report can be bound to them');
      // An attestation may be on the index or on the platform's own manifest: `cosign attest` takes either.
      const digests = attachable(subject);
      const outcomes = await Promise.all(digests.map((digest) => parts.attestations(signers, subject, digest, signal)));
      const failed = outcomes.find((outcome) => !outcome.ok);
      if (failed !== undefined && !failed.ok && outcomes.every((outcome) => !outcome.ok)) return failed;
      const attached = digests.map((digest, i) => readAttached(digest, outcomes[i] ?? good(noFinds), signers));
      return good({ ...noFinds, ...judgeAttached(name, subject, attached, parts.clock(), 'no vulnerability attestation is attached') });
    },
  };
}

function readAttached(digest: Digest, outcome: Outcome<Finds>, signers: readonly string[]): Attached {
  if (!outcome.ok) return { digest, reports: [], faults: [outcome.fault], untrusted: null };
  const { attestations, faults, rejected } = outcome.value;
  // A statement counts for the digest it names, whatever it is attached to.
  const ours = attestations.filter(
    ({ signer, subject, predicateType }) => signers.includes(signer) && subject === digest && predicateType === vulnPredicateType,
  );
  return {
    digest,
    reports: ours.map(({ signer, predicate }) => readPredicate({ what: `the report that ${signer} attested`, signer }, predicate)),
    faults,
    untrusted: rejected.length > 0 ? 'no accepted signer vouches for what is attached' : null,
  };
}

import { z } from 'zod';
import { noFinds } from '../domain/evidence.ts';
import { bad, good } from '../domain/fault.ts';
import { attachable, judgeAttached } from './attached.ts';
import type { ScanKind, ScanParts, ScanSource } from './kind.ts';
import { openReading, readReferrers } from './readReferrers.ts';
import { trustOf } from './trust.ts';

const settings = z.strictObject({
  name: z.string().min(1).max(64),
  kind: z.literal('referrer'),
  signers: z
    .array(z.string().min(1))
    .min(1)
    .optional()
    .describe("names of signers; a report counts where one of them signed the referrer's own manifest (`cosign sign REPOSITORY@DIGEST-OF-THE-REFERRER`)"),
  unsigned: z.literal('trusted').optional().describe('`trusted`: reports that nobody signed count too, so whoever can push beside the image is trusted'),
  artifactTypes: z
    .array(z.string().min(3).max(255))
    .min(1)
    .max(16)
    .default(['application/json'])
    .describe('artifact types that hold a Trivy JSON or cosign-vuln report'),
});
type Settings = z.infer<typeof settings>;

/** Trivy reports that are attached to the image, or to a platform's manifest, as OCI referrers, as Trivy's referrer plugin does it. */
export const referrer: ScanKind<Settings> = {
  settings,
  async create(entry, parts) {
    return good(referrerSource(entry, parts));
  },
};

function referrerSource({ name, kind, signers = [], unsigned, artifactTypes }: Settings, parts: ScanParts): ScanSource {
  const trust = trustOf([kind, [...signers].sort(), unsigned ?? null, [...artifactTypes].sort()], () => parts.signerTrust(signers));
  const accepted = { artifactTypes: new Set(artifactTypes.map((type) => type.toLowerCase())), signers, unsigned: unsigned === 'trusted' };
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
      const reading = openReading(parts, subject, accepted, signal);
      const looks = await Promise.all(attachable(subject).map((digest) => readReferrers(reading, digest)));
      const attached = looks.map((look) => look.attached);
      const [first] = attached.flatMap(({ faults }) => faults);
      if (first !== undefined && looks.every(({ looked }) => !looked)) return { ok: false, fault: first };
      return good({ ...noFinds, ...judgeAttached(name, subject, attached, parts.clock(), 'no scan report is attached as a referrer') });
    },
  };
}

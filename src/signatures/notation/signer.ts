import { setImmediate } from 'node:timers/promises';
import type { Digest } from '../../domain/digest.ts';
import { type Finds, noFinds, type Rejection, type Subject, type VerifiedSignature } from '../../domain/evidence.ts';
import { type Fault, good, type Outcome } from '../../domain/fault.ts';
import { anyGlob } from '../../domain/glob.ts';
import { repositoryName } from '../../domain/image.ts';
import type { Registry } from '../../domain/registry.ts';
import { safeText } from '../../domain/text.ts';
import type { Signer } from '../signer.ts';
import type { Envelope } from './envelope.ts';
import { type Attached, type Read, type ReadLimits, readSignatures } from './referrers.ts';
import { type Trust, type Verified, verifyEnvelope } from './verify.ts';

export interface NotationSignerSettings {
  readonly name: string;
  readonly kind: string;
  readonly images: readonly string[];
  /** Hash over all that a fact of this signer depends on. */
  readonly hash: string;
  /** null: nothing is verified, and nothing vouched for. */
  readonly trust: Trust | null;
  readonly revokedDigests: ReadonlySet<string>;
  readonly registry: Registry;
  readonly limits: ReadLimits;
  /** Milliseconds since the epoch. */
  readonly clock: () => number;
}

type Judged = Pick<Finds, 'signatures' | 'rejected' | 'faults' | 'holdsFor' | 'freshFor'>;

/** A signer known by certificates of its authorities. */
export function createNotationSigner(settings: NotationSignerSettings): Signer {
  const { name, kind, images, hash, trust, revokedDigests, registry, limits, clock } = settings;
  const matches = anyGlob(images);

  const judge = async (attached: readonly Attached[], subject: Subject, trusted: Trust, signal: AbortSignal): Promise<Judged> => {
    const signatures: VerifiedSignature[] = [];
    const rejected: Rejection[] = [];
    const faults: Fault[] = [];
    const now = clock();
    let [holdsFor, freshFor] = [Number.POSITIVE_INFINITY, Number.POSITIVE_INFINITY];
    // The same envelope may lie in several repositories.
    for (const { blob, envelope } of new Map(attached.map((each) => [each.blob, each])).values()) {
      // What strangers attach may take milliseconds each: others get their turn in between.
      await setImmediate();
      const verified = envelope.ok ? await verifyEnvelope(envelope.value, subject.manifest, trusted, clock(), signal) : envelope;
      if (envelope.ok && verified.ok) {
        signatures.push(describe(envelope.value, verified.value, subject, trusted));
        const { until, changesAt } = verified.value;
        if (until !== null) holdsFor = Math.min(holdsFor, until - now);
        if (changesAt !== null) freshFor = Math.min(freshFor, changesAt - now);
      } else if (!verified.ok && verified.fault.transient) faults.push(postpone(blob, verified.fault));
      else if (!verified.ok) rejected.push(refuse(blob, verified.fault));
    }
    return { signatures, rejected, faults, ...(Number.isFinite(holdsFor) ? { holdsFor } : {}), ...(Number.isFinite(freshFor) ? { freshFor } : {}) };
  };

  const refuse = (blob: Digest, { code, message }: Fault): Rejection => {
    return { stage: 'signatures', source: name, layout: 'notation', code, message: `the signature ${blob} does not count: ${message}` };
  };

  const postpone = (blob: Digest, fault: Fault): Fault => ({ ...fault, message: `the signature ${blob} can not count now: ${fault.message}` });

  const describe = ({ attributes, signingAgent }: Envelope, verified: Verified, { manifest }: Subject, { level }: Trust): VerifiedSignature => ({
    signer: name,
    kind,
    layout: 'notation',
    keyId: null,
    issuer: null,
    identity: verified.identity,
    claims: {
      signingScheme: attributes.scheme,
      verificationLevel: level,
      ...(signingAgent === null ? {} : { signingAgent: safeText(signingAgent, 255) }),
      failures: Object.keys(verified.failures).join(','),
      ...Object.fromEntries(Object.entries(verified.failures).map(([check, why]) => [`failure.${check}`, why])),
    },
    signedAt: verified.signedAt === null ? null : new Date(verified.signedAt).toISOString(),
    subject: manifest.kind === 'index' ? 'index' : 'manifest',
    annotations: verified.annotations,
    signedRepository: null,
  });

  return {
    name,
    stage: 'signatures',
    kind,
    trust: hash,
    applies: (image) => matches(repositoryName(image)),
    async look(subject, signal): Promise<Outcome<Finds>> {
      const { digest } = subject.image;
      const revoked = [digest, ...subject.platforms.map((platform) => platform.digest)].find((each) => revokedDigests.has(each));
      if (revoked !== undefined) {
        const message = `no signature of ${revoked} counts: this digest is revoked`;
        return good({ ...noFinds, rejected: [{ stage: 'signatures', source: name, layout: null, code: 'SIGNATURE_INVALID', message }] });
      }
      if (trust === null) return good(noFinds);
      const call = { signal, access: subject.access };
      const outcomes = await Promise.all(subject.repositories.map((repository) => readSignatures(registry, repository, digest, call, limits)));
      const read = outcomes.flatMap((outcome): Read[] => (outcome.ok ? [outcome.value] : []));
      const unread = outcomes.flatMap((outcome): Fault[] => (outcome.ok ? [] : [outcome.fault]));
      const [first] = unread;
      if (first !== undefined && read.length === 0) return { ok: false, fault: first };
      const judged = await judge(
        read.flatMap(({ attached }) => attached),
        subject,
        trust,
        signal,
      );
      const faults = [...judged.faults, ...unread, ...read.flatMap((each) => each.faults)];
      const [postponed] = judged.faults;
      // All that is there waits for somebody who does not answer: nothing was seen that is good, or not.
      if (postponed !== undefined && judged.signatures.length === 0 && judged.rejected.length === 0) return { ok: false, fault: postponed };
      return good({ ...noFinds, ...judged, faults });
    },
    // The Notary Project signs images; it has no attestations.
    attestations: async () => good(noFinds),
  };
}

import { setImmediate } from 'node:timers/promises';
import type { Digest } from '../domain/digest.ts';
import type { Rejection, Subject, VerifiedAttestation, VerifiedSignature } from '../domain/evidence.ts';
import { bad, type Fault, good, type Outcome } from '../domain/fault.ts';
import { repositoryName } from '../domain/image.ts';
import { safeText } from '../domain/text.ts';
import type { Claim, Malformed, Purpose, Said } from './claim.ts';
import type { Verified, VerifyClaim } from './verify.ts';

/** What one signer asks of a claim besides the cryptography. */
export interface Demands {
  readonly signer: string;
  readonly kind: string;
  readonly verify: VerifyClaim;
  /** That must have been signed together with the digest. */
  readonly annotations: Readonly<Record<string, string>>;
  /** `registry/repository` where signatures live, if elsewhere. */
  readonly repository: string | null;
  readonly revokedKeys: ReadonlySet<string>;
}

export interface Judged {
  readonly signatures: readonly VerifiedSignature[];
  readonly attestations: readonly VerifiedAttestation[];
  readonly rejected: readonly Refusal[];
  /** What could not be found out: nothing is known of those claims. */
  readonly faults: readonly Fault[];
}

/** A rejection, and as what the claim was presented. */
export interface Refusal {
  readonly purpose: Purpose;
  readonly rejection: Rejection;
}

/** Milliseconds of verifying after which others get the event loop: a key's signature takes 0.07. */
const longestHold = 1;

/** Tells what a signer vouches for about a digest, from claims that were read before. */
export async function judgeClaims(
  claims: readonly Claim[],
  malformed: readonly Malformed[],
  subject: Subject,
  digest: Digest,
  demands: Demands,
): Promise<Judged> {
  const signatures: VerifiedSignature[] = [];
  const attestations: VerifiedAttestation[] = [];
  const rejected: Refusal[] = [];
  const faults: Fault[] = [];
  const refuse = ({ layout, purpose, blob }: Pick<Claim, 'layout' | 'purpose' | 'blob'>, { code, message }: Pick<Fault, 'code' | 'message'>): void => {
    const described = `the ${purpose} ${blob} does not count: ${message}`;
    rejected.push({ purpose, rejection: { stage: 'signatures', source: demands.signer, layout, code, message: described } });
  };
  for (const each of malformed) refuse(each, { code: 'SIGNATURE_INVALID', message: each.reason });
  let held = 0;
  // The same claim may lie in several repositories.
  for (const claim of new Map(claims.map((each) => [`${each.layout} ${each.id}`, each])).values()) {
    const started = performance.now();
    const verifying = demands.verify(claim);
    const outcome = verifying instanceof Promise ? await verifying : verifying;
    const believed = believe(claim, outcome, subject, digest, demands);
    held = verifying instanceof Promise ? 0 : held + performance.now() - started;
    if (held > longestHold) {
      await setImmediate();
      held = 0;
    }
    if (!believed.ok && believed.fault.code === 'INTERNAL') {
      faults.push(believed.fault);
      continue;
    }
    if (!believed.ok) {
      refuse(claim, believed.fault);
      continue;
    }
    const { said, annotations, verified } = believed.value;
    if (said.kind === 'signature') signatures.push(asSignature(claim, said.repository, annotations, verified, subject, demands));
    else {
      const { predicateType, predicate } = said;
      attestations.push({ signer: demands.signer, kind: demands.kind, predicateType, predicate, signedAt: verified.signedAt, subject: digest });
    }
  }
  return { signatures, attestations, rejected, faults };
}

interface Believed {
  readonly said: Said;
  readonly annotations: Readonly<Record<string, string>>;
  readonly verified: Verified;
}

/** First whose it is, then what it says: the order in which nothing unverified is ever interpreted. */
function believe(claim: Claim, verified: Outcome<Verified>, subject: Subject, digest: Digest, demands: Demands): Outcome<Believed> {
  if (!verified.ok) return verified;
  if (demands.revokedKeys.has(verified.value.keyId)) return bad('SIGNATURE_INVALID', 'its key is revoked');
  const said = claim.read();
  if (!said.ok) return said;
  const named = said.value.subjects.filter((each) => each.digest === digest);
  const [first] = named;
  if (first === undefined) return bad('SIGNATURE_INVALID', 'it is about another image');
  if (said.value.kind === 'attestation') return good({ said: said.value, annotations: {}, verified: verified.value });
  const { repository } = said.value;
  if (repository !== null && !mayName(repository, subject, demands)) {
    return bad('SIGNATURE_INVALID', `it was made for the repository ${safeText(repository, 255)}`);
  }
  const asked = Object.entries(demands.annotations);
  const fitting = named.find(({ annotations }) => asked.every(([name, value]) => Object.hasOwn(annotations, name) && annotations[name] === value));
  if (fitting === undefined) return bad('SIGNATURE_INVALID', `the annotations asked for (${asked.map(([name]) => name).join(', ')}) were not signed with it`);
  return good({ said: said.value, annotations: fitting.annotations, verified: verified.value });
}

/** A signature that was copied from another repository says nothing about this one. */
function mayName(repository: string, { image, repositories }: Subject, demands: Demands): boolean {
  return repository === repositoryName(image) || repository === demands.repository || repositories.some((each) => repositoryName(each) === repository);
}

function asSignature(
  { layout }: Claim,
  signedRepository: string | null,
  annotations: Readonly<Record<string, string>>,
  { keyId, certified, signedAt }: Verified,
  { manifest }: Subject,
  { signer, kind }: Demands,
): VerifiedSignature {
  return {
    signer,
    kind,
    layout,
    keyId: certified === null ? keyId : null,
    issuer: certified?.issuer ?? null,
    identity: certified?.identity ?? null,
    claims: certified?.claims ?? {},
    signedAt,
    subject: manifest.kind === 'index' ? 'index' : 'manifest',
    annotations,
    signedRepository,
  };
}

import type { EvaluatedScan, Evidence, JudgedImage, ScanFinding } from './evidence.ts';
import { type CompiledException, describeException, type Exception } from './exception.ts';
import { type Finding, hostPolicy } from './finding.ts';
import { safeText } from './text.ts';

/** Images as the policies are to see them, and the exceptions that made a difference. */
export interface Suppressed {
  readonly images: readonly JudgedImage[];
  readonly used: readonly Exception[];
}

/** Takes the vulnerabilities that exceptions name out of the count, before the policies run. They stay visible, with who and why. */
export function suppressCves(images: readonly JudgedImage[], exceptions: readonly CompiledException[]): Suppressed {
  const naming = exceptions.filter(({ exception }) => exception.spec.cves.length > 0);
  if (naming.length === 0) return { images, used: [] };
  const used = new Set<Exception>();
  const shown = images.map((image) => {
    const here = naming.filter((each) => each.covers(image)).map(({ exception }) => exception);
    return here.length === 0 ? image : { ...image, evidence: suppressIn(image.evidence, here, used) };
  });
  return { images: shown, used: [...used] };
}

/** Evidence never changes once it is gathered, and is shared by many requests: so is what exceptions make of it, as long as they stay. */
const known = new WeakMap<Evidence, { readonly by: readonly Exception[]; readonly used: readonly Exception[]; readonly shown: Evidence }>();

function suppressIn(evidence: Evidence, exceptions: readonly Exception[], used: Set<Exception>): Evidence {
  const last = known.get(evidence);
  const same = last !== undefined && last.by.length === exceptions.length && last.by.every((each, i) => each === exceptions[i]);
  const own = new Set<Exception>();
  const made = same ? last : { by: exceptions, shown: suppressAll(evidence, exceptions, own), used: [...own] };
  if (!same) known.set(evidence, made);
  for (const exception of made.used) used.add(exception);
  return made.shown;
}

function suppressAll(evidence: Evidence, exceptions: readonly Exception[], used: Set<Exception>): Evidence {
  const byCve = new Map<string, Exception>();
  for (const exception of exceptions) for (const cve of exception.spec.cves) if (!byCve.has(cve)) byCve.set(cve, exception);
  let changed = false;
  const scans = evidence.scans.map((scan) => {
    if (scan.state !== 'evaluated' || !scan.findings.some(({ id, suppressed }) => suppressed === null && byCve.has(id))) return scan;
    changed = true;
    return suppressInScan(scan, byCve, used);
  });
  // The same object where nothing is changed: what was made of it is kept under it.
  return changed ? { ...evidence, scans } : evidence;
}

function suppressInScan(scan: EvaluatedScan, byCve: ReadonlyMap<string, Exception>, used: Set<Exception>): EvaluatedScan {
  const counts = { ...scan.counts };
  const findings = scan.findings.map((finding): ScanFinding => {
    const exception = finding.suppressed === null ? byCve.get(finding.id) : undefined;
    if (exception === undefined) return finding;
    used.add(exception);
    counts[finding.severity] = Math.max(0, counts[finding.severity] - 1);
    const by = `${describeException(exception)} until ${new Date(exception.expires).toISOString()}`;
    return { ...finding, suppressed: { by, reason: safeText(exception.spec.reason) } };
  });
  return { ...scan, counts, findings };
}

/** Ids of the host's own findings that an exception may name. */
export const waivableHostFindings: readonly string[] = ['dark-resolve', 'dark-signatures', 'dark-scans', 'mirror-required'];

/**
 * The exception that drops a finding, or null. A finding about a container is dropped by an exception for each image of that name; one
 * about the whole Pod, only by an exception for every image in it.
 */
export function findWaiver(finding: Finding, images: readonly JudgedImage[], exceptions: readonly CompiledException[]): Exception | null {
  const naming = exceptions.filter(({ exception }) => isNamed(finding, exception));
  if (naming.length === 0) return null;
  const named = images.filter(({ container }) => container.container === finding.container);
  const about = named.length === 0 ? images : named;
  // Whatever is waived of an image: without a digest nobody knows what would run.
  if (finding.policy === hostPolicy && finding.id === 'dark-resolve' && about.some(({ pinned }) => !pinned)) return null;
  return naming.find((each) => about.length > 0 && about.every((image) => each.covers(image)))?.exception ?? null;
}

/** Whether an exception is about a finding at all, whatever its images. */
function isNamed({ policy, id, code }: Finding, { spec }: Exception): boolean {
  if (policy === hostPolicy) {
    // Nobody would be judging; what has no digest can be anything; and what is revoked was taken back by name.
    if (id === 'unpinned' || id === 'revoked' || id === 'request' || code === 'POLICY_BROKEN') return false;
    if (spec.breakglass) return true;
    if (id === null || !waivableHostFindings.includes(id)) return false;
    // The host as a whole can't be waived, only what is named of it.
    return spec.policies.includes(`${hostPolicy}/${id}`);
  }
  if (spec.breakglass) return true;
  return spec.policies.includes(policy) || (id !== null && spec.policies.includes(`${policy}/${id}`));
}

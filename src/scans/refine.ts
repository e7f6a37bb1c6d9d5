import type { EvaluatedScan, Finds, Rejection, ScanFinding, Subject } from '../domain/evidence.ts';
import { type Fault, fault, good, type Outcome } from '../domain/fault.ts';
import type { IgnoreRules } from './ignore.ts';
import type { ScanSource } from './kind.ts';
import { gradeOf, type SeveritySource } from './severity.ts';
import { countOpen } from './trivyReport.ts';
import { trustOf } from './trust.ts';
import type { VexSource } from './vex/kind.ts';
import { claimsById, mostComparisons, suppressByVex, type VexClaim, type VexClaims, type Work } from './vex/match.ts';

/** What is done with the findings of every scan source. */
export interface Refinement {
  readonly severitySource: SeveritySource;
  readonly vex: readonly VexSource[];
  /** null where there are none. */
  readonly ignore: IgnoreRules | null;
  /** Milliseconds since the epoch. */
  clock(): number;
}

/**
 * A scan source whose findings are graded by the chosen severity source, and suppressed by VEX statements and ignore rules. What is
 * suppressed stays visible, and is not counted.
 */
export function refine(source: ScanSource, refinement: Refinement): ScanSource {
  const { vex, ignore, severitySource } = refinement;
  if (vex.length === 0 && ignore === null && severitySource === 'reported') return source;
  const trust = trustOf(severitySource, () => JSON.stringify([source.trust, ignore?.trust() ?? null, ...vex.map((each) => [each.name, each.trust])]));
  return {
    name: source.name,
    stage: source.stage,
    kind: source.kind,
    get trust() {
      return trust();
    },
    applies: (image) => source.applies(image),
    close: () => source.close(),
    async look(subject, signal) {
      const outcome = await source.look(subject, signal);
      if (!outcome.ok) return outcome;
      const statements = outcome.value.scans.some(hasOpen) ? await askAll(vex, subject, signal) : nothingSaid;
      return statements.ok ? good(apply(outcome.value, statements.value, subject, refinement)) : statements;
    },
  };
}

interface Said {
  readonly claims: VexClaims;
  readonly rejected: readonly Rejection[];
  readonly faults: readonly Fault[];
}

const nothingSaid: Outcome<Said> = good({ claims: new Map(), rejected: [], faults: [] });

function hasOpen(scan: Finds['scans'][number]): boolean {
  return scan.state === 'evaluated' && scan.findings.some(({ suppressed }) => suppressed === null);
}

/** An outage is a fault of the whole look, so that what is known from before it can serve, and nothing is kept that it left out. */
async function askAll(vex: readonly VexSource[], subject: Subject, signal: AbortSignal): Promise<Outcome<Said>> {
  const claims: VexClaim[] = [];
  const rejected: Rejection[] = [];
  const faults: Fault[] = [];
  for (const outcome of await Promise.all(vex.map((each) => each.claims(subject, signal)))) {
    if (outcome.ok) {
      claims.push(...outcome.value.claims);
      rejected.push(...outcome.value.rejected);
    } else if (outcome.fault.transient) return outcome;
    else faults.push(outcome.fault);
  }
  // A statement that can't be seen may take back one of another source.
  return good({ claims: claimsById(faults.length > 0 ? [] : claims), rejected, faults });
}

function apply(finds: Finds, { claims, rejected, faults }: Said, subject: Subject, refinement: Refinement): Finds {
  const work: Work = { left: mostComparisons };
  const refineAll = (by: VexClaims): Finds['scans'] =>
    finds.scans.map((scan) => (scan.state === 'evaluated' ? refineScan(scan, by, subject, refinement, work) : scan));
  const scans = refineAll(claims);
  const all = { ...finds, rejected: [...finds.rejected, ...rejected], faults: [...finds.faults, ...faults] };
  if (work.left >= 0) return { ...all, scans };
  const tooMany = fault('LIMIT_EXCEEDED', `the VEX statements about the image need more than ${mostComparisons} comparisons; none of them counts`);
  return { ...all, scans: refineAll(new Map()), faults: [...all.faults, tooMany] };
}

function refineScan(scan: EvaluatedScan, claims: VexClaims, subject: Subject, { severitySource, ignore, clock }: Refinement, work: Work): EvaluatedScan {
  const image = subject.platforms.find(({ platform }) => platform === scan.platform);
  const now = clock();
  const suppressedBy = (finding: ScanFinding): ScanFinding['suppressed'] =>
    (image === undefined ? null : suppressByVex(finding, image, subject, claims, now, work)) ?? ignore?.suppress(finding, subject.image) ?? null;
  const findings = scan.findings.map((finding) => ({
    ...finding,
    severity: gradeOf(finding, severitySource),
    suppressed: finding.suppressed ?? suppressedBy(finding),
  }));
  return { ...scan, findings, counts: countRefined(scan, findings) };
}

/** A source that counts more than it lists still does: what is not listed can't be judged, and must not disappear. */
function countRefined(scan: EvaluatedScan, findings: readonly ScanFinding[]): EvaluatedScan['counts'] {
  const before = countOpen(scan.findings);
  const after = countOpen(findings);
  return {
    CRITICAL: after.CRITICAL + Math.max(0, scan.counts.CRITICAL - before.CRITICAL),
    HIGH: after.HIGH + Math.max(0, scan.counts.HIGH - before.HIGH),
    MEDIUM: after.MEDIUM + Math.max(0, scan.counts.MEDIUM - before.MEDIUM),
    LOW: after.LOW + Math.max(0, scan.counts.LOW - before.LOW),
    UNKNOWN: after.UNKNOWN + Math.max(0, scan.counts.UNKNOWN - before.UNKNOWN),
  };
}

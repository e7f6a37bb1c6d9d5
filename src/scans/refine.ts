import type { EvaluatedScan, Finds, Rejection, ScanFinding, Subject } from '../domain/evidence.ts';
import { type FaultCode, good, type Outcome } from '../domain/fault.ts';
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
    ...(source.where === undefined ? {} : { where: source.where }),
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
}

const nothingSaid: Outcome<Said> = good({ claims: new Map(), rejected: [] });

function hasOpen(scan: Finds['scans'][number]): boolean {
  return scan.state === 'evaluated' && scan.findings.some(({ suppressed }) => suppressed === null);
}

/**
 * An outage is a fault of the whole look, so that what is known from before it can serve, and nothing is kept that it left out. All else
 * that keeps statements from being read is a reason to suppress nothing, and no doubt about the findings: it is shown as rejected.
 */
async function askAll(vex: readonly VexSource[], subject: Subject, signal: AbortSignal): Promise<Outcome<Said>> {
  const claims: VexClaim[] = [];
  const rejected: Rejection[] = [];
  let whole = true;
  const outcomes = await Promise.all(vex.map(async (each) => ({ name: each.name, outcome: await each.claims(subject, signal) })));
  for (const { name, outcome } of outcomes) {
    if (outcome.ok) claims.push(...outcome.value);
    else if (outcome.fault.transient) return outcome;
    else {
      whole = false;
      rejected.push(refuse(name, outcome.fault.code, `no VEX statement counts, since not all of ${name} could be read: ${outcome.fault.message}`));
    }
  }
  // A statement that can't be seen may take back one of another source.
  return good({ claims: claimsById(whole ? claims : []), rejected });
}

function refuse(source: string, code: FaultCode, message: string): Rejection {
  return { stage: 'scans', source, layout: null, code, message };
}

function apply(finds: Finds, { claims, rejected }: Said, subject: Subject, refinement: Refinement): Finds {
  const work: Work = { left: mostComparisons };
  const refineAll = (by: VexClaims): Finds['scans'] =>
    finds.scans.map((scan) => (scan.state === 'evaluated' ? refineScan(scan, by, subject, refinement, work) : scan));
  const scans = refineAll(claims);
  const all = [...finds.rejected, ...rejected];
  if (work.left >= 0) return { ...finds, scans, rejected: all };
  const tooMany = `no VEX statement counts, since comparing them takes more than ${mostComparisons} steps`;
  const names = refinement.vex.map(({ name }) => name).join(', ');
  return { ...finds, scans: refineAll(new Map()), rejected: [...all, refuse(names, 'LIMIT_EXCEEDED', tooMany)] };
}

function refineScan(scan: EvaluatedScan, claims: VexClaims, subject: Subject, { severitySource, ignore, clock }: Refinement, work: Work): EvaluatedScan {
  const images = subject.platforms.filter(({ digest }) => digest === scan.digest);
  const now = clock();
  const clearedByVex = (finding: ScanFinding): ScanFinding['suppressed'] => {
    const all = images.map((image) => suppressByVex(finding, image, subject, claims, now, work));
    return all.includes(null) ? null : (all[0] ?? null);
  };
  const suppressedBy = (finding: ScanFinding): ScanFinding['suppressed'] => clearedByVex(finding) ?? ignore?.suppress(finding, subject.image) ?? null;
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

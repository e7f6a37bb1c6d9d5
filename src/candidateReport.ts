/** What is said of candidate policies: counted always, logged at first sight. */
import type { ComparedEvent } from './admission/line.ts';
import { outcomeOf } from './domain/candidate.ts';
import type { Log } from './domain/log.ts';
import type { FollowStatus, PolicyRoom } from './policy/index.ts';
import type { Metrics } from './server/metrics.ts';
import type { ReadinessCheck } from './server/ops.ts';

/** Differences that are remembered as said. */
const mostTold = 1_000;

/** Counts each comparison, and logs each kind of difference once for each revision of the candidate. */
export function createComparisonReport(metrics: Metrics, log: Log): (event: ComparedEvent) => void {
  const told = new Set<string>();
  let revision = '';
  return ({ inForce, comparison, record }) => {
    if (comparison === null) return metrics.candidateJudged('skipped');
    const outcome = outcomeOf(inForce, comparison);
    metrics.candidateJudged(outcome);
    if (outcome === 'same') return;
    if (comparison.revision !== revision) told.clear();
    revision = comparison.revision;
    const { added, removed, decision, fault } = comparison;
    for (const { policy } of added) metrics.candidateFinding(policy, 'added');
    for (const { policy } of removed) metrics.candidateFinding(policy, 'removed');
    const policies = (findings: typeof added): readonly string[] => [...new Set(findings.map(({ policy }) => policy))].sort();
    const difference = { outcome, added: policies(added), removed: policies(removed) };
    const key = JSON.stringify(difference);
    if (told.has(key) || told.size >= mostTold) return;
    told.add(key);
    const details = { candidate: revision.slice(0, 12), record, inForce, decision, ...difference, ...(fault === null ? {} : { fault }) };
    if (outcome === 'failed') log.warn(details, 'the candidate policies could not judge what those in force judged');
    else log.info(details, 'the candidate policies would have judged otherwise; said once for this difference');
  };
}

/** Never a reason not to be ready: what is in force does not depend on it. */
export function candidateChecks({ policies }: { readonly policies: PolicyRoom }, now: number): ReadinessCheck[] {
  const { candidate, revision } = policies.status();
  if (candidate === null) return [];
  const check = (reason: string): ReadinessCheck[] => [{ name: 'candidate policies', ready: true, reason }];
  const broken = candidate.fault === null ? '' : `the newest edit is not judged: ${candidate.fault.message}`;
  if (candidate.revision === null) return check(broken === '' ? 'being loaded' : broken);
  const what = `${candidate.policies.filter(({ mode }) => mode !== 'off').length} judge beside those in force, revision ${candidate.revision.slice(0, 12)}`;
  const same = candidate.revision === revision ? ', the same as in force: nothing is compared' : '';
  return check(`${what}${same}${describeFetch(candidate.fetched, now)}${broken === '' ? '' : `; ${broken}`}`);
}

/** Where a set was fetched from, how long ago that was certain, and what is wrong. */
export function describeFetch(fetched: FollowStatus | null, now: number): string {
  if (fetched === null) return '';
  const { confirmedAt, digest, fault, origin, version } = fetched;
  const age = confirmedAt === null ? '' : `, confirmed ${describeAge(now - confirmedAt)} ago`;
  // By the digest of its manifest, where it has one: that is what a configuration may name.
  const known = version?.startsWith('sha256:') ? version : digest;
  const from = `; from ${origin}${known === null ? '' : ` (${known.slice(0, 19)}${age})`}`;
  return fault === null ? from : `${from}; the last look failed: ${fault.message}`;
}

function describeAge(milliseconds: number): string {
  const seconds = Math.max(0, Math.round(milliseconds / 1000));
  if (seconds < 120) return `${seconds} s`;
  if (seconds < 7_200) return `${Math.round(seconds / 60)} min`;
  return seconds < 172_800 ? `${Math.round(seconds / 3600)} h` : `${Math.round(seconds / 86_400)} d`;
}

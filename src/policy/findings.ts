import type { Effect, Finding } from '../domain/decision.ts';
import { isObject, property, text } from '../domain/json.ts';
import { safeText } from '../domain/text.ts';
import type { RawResult } from './engine.ts';
import { explainKeys } from './findingKeys.ts';
import type { PolicyMetadata } from './metadata.ts';
import type { PolicyMode } from './options.ts';

/** What must be known of a policy to read its results. */
export interface ReadablePolicy {
  readonly name: string;
  readonly mode: PolicyMode;
  readonly files: readonly string[];
  readonly metadata: PolicyMetadata;
}

const mostFindings = 500;
const longestMessage = 2048;

/**
 * Reads what the policies gave. Whatever is not a set of findings is a finding itself that names the policy's file: a policy that
 * failed, did not run or said something that can't be read never counts as one that has nothing to say. Mode warn makes warnings of
 * all denials, these too. In order of policy, effect, container, id and message, since sets have none.
 */
export function readFindings(policies: readonly ReadablePolicy[], results: readonly RawResult[]): readonly Finding[] {
  const findings = policies.flatMap((policy, i) => readPolicy(policy, results[i]));
  return findings.sort(compare);
}

/** Reads the worker's text. */
export function readResults(results: string): readonly RawResult[] {
  const parsed: unknown = JSON.parse(results);
  if (!Array.isArray(parsed)) return [];
  return parsed.map((item) => {
    const json = text(property(item, 'json'));
    return json === null ? { thrown: text(property(item, 'thrown')) ?? 'it gave nothing' } : { json };
  });
}

/** What is wrong with the form of a policy's result: why it would be a denial that names the policy's files. */
export function faultsOfResult(policy: ReadablePolicy, result: RawResult | undefined): readonly string[] {
  const faults: string[] = [];
  readPolicy(policy, result, (why) => faults.push(why));
  return faults;
}

function readPolicy(policy: ReadablePolicy, result: RawResult | undefined, hear: (fault: string) => void = () => {}): Finding[] {
  const broken = (why: string): Finding => {
    hear(why);
    return makeFinding(policy, 'deny', `${policy.files.join(', ')}: policy ${policy.name} ${why}`, {});
  };
  if (result === undefined) return [broken('did not run')];
  if ('thrown' in result) return [broken(`could not be evaluated: ${result.thrown}`)];
  const value: unknown = JSON.parse(result.json);
  if (!isObject(value)) return [broken('gave no result')];
  const findings: Finding[] = [];
  if (property(value, 'violation') !== undefined) findings.push(broken('has a rule `violation`, which is not read here; name it `deny`'));
  const spoken = (['deny', 'warn'] as const).filter((effect) => property(value, effect) !== undefined);
  // Sets are never undefined, only single values are.
  if (spoken.length === 0) findings.push(broken('gave neither `deny` nor `warn`: it is undefined'));
  for (const effect of spoken) {
    const said = property(value, effect);
    if (!Array.isArray(said)) {
      findings.push(broken(`gave a single value as \`${effect}\`, not a set of findings; write \`${effect} contains msg if { … }\``));
      continue;
    }
    for (const item of said.slice(0, mostFindings))
      findings.push(
        readFinding(policy, effect, item) ??
          broken(`gave a finding that is neither text nor an object with \`msg\`${isObject(item) ? explainKeys(Object.keys(item)) : ''}`),
      );
    if (said.length > mostFindings) findings.push(broken(`gave ${said.length} findings, of which ${mostFindings} are kept`));
  }
  return findings;
}

/** null when it has no form that is known. */
function readFinding(policy: ReadablePolicy, effect: Effect, item: unknown): Finding | null {
  if (typeof item === 'string') return item.trim() === '' ? null : makeFinding(policy, effect, item, {});
  if (!isObject(item)) return null;
  const msg = text(item['msg']);
  const { id, container, remediation, cves } = item;
  if (msg === null || msg.trim() === '') return null;
  if (![id, container, remediation].every((value) => value === undefined || value === null || typeof value === 'string')) return null;
  if (cves !== undefined && !(Array.isArray(cves) && cves.every((cve) => typeof cve === 'string'))) return null;
  return makeFinding(policy, effect, msg, item);
}

function makeFinding(policy: ReadablePolicy, effect: Effect, msg: string, item: Readonly<Record<string, unknown>>): Finding {
  const id = text(item['id']);
  const rule = id !== null && Object.hasOwn(policy.metadata.rules, id) ? policy.metadata.rules[id] : undefined;
  const cves = Array.isArray(item['cves']) ? item['cves'].filter((cve) => typeof cve === 'string') : [];
  return {
    policy: policy.name,
    id: shorten(id),
    effect: policy.mode === 'warn' ? 'warn' : effect,
    msg: safeText(msg, longestMessage),
    severity: rule?.severity ?? policy.metadata.package.severity,
    container: shorten(text(item['container'])),
    cves: [...new Set(cves.slice(0, 5000).map((cve) => safeText(cve, 100)))].sort(),
    remediation: shorten(text(item['remediation'])) ?? rule?.remediation ?? policy.metadata.package.remediation,
    code: null,
  };
}

function shorten(value: string | null): string | null {
  return value === null ? null : safeText(value, 1024);
}

function compare(a: Finding, b: Finding): number {
  return (
    order(a.policy, b.policy) ||
    order(a.effect, b.effect) ||
    order(a.container ?? '', b.container ?? '') ||
    order(a.id ?? '', b.id ?? '') ||
    order(a.msg, b.msg) ||
    order(a.cves.join(), b.cves.join())
  );
}

function order(a: string, b: string): number {
  return a < b ? -1 : a > b ? 1 : 0;
}

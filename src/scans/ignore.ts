import { createHash } from 'node:crypto';
import type { ScanFinding } from '../domain/evidence.ts';
import { anyGlob, type Glob } from '../domain/glob.ts';
import { type Repository, repositoryName } from '../domain/image.ts';
import { safeText } from '../domain/text.ts';
import type { ScanLog } from './kind.ts';
import { covers, type Purl, parsePurl } from './purl.ts';

/** A finding that somebody answers for, until a day. */
export interface IgnoreRule {
  /** As the scanner names it: `CVE-2026-0001`. */
  readonly id: string;
  /** Globs of `registry/repository`; null: every image. */
  readonly images: readonly string[] | null;
  /** Names of packages, or package URLs, whose absent parts fit all; null: every package. */
  readonly packages: readonly string[] | null;
  readonly owner: string;
  readonly reason: string;
  /** Milliseconds since the epoch: from then on the rule has no effect. */
  readonly expires: number;
}

export interface IgnoreRules {
  /** Changes when a rule expires, so that nothing that rests on it is used any more. */
  trust(): string;
  /** Who took a finding of an image out of the count, and why; null where no rule in force does. */
  suppress(finding: ScanFinding, image: Repository): ScanFinding['suppressed'];
}

interface Compiled {
  readonly rule: IgnoreRule;
  readonly images: Glob;
  readonly packages: readonly (string | Purl)[] | null;
}

/** Rules that are in force as long as they have not expired. Those that have are told of in the log, each once. null where there are none. */
export function openIgnoreRules(rules: readonly IgnoreRule[], clock: () => number, log: ScanLog): IgnoreRules | null {
  if (rules.length === 0) return null;
  const all = rules.map(compile);
  let inForce = all;
  let byId = indexById(all);
  let trust = '';
  let nextExpiry = Number.NEGATIVE_INFINITY;
  const expire = (): void => {
    const now = clock();
    if (now < nextExpiry) return;
    for (const { rule } of inForce.filter((each) => each.rule.expires <= now)) {
      const fields = { id: safeText(rule.id, 100), owner: safeText(rule.owner, 100), expired: new Date(rule.expires).toISOString() };
      log.warn(fields, 'an ignore rule has expired and has no effect any more');
    }
    inForce = inForce.filter(({ rule }) => rule.expires > now);
    byId = indexById(inForce);
    trust = hashOf(inForce);
    nextExpiry = Math.min(...inForce.map(({ rule }) => rule.expires));
  };
  expire();
  return {
    trust() {
      expire();
      return trust;
    },
    suppress(finding, image) {
      expire();
      const found = byId.get(finding.id)?.find((each) => each.images(repositoryName(image)) && coversPackage(each, finding));
      if (found === undefined) return null;
      const { owner, reason, expires } = found.rule;
      return { by: `ignore rule of ${safeText(owner, 200)} until ${new Date(expires).toISOString()}`, reason: safeText(reason) };
    },
  };
}

function hashOf(rules: readonly Compiled[]): string {
  return createHash('sha256')
    .update(JSON.stringify(rules.map(({ rule }) => rule)))
    .digest('hex');
}

function compile(rule: IgnoreRule): Compiled {
  return {
    rule,
    images: rule.images === null ? () => true : anyGlob(rule.images),
    packages: rule.packages?.map((each) => parsePurl(each) ?? each) ?? null,
  };
}

function indexById(rules: readonly Compiled[]): ReadonlyMap<string, readonly Compiled[]> {
  return Map.groupBy(rules, ({ rule }) => rule.id);
}

function coversPackage({ packages }: Compiled, finding: ScanFinding): boolean {
  if (packages === null) return true;
  const purl = finding.purl === null ? null : parsePurl(finding.purl);
  return packages.some((each) => (typeof each === 'string' ? each === finding.package : purl !== null && covers(each, purl)));
}

import type { Outcome } from './fault.ts';
import { bad, good } from './fault.ts';
import { glob } from './glob.ts';
import { type ImageReference, parseRepository, type Repository, repositoryName } from './image.ts';

/** Where images of a source are pulled from instead. */
export interface MirrorRule {
  /** Registry, or registry/path, cut at a path boundary. */
  readonly source: string;
  readonly targets: readonly MirrorTarget[];
  /** Globs of logical `registry/repository` names that stay where they are. */
  readonly exclude: readonly string[];
  /** Whether an image that no target serves is a violation. */
  readonly required: boolean;
  /** Where signatures are looked for. */
  readonly evidence: 'source' | 'mirror' | 'both';
}

export interface MirrorTarget {
  /** Registry, or registry/path, that takes the place of the source. */
  readonly location: string;
  /** Name of a Secret of the Pod's namespace that the kubelet needs to pull from there. */
  readonly pullSecret: string | null;
  /** Where it stands, in the words of the configuration; null: nowhere in particular. */
  readonly region: string | null;
  /** Nobody else can push there: its content has the source's identity without the source confirming it. */
  readonly trusted: boolean;
}

/** One way to serve a source image from a mirror. */
export interface MirrorPlace {
  readonly rule: MirrorRule;
  readonly target: MirrorTarget;
  readonly reference: ImageReference;
}

/** A reference found inside a mirror, and the logical image that the rules would have put there. */
export interface MirrorOrigin {
  readonly rule: MirrorRule;
  readonly target: MirrorTarget;
  readonly source: ImageReference;
}

export interface MirrorTable {
  /** Where the rules would pull a logical image from, best first; empty when no rule covers it. */
  forward(reference: ImageReference): readonly MirrorPlace[];
  /** What a physical reference stands for by the rules, or null when it is only itself. */
  backward(reference: ImageReference): MirrorOrigin | null;
}

/**
 * Compiles the rules into a mapping that is one-to-one, or names every overlap that would make it ambiguous: an image must never
 * have two logical identities, nor a rewrite be rewritten again.
 *
 * @param region whose targets are preferred; null: the order is as written
 */
export function compileMirrors(rules: readonly MirrorRule[], region: string | null = null): Outcome<MirrorTable> {
  const faults = [...malformed(rules), ...overlaps(rules)];
  if (faults.length > 0) return bad('CONFIG_INVALID', faults.join('; '));
  const compiled = rules.map((rule) => ({ rule, excluded: rule.exclude.map(glob) })).sort((a, b) => b.rule.source.length - a.rule.source.length);

  const ruleFor = (name: string): MirrorRule | null => {
    const found = compiled.find(({ rule }) => covers(rule.source, name));
    return found === undefined || found.excluded.some((matches) => matches(name)) ? null : found.rule;
  };

  const forward = (reference: ImageReference): MirrorPlace[] => {
    const name = repositoryName(reference);
    const rule = ruleFor(name);
    if (rule === null) return [];
    // A name can become too long by being moved: then that target has no place for it.
    return nearestFirst(rule.targets, region)
      .map((target) => ({ rule, target, reference: move(reference, rule.source, target.location) }))
      .filter((place) => isWritten(repositoryName(place.reference)));
  };

  const backward = (reference: ImageReference): MirrorOrigin | null => {
    const name = repositoryName(reference);
    for (const { rule } of compiled) {
      for (const target of rule.targets) {
        if (!covers(target.location, name)) continue;
        const source = move(reference, target.location, rule.source);
        // Only what the rules would have written here counts: a longer rule or an exclusion may send that image elsewhere.
        return isWritten(repositoryName(source)) && ruleFor(repositoryName(source)) === rule ? { rule, target, source } : null;
      }
    }
    return null;
  };

  return good({ forward, backward });
}

/** Targets of the own region, those of none, those of others; each as written. */
function nearestFirst(targets: readonly MirrorTarget[], region: string | null): readonly MirrorTarget[] {
  if (region === null) return targets;
  const distance = (target: MirrorTarget): number => (target.region === region ? 0 : target.region === null ? 1 : 2);
  return targets.toSorted((a, b) => distance(a) - distance(b));
}

/** Whether a prefix covers a name at a path boundary. */
export function covers(prefix: string, name: string): boolean {
  return name === prefix || (name.startsWith(prefix) && name[prefix.length] === '/');
}

/** Whether a name, written down, is read as just this name: `docker.io/nginx` is not, it is read as `docker.io/library/nginx`. */
function isWritten(name: string): boolean {
  const parsed = parseRepository(name);
  return parsed.ok && repositoryName(parsed.value) === name;
}

function move(reference: ImageReference, from: string, to: string): ImageReference {
  const name = `${to}${repositoryName(reference).slice(from.length)}`;
  return { ...reference, ...split(name) };
}

function split(name: string): Repository {
  const slash = name.indexOf('/');
  return slash < 0 ? { registry: name, repository: '' } : { registry: name.slice(0, slash), repository: name.slice(slash + 1) };
}

/** Prefixes under which names would be read as other names. */
function malformed(rules: readonly MirrorRule[]): string[] {
  return rules.flatMap(({ source, targets }) => [
    ...(isWritten(`${source}/x/x`) ? [] : [`the source ${source} is no registry, or registry/path, in lower case`]),
    // Below a source that is a whole registry there are names of one segment, which Docker Hub would put into library/.
    ...targets
      .filter(({ location }) => !isWritten(`${location}/x`))
      .map(({ location }) => `the mirror location ${location} can not hold the images of a registry`),
  ]);
}

function overlaps(rules: readonly MirrorRule[]): string[] {
  const faults: string[] = [];
  const sources = rules.map((rule) => rule.source);
  const locations = rules.flatMap((rule) => rule.targets.map((target) => target.location));
  sources.forEach((source, i) => {
    if (sources.indexOf(source) !== i) faults.push(`the source ${source} has two rules`);
  });
  locations.forEach((location, i) => {
    locations.forEach((other, j) => {
      if (j > i && (covers(location, other) || covers(other, location))) faults.push(`the mirror locations ${location} and ${other} overlap`);
    });
    for (const source of sources) {
      if (covers(source, location) || covers(location, source)) faults.push(`the mirror location ${location} and the source ${source} overlap`);
    }
  });
  for (const rule of rules) {
    const needsPath = rule.source.includes('/');
    for (const target of rule.targets) {
      if (needsPath && !target.location.includes('/')) {
        faults.push(`the mirror location ${target.location} needs a path, since the source ${rule.source} may be one whole repository`);
      }
    }
  }
  return [...new Set(faults)];
}

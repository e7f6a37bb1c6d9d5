import { PackageURL } from 'packageurl-js';
import { longestText } from './cutText.ts';

/** A package URL, parsed. https://github.com/package-url/purl-spec/blob/main/PURL-SPECIFICATION.rst */
export interface Purl {
  readonly type: string;
  readonly namespace: string;
  readonly name: string;
  readonly version: string | null;
  readonly qualifiers: Readonly<Record<string, string>>;
  readonly subpath: string | null;
}

/** null for what is no package URL, and for one that was cut. */
export function parsePurl(text: string): Purl | null {
  if (!text.startsWith('pkg:') || text.length > longestText) return null;
  try {
    const { type, namespace, name, version, qualifiers, subpath } = PackageURL.fromString(text);
    return { type, namespace: namespace ?? '', name, version: version ?? null, qualifiers: { ...qualifiers }, subpath: subpath ?? null };
  } catch {
    return null;
  }
}

/**
 * Whether a package is one of those that a package URL in a rule means. Both are compared part by part, since one package has many
 * spellings; a part that the rule leaves out fits all, one that only the rule has fits none.
 */
export function covers(rule: Purl, found: Purl): boolean {
  return (
    rule.type === found.type &&
    rule.namespace === found.namespace &&
    rule.name === found.name &&
    (rule.version === null || rule.version === found.version) &&
    (rule.subpath === null || rule.subpath === found.subpath) &&
    Object.entries(rule.qualifiers).every(([key, value]) => Object.hasOwn(found.qualifiers, key) && found.qualifiers[key] === value)
  );
}

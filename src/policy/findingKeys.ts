import { suggest } from '../domain/suggest.ts';

/** Members of a finding that are read. */
export const findingKeys = ['msg', 'id', 'container', 'cves', 'remediation'] as const;

/** What people write who mean one of them. */
const meanings: Readonly<Record<string, (typeof findingKeys)[number]>> = {
  message: 'msg',
  text: 'msg',
  reason: 'msg',
  description: 'msg',
  cve: 'cves',
  vulnerabilities: 'cves',
  fix: 'remediation',
  remedy: 'remediation',
  containers: 'container',
};

export interface KeyExplanation {
  readonly message: string;
  readonly suggestion: string | null;
  /** The member that it was probably meant for. */
  readonly meant: string | null;
}

/** What to say of a member of a finding that is not read. */
export function explainKey(key: string): KeyExplanation {
  const message = `\`${key}\` of a finding is not read`;
  if (key === 'severity')
    return { message: `${message}: the severity is that of the METADATA`, suggestion: 'write it as custom.severity of the METADATA', meant: null };
  const meant = Object.hasOwn(meanings, key) ? (meanings[key] ?? null) : suggest(key, findingKeys);
  return { message, suggestion: meant === null ? null : `did you mean ${meant}?`, meant };
}

/** Why an object is no finding, as far as its members tell; empty when they don't. */
export function explainKeys(keys: readonly string[]): string {
  for (const key of keys) {
    if (findingKeys.some((name) => name === key)) continue;
    const { meant } = explainKey(key);
    if (meant !== null && !keys.includes(meant)) return `; it has \`${key}\`: did you mean \`${meant}\`?`;
  }
  return '';
}

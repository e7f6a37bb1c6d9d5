import { isObject, property, text } from '../domain/json.ts';
import { safeText } from '../domain/text.ts';

/** What authors write above a package or a rule. https://www.openpolicyagent.org/docs/policy-language#metadata */
export interface Metadata {
  readonly title: string | null;
  readonly description: string | null;
  readonly severity: string | null;
  readonly remediation: string | null;
  /** `custom.mode`, unread. */
  readonly mode: string | null;
}

/** Metadata of one policy: of its package, and of those of its rules that have an id (`custom.id`). */
export interface PolicyMetadata {
  readonly package: Metadata;
  readonly rules: Readonly<Record<string, Metadata>>;
}

export const noMetadata: PolicyMetadata = { package: { title: null, description: null, severity: null, remediation: null, mode: null }, rules: {} };

/** Reads `opa inspect -a --format=json`, by policy. */
export function readMetadata(inspected: unknown): ReadonlyMap<string, PolicyMetadata> {
  const found = new Map<string, { package: Metadata; rules: Record<string, Metadata> }>();
  const annotations = property(inspected, 'annotations');
  for (const entry of Array.isArray(annotations) ? annotations : []) {
    const path = property(entry, 'path');
    const steps = (Array.isArray(path) ? path : []).map((step) => text(property(step, 'value')));
    const [, root, name] = steps;
    const written = property(entry, 'annotations');
    if (root !== 'policies' || name === undefined || name === null || !isObject(written)) continue;
    const policy = found.get(name) ?? { package: noMetadata.package, rules: {} };
    const id = text(property(written['custom'], 'id'));
    if (written['scope'] === 'package') policy.package = metadataOf(written);
    else if (id !== null) policy.rules[id] = metadataOf(written);
    found.set(name, policy);
  }
  return found;
}

function metadataOf(written: Readonly<Record<string, unknown>>): Metadata {
  const custom = written['custom'];
  return {
    title: safe(written['title']),
    description: safe(written['description']),
    severity: safe(property(custom, 'severity')),
    remediation: safe(property(custom, 'remediation')),
    mode: modeText(property(custom, 'mode')),
  };
}

/** What is no text is no mode, and must not look as if nothing were written. */
function modeText(value: unknown): string | null {
  return value === undefined || value === null ? null : (safe(value) ?? safeText(JSON.stringify(value), 100));
}

function safe(value: unknown): string | null {
  const found = text(value);
  return found === null ? null : safeText(found.trim(), 2048);
}

import { isObject, property, text } from '../../domain/json.ts';
import { suggest } from '../../domain/suggest.ts';
import type { PolicyProblem } from '../rules.ts';
import { list, type Node, placeOf } from './ast.ts';

type Found = Omit<PolicyProblem, 'file'>;

const spoken = ['deny', 'warn'];
/** What other programs call their rules. */
const elsewhere: Readonly<Record<string, string>> = {
  allow: 'deny',
  allowed: 'deny',
  denied: 'deny',
  denials: 'deny',
  errors: 'deny',
  warnings: 'warn',
  warning: 'warn',
  violations: 'deny',
};

/** Names rules of a policy that nothing asks for, and that were probably meant to be `deny` or `warn`. */
export function lintNames(module: Node): readonly Found[] {
  const used = namesUsed(module);
  const found: Found[] = [];
  for (const rule of list(module['rules']).filter(isObject)) {
    const head = rule['head'];
    const [first, ...more] = list(property(head, 'ref'));
    const name = text(property(first, 'value'));
    if (name === null || more.length > 0 || spoken.includes(name) || property(head, 'args') !== undefined || used.has(name)) continue;
    const isSet = property(head, 'key') !== undefined;
    const meant = Object.hasOwn(elsewhere, name) ? (elsewhere[name] ?? null) : isSet ? suggest(name, spoken) : null;
    if (meant === null) continue;
    found.push({
      ...placeOf(head),
      message: `nothing asks for the rule ${name}: of a policy only deny and warn are read`,
      suggestion: name.startsWith('allow') ? 'turn it round: `deny contains msg if { not … }`' : `did you mean ${meant}?`,
      rule: 'naming',
    });
  }
  return found;
}

/** Names that bodies and values of a module's rules refer to, but for the heads that define them. */
function namesUsed(module: Node): ReadonlySet<string> {
  const used = new Set<string>();
  const walk = (value: unknown): void => {
    if (Array.isArray(value)) for (const item of value) walk(item);
    else if (isObject(value)) {
      if (value['type'] === 'var') used.add(text(value['value']) ?? '');
      for (const [key, inner] of Object.entries(value)) if (key !== 'location' && key !== 'ref' && key !== 'name') walk(inner);
    }
  };
  walk(module['rules']);
  return used;
}

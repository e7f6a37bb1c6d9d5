import { isObject, property, text } from '../../domain/json.ts';
import { explainKey, findingKeys } from '../findingKeys.ts';
import type { PolicyProblem } from '../rules.ts';
import { list, type Node, nameOf, placeOf } from './ast.ts';

type Found = Omit<PolicyProblem, 'file'>;

/** Looks at every finding of `deny` and `warn` that is written out, in the rule or in a function of the same module. */
export function lintFindings(module: Node): readonly Found[] {
  const rules = list(module['rules']).filter(isObject);
  const found = new Map<string, Found>();
  for (const rule of rules) {
    const head = rule['head'];
    const word = nameOfRule(rule);
    const key = property(head, 'key');
    if ((word !== 'deny' && word !== 'warn') || key === undefined) continue;
    for (const term of termsOf(key, rule, rules)) {
      for (const problem of problemsOf(term, word)) found.set(`${problem.line}:${problem.column} ${problem.message}`, problem);
    }
  }
  return [...found.values()];
}

function nameOfRule(rule: Node): string | null {
  const [first, ...more] = list(property(rule['head'], 'ref'));
  return more.length > 0 ? null : text(property(first, 'value'));
}

/** What the key of a set stands for: itself, what is assigned to it in the rule, or what a function of the module gives. */
function termsOf(key: unknown, rule: Node, rules: readonly Node[]): readonly unknown[] {
  if (property(key, 'type') === 'var') {
    const name = nameOf(key);
    const bound = list(rule['body'])
      .map((expression) => list(property(expression, 'terms')))
      .filter(([operator, left]) => (nameOf(operator) === 'assign' || nameOf(operator) === 'eq') && nameOf(left) === name)
      .map(([, , right]) => right);
    return bound.flatMap((term) => (property(term, 'type') === 'var' ? [] : termsOf(term, rule, rules)));
  }
  if (property(key, 'type') === 'call') {
    const called = nameOf(list(property(key, 'value'))[0]);
    const values = rules.filter((one) => nameOfRule(one) === called).map((one) => property(one['head'], 'value'));
    return values.filter((value) => property(value, 'type') === 'object');
  }
  return [key];
}

const noFinding: ReadonlySet<unknown> = new Set(['number', 'boolean', 'null', 'array', 'set', 'arraycomprehension', 'setcomprehension']);

function problemsOf(term: unknown, word: string): readonly Found[] {
  const place = placeOf(term);
  const type = property(term, 'type');
  if (noFinding.has(type)) {
    const kind = String(type).replace('comprehension', '');
    const example = `${word} contains {"msg": "…", "container": image.container}`;
    return [
      {
        ...place,
        message: `a finding is a text or an object with \`msg\`, and this is ${kind === 'array' ? 'an' : 'a'} ${kind}`,
        suggestion: `write \`${example}\``,
        rule: 'finding',
      },
    ];
  }
  if (type !== 'object') return [];
  const members = list(property(term, 'value')).map((member) => list(member));
  const keys = members.map(([key]) => (property(key, 'type') === 'string' ? text(property(key, 'value')) : null));
  // A key that is known only when it runs may be any.
  if (keys.includes(null)) return [];
  const problems: Found[] = [];
  for (const [i, key] of keys.entries()) {
    const [keyTerm, value] = members[i] ?? [];
    if (key === null) continue;
    if (!findingKeys.some((name) => name === key)) {
      const { message, suggestion, meant } = explainKey(key);
      const stands = meant !== null && keys.includes(meant);
      problems.push({
        ...placeOf(keyTerm),
        message,
        rule: 'finding',
        ...(suggestion === null || stands ? {} : { suggestion }),
        ...(meant === null || stands ? { advice: true } : {}),
      });
    } else if (isSurelyNot(key, value)) {
      problems.push({ ...placeOf(value), message: `\`${key}\` of a finding must be ${key === 'cves' ? 'a list of texts' : 'a text'}`, rule: 'finding' });
    }
  }
  if (!keys.includes('msg')) {
    const explained = problems.some(({ suggestion }) => suggestion === 'did you mean msg?');
    if (!explained)
      problems.push({
        ...place,
        message: 'a finding without `msg` is a denial that names this file, and nothing else',
        suggestion: 'add "msg": the text that whoever made the Pod reads',
        rule: 'finding',
      });
  }
  return problems;
}

function isSurelyNot(key: string, value: unknown): boolean {
  const type = String(property(value, 'type'));
  const texts = ['string', 'templatestring'];
  const lists = ['array', 'set', 'arraycomprehension', 'setcomprehension'];
  const constant = [...texts, ...lists, 'number', 'boolean', 'object', 'objectcomprehension'].includes(type);
  return constant && !(key === 'cves' ? lists : texts).includes(type);
}

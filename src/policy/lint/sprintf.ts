import { property, text } from '../../domain/json.ts';
import { sprintf, sprintfDirective } from '../builtins/sprintf.ts';
import type { RegoValue } from '../builtins/value.ts';
import type { PolicyProblem } from '../rules.ts';
import { callOf, everyNode, list, type Node, placeOf } from './ast.ts';

type Found = Omit<PolicyProblem, 'file'>;

const number = (digits: string): RegoValue => ({ kind: 'number', text: digits });
/** One of each kind that sprintf tells apart. */
const samples: readonly RegoValue[] = ['x', number('1'), number('1.5')];
const mostArguments = 64;

/**
 * Looks at every sprintf whose format is written out, by letting the engine's own sprintf write samples: a form that the engine refuses
 * though OPA takes it, a verb that there is not or that does not fit, and more or fewer values than the format asks for. And at concat of a set.
 */
export function lintSprintf(module: Node): readonly Found[] {
  return [...everyNode(module)].flatMap((node) => {
    const call = callOf(node);
    if (call?.name === 'concat') return problemsOfConcat(call.args);
    if (call?.name !== 'sprintf') return [];
    const [formatTerm, valuesTerm] = call.args;
    const format = property(formatTerm, 'type') === 'string' ? text(property(formatTerm, 'value')) : null;
    if (format === null) return [];
    const values = property(valuesTerm, 'type') === 'array' ? list(property(valuesTerm, 'value')) : null;
    const place = placeOf(formatTerm);
    const told = (message: string, suggestion: string): Found => ({ ...place, message, suggestion, rule: 'sprintf' });
    return [...problemsOfForms(format, values, told), ...problemsOfCount(format, values, told)];
  });
}

/** The engine keeps sets in another order than opa, so a text made of one reads otherwise there. */
function problemsOfConcat([, joined]: readonly unknown[]): readonly Found[] {
  const type = property(joined, 'type');
  if (type !== 'set' && type !== 'setcomprehension') return [];
  return [
    {
      ...placeOf(joined),
      message: 'a set has no order in the engine, so this text may differ from what opa writes',
      suggestion: 'write concat(…, sort(…))',
      rule: 'sprintf',
    },
  ];
}

function problemsOfForms(format: string, values: readonly unknown[] | null, told: (message: string, suggestion: string) => Found): readonly Found[] {
  const found: Found[] = [];
  let next = 0;
  for (const [whole, , , width, , precision] of format.matchAll(sprintfDirective)) {
    if (whole === '%%') continue;
    const stars = [width, precision].filter((part) => part === '*').length;
    const indexed = whole.includes('[');
    const known = indexed || values === null ? undefined : sampleOf(values[next + stars]);
    next += stars + 1;
    const given = (known === undefined ? samples : [known]).map((sample) =>
      tryForm(whole, indexed ? Array.from({ length: mostArguments }, () => sample) : [...Array.from({ length: stars }, () => number('1')), sample]),
    );
    const refused = given.find((one) => 'refused' in one);
    if (given.every((one) => 'refused' in one) && refused !== undefined && 'refused' in refused) {
      found.push(
        told(`${refused.refused.replace(/^sprintf: /, '')}: OPA writes ${whole}, the engine stops there and the request is denied`, 'write %v, %s or %d'),
      );
    } else if (given.every((one) => 'refused' in one || one.written.includes('%!'))) {
      const written = given.find((one) => 'written' in one);
      const shown = written !== undefined && 'written' in written ? written.written : '%!';
      found.push(
        told(
          `${whole === '%' ? 'a lone %' : whole} does not fit what it is given and writes ${shown}`,
          whole === '%' ? 'write %% for a percent sign' : 'write %v, which takes anything',
        ),
      );
    }
  }
  return found;
}

function problemsOfCount(format: string, values: readonly unknown[] | null, told: (message: string, suggestion: string) => Found): readonly Found[] {
  if (values === null || values.length > mostArguments) return [];
  // Texts fit widths as little as anything else fits all verbs: what matters here is only how many were taken.
  const written = tryForm(
    format,
    values.map(() => number('1')),
  );
  if ('refused' in written) return [];
  const has = `${values.length} ${values.length === 1 ? 'value' : 'values'}`;
  if (written.written.includes('(MISSING)'))
    return [told(`the format asks for more than the ${has} it is given, and writes %!…(MISSING)`, 'give a value for each %')];
  if (written.written.includes('%!(EXTRA '))
    return [told(`the format asks for fewer than the ${has} it is given, and writes %!(EXTRA …)`, 'write a % for each value')];
  return [];
}

function tryForm(format: string, values: readonly RegoValue[]): { readonly written: string } | { readonly refused: string } {
  try {
    return { written: sprintf(format, values) };
  } catch (error) {
    return { refused: error instanceof Error ? error.message : 'not supported' };
  }
}

/** A value of the kind that a term surely has; undefined where that shows only when it runs. */
function sampleOf(term: unknown): RegoValue | undefined {
  const value = property(term, 'value');
  switch (property(term, 'type')) {
    case 'string':
    case 'templatestring':
    case 'object':
    case 'set':
    case 'array':
    case 'boolean':
    case 'null':
      return 'x';
    case 'number':
      return number(Number.isInteger(value) ? '1' : '1.5');
    default:
      return undefined;
  }
}

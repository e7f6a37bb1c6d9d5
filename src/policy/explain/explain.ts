import { join } from 'node:path';
import type { Finding } from '../../domain/decision.ts';
import { bad, good, type Outcome } from '../../domain/fault.ts';
import { isObject, type JsonObject, property, text } from '../../domain/json.ts';
import { safeText } from '../../domain/text.ts';
import { type Evaluation, evaluatePolicies } from '../evaluate.ts';
import { list, type Node, parseModule, placeOf } from '../lint/ast.ts';
import { runOpa } from '../opa.ts';
import { isTestFile, type PolicyFile, withFolder } from '../snapshot.ts';
import { type Followed, slimForTrace } from './slim.ts';
import { readTrace, type TraceEvent } from './trace.ts';
import { aboutOf, type NamedValue, valuesOfLine } from './values.ts';

/** What became of a line: it held, stopped the rule, did one or the other, was never reached, or is none that can. */
export type LineMark = 'held' | 'stopped' | 'partly' | 'unreached' | 'none';

/** Why a line stopped a rule. */
export interface Stop {
  /** What the iteration was about, such as the container's name; null when nothing tells. */
  readonly about: string | null;
  readonly values: readonly NamedValue[];
  /** How often just so. */
  readonly times: number;
}

export interface ExplainedLine {
  readonly line: number;
  readonly text: string;
  readonly mark: LineMark;
  readonly reached: number;
  readonly stopped: number;
  readonly stops: readonly Stop[];
}

export interface ExplainedRule {
  readonly file: string;
  readonly name: string;
  /** How often it was asked for, and how often its body held. */
  readonly entered: number;
  readonly held: number;
  readonly lines: readonly ExplainedLine[];
}

export interface ExplainedPolicy {
  readonly name: string;
  readonly findings: readonly Finding[];
  /** deny and warn, then the helpers that were asked. */
  readonly rules: readonly ExplainedRule[];
}

export interface Explanation {
  readonly policies: readonly ExplainedPolicy[];
  /** What was cut from the input so that it can be followed line by line; null when nothing was. */
  readonly cut: string | null;
}

const mostStops = 3;
const mostLines = 60;
const mostRules = 40;

/**
 * Follows an evaluation line by line, with `opa eval --explain=full`. `only`: the policies to follow. Faults as of evaluatePolicies, and
 * LIMIT_EXCEEDED for an evaluation that is too long to follow.
 */
export async function explainPolicies(evaluation: Evaluation, only: readonly string[] | null, signal: AbortSignal): Promise<Outcome<Explanation>> {
  const evaluated = await evaluatePolicies(evaluation, signal);
  if (!evaluated.ok) return evaluated;
  const sources = evaluated.value.files.filter(({ path }) => !isTestFile(path));
  const wanted = evaluated.value.policies.filter(({ name, mode }) => (only === null ? mode !== 'off' : only.includes(name)));
  const laid = [
    ...sources.map(({ path, content }) => ({ path: join('all', path), content })),
    { path: 'all/config/data.json', content: JSON.stringify(evaluation.data) },
  ];
  return withFolder(laid, async (folder) => {
    const modules = await parseAll(sources, evaluation.opa, join(folder, 'all'), signal);
    const follow = async ({ input, cut }: Followed): Promise<Outcome<Explanation>> => {
      const policies: ExplainedPolicy[] = [];
      for (const { name, findings } of wanted) {
        const query = `[x | some word in ["deny", "warn"]; x := data.policies.${name}[word]]`;
        const flags = ['--disable-indexing', '--disable-early-exit', '--explain=full', '--format=json'];
        const run = await runOpa(evaluation.opa, ['eval', '-b', 'all', '-I', ...flags, query], folder, signal, input);
        if (!run.ok) return bad('LIMIT_EXCEEDED', `the policy ${name} does too much on this input to be followed line by line`, { cause: run.fault });
        const trace = readTrace(run.value.stdout);
        if (trace === null) return bad('INTERNAL', `opa does not explain the policy ${name}`);
        policies.push({ name, findings, rules: explainRules(name, modules, trace.map(inFolder), { input: JSON.parse(input), config: evaluation.data }) });
      }
      return good({ policies, cut });
    };
    let explained: Outcome<Explanation> = bad('INTERNAL', 'there is nothing to follow');
    for (const one of slimForTrace(evaluation.input)) {
      explained = await follow(one);
      if (explained.ok || explained.fault.code !== 'LIMIT_EXCEEDED' || signal.aborted) break;
    }
    return explained;
  });
}

/** Files as they are named in the folder of policies. */
function inFolder(event: TraceEvent): TraceEvent {
  return { ...event, file: event.file.replace(/^\/?all\//, '') };
}

interface Module {
  readonly file: PolicyFile;
  readonly ast: Node;
}

async function parseAll(files: readonly PolicyFile[], opa: string, folder: string, signal: AbortSignal): Promise<readonly Module[]> {
  const parsed = await Promise.all(
    files.filter(({ path }) => path.endsWith('.rego')).map(async (file) => ({ file, ast: await parseModule(opa, folder, file.path, signal) })),
  );
  return parsed.flatMap(({ file, ast }) => (ast === null ? [] : [{ file, ast }]));
}

function explainRules(
  policy: string,
  modules: readonly Module[],
  trace: readonly TraceEvent[],
  world: { readonly input: unknown; readonly config: JsonObject },
): readonly ExplainedRule[] {
  const explained = modules.flatMap(({ file, ast }) => {
    const own = trace.filter((event) => event.file === file.path);
    const lines = file.content.toString('utf8').split('\n');
    const isOwn = packageOf(ast) === `policies.${policy}`;
    return list(ast['rules'])
      .filter(isObject)
      .flatMap((rule) => {
        const name = headName(rule);
        const speaks = isOwn && (name === 'deny' || name === 'warn');
        const one = explainRule(name, rule, file.path, lines, own, world);
        const order = speaks ? 0 : isOwn ? 1 : 2;
        return speaks || (one.entered > 0 && !isConstant(rule)) ? [{ one, order }] : [];
      });
  });
  return explained
    .sort((a, b) => a.order - b.order)
    .map(({ one }) => one)
    .slice(0, mostRules);
}

function explainRule(
  name: string,
  rule: Node,
  file: string,
  source: readonly string[],
  trace: readonly TraceEvent[],
  world: { readonly input: unknown; readonly config: JsonObject },
): ExplainedRule {
  const { line: from } = placeOf(rule);
  const written = Buffer.from(text(property(rule['location'], 'text')) ?? '', 'base64').toString('utf8');
  const to = Math.min(from + written.split('\n').length - 1, from + mostLines);
  const own = trace.filter(({ line }) => line >= from && line <= to);
  const bodies = new Set(own.filter(({ op, isRule }) => op === 'Enter' && isRule).map(({ query }) => query));
  const lines: ExplainedLine[] = [];
  for (let line = from; line <= to; line += 1) {
    const here = own.filter((event) => event.line === line && !event.isRule && (event.op === 'Eval' || event.op === 'Fail'));
    // What stops within a comprehension does not stop the rule; only where nothing else stands on the line is it shown.
    const ofRule = here.filter(({ query }) => bodies.has(query));
    lines.push(explainLine(line, source[line - 1] ?? '', ofRule.length > 0 ? ofRule : here, world));
  }
  const about = own.filter(({ isRule }) => isRule);
  return {
    file,
    name,
    entered: about.filter(({ op }) => op === 'Enter').length,
    held: about.filter(({ op }) => op === 'Exit').length,
    lines: markUnreached(lines, rule),
  };
}

function explainLine(
  line: number,
  source: string,
  events: readonly TraceEvent[],
  world: { readonly input: unknown; readonly config: JsonObject },
): ExplainedLine {
  const evaluated = events.filter(({ op }) => op === 'Eval');
  const first = Math.min(...evaluated.map(({ column }) => column));
  const reached = evaluated.filter(({ column }) => column === first).length;
  const failed = events.filter(({ op }) => op === 'Fail');
  const stops = new Map<string, Stop>();
  for (const event of failed) {
    const locals = event.locals();
    const values = valuesOfLine(source, { locals, ...world });
    const about = aboutOf(locals);
    const key = JSON.stringify([about, values]);
    stops.set(key, { about, values, times: (stops.get(key)?.times ?? 0) + 1 });
  }
  const stopped = failed.length;
  const mark: LineMark = reached === 0 ? 'none' : stopped === 0 ? 'held' : stopped >= reached ? 'stopped' : 'partly';
  return { line, text: safeText(source.replaceAll('\t', '    '), 300), mark, reached, stopped, stops: [...stops.values()].slice(0, mostStops) };
}

/** Marks lines that begin an expression and that nothing came to. */
function markUnreached(lines: readonly ExplainedLine[], rule: Node): readonly ExplainedLine[] {
  const begins = new Set(list(rule['body']).map((expression) => placeOf(expression).line));
  return lines.map((line) => (line.mark === 'none' && begins.has(line.line) && line.line !== lines[0]?.line ? { ...line, mark: 'unreached' } : line));
}

/** A rule without a body and without arguments: nothing in it can stop. */
function isConstant(rule: Node): boolean {
  const [only, ...more] = list(rule['body']);
  const always = property(only, 'terms');
  return property(rule['head'], 'args') === undefined && more.length === 0 && property(always, 'type') === 'boolean';
}

function packageOf(ast: Node): string {
  const [, ...steps] = list(property(ast['package'], 'path')).map((step) => text(property(step, 'value')) ?? '');
  return steps.join('.');
}

function headName(rule: Node): string {
  const [first] = list(property(rule['head'], 'ref'));
  return text(property(first, 'value')) ?? text(property(rule['head'], 'name')) ?? '';
}

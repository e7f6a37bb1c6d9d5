import { type RegoLine, scanRego } from './scan.ts';
import { isTestFile, type PolicyFile } from './snapshot.ts';

/** Something wrong in a file of policies. */
export interface PolicyProblem {
  /** Relative to the folder of policies. */
  readonly file: string;
  /** From 1; 0 when it concerns the whole file. */
  readonly line: number;
  readonly column: number;
  readonly message: string;
  /** What to write instead. */
  readonly suggestion?: string;
  /** By which look it was found; `rego` unless named. */
  readonly rule?: ProblemRule;
  /** It keeps nothing from going in force. */
  readonly advice?: true;
}

/** The looks that find problems, by the names that reports for programs have. */
export const problemRules = {
  rego: 'Syntax, types and safety, as opa finds them',
  'input-field': 'A field that the input does not have',
  builtin: 'A function that the engine does not have',
  naming: 'A package or rule by a name that nobody asks for',
  metadata: 'METADATA that is missing, misspelt, or has a value that there is not',
  finding: 'A finding whose form is not read',
  sprintf: 'A format that the engine writes otherwise than meant, or not at all',
  sample: 'A policy that fails on a sample Pod',
} as const;

export type ProblemRule = keyof typeof problemRules;

/** A policy, as its files declare it. */
export interface DeclaredPolicy {
  readonly name: string;
  readonly files: readonly string[];
}

/** `file:line:column: message (suggestion)`, as editors find it. */
export function describeProblem({ file, line, column, message, suggestion, advice }: PolicyProblem): string {
  const place = line > 0 ? `${file}:${line}:${column}` : file;
  return `${place}: ${advice === true ? 'advice: ' : ''}${message}${suggestion === undefined ? '' : ` (${suggestion})`}`;
}

const policyName = /^[A-Za-z_][A-Za-z0-9_]*$/;
const contains = 'write `deny contains msg if { … }`';

/**
 * Finds the policies that files declare, and whatever in them OPA would find right and nobody would ever hear of: a package elsewhere,
 * a rule that is no set, Gatekeeper's `violation`, a policy inside a test file, a policy without a rule.
 */
export function findPolicies(files: readonly PolicyFile[]): { readonly policies: readonly DeclaredPolicy[]; readonly problems: readonly PolicyProblem[] } {
  const problems: PolicyProblem[] = [];
  const found = new Map<string, { files: string[]; speaks: boolean }>();
  for (const { path, content } of files) {
    if (!path.endsWith('.rego')) continue;
    const lines = scanRego(content.toString('utf8'));
    const report = (line: RegoLine | undefined, message: string, suggestion?: string): void => {
      const place = { file: path, line: line?.line ?? 0, column: line?.column ?? 0 };
      problems.push({ ...place, message, rule: 'naming', ...(suggestion === undefined ? {} : { suggestion }) });
    };
    const declared = lines.find((line) => line.word === 'package');
    const name = (declared?.rest ?? '').replace(/#.*/s, '').trim();
    const heads = lines.filter((line) => ['deny', 'warn', 'violation'].includes(line.word) && isHead(line.rest));
    if (isTestFile(path)) {
      if (name.startsWith('policies.') && heads.length > 0) {
        report(heads[0], 'a file named _test.rego is never enforced, and this one has a policy', 'move the rule to a file with another name');
      }
      continue;
    }
    const [root, ...rest] = name.split('.');
    if (root === 'lib' && rest.length > 0) {
      const [first] = heads;
      if (first !== undefined)
        report(
          first,
          `${first.word} in the package ${name} is never asked for: helpers lie in lib, policies in policies`,
          `write \`package policies.${fileWord(path)}\``,
        );
      continue;
    }
    const policy = rest.join('.');
    if (root !== 'policies' || !policyName.test(policy)) {
      const named = heads.length > 0 || lines.some(({ word, rest: more }) => word === 'allow' || /^\s+contains\b/.test(more));
      // What is in the library's folder and denies nothing belongs there; a file with nothing in it yet is going to be a policy.
      const home = named || name === '' ? `package policies.${fileWord(path)}` : `package lib.${fileWord(path)}`;
      const suggestion = root === 'policies' ? 'a name is one word of letters, digits and _' : `write \`${home}\``;
      report(declared, `the package ${name === '' ? '(none)' : name} is neither policies.NAME nor lib.NAME, so nothing in it would run`, suggestion);
      continue;
    }
    const entry = found.get(policy) ?? { files: [], speaks: false };
    entry.files.push(path);
    for (const head of heads) {
      const message = problemOfHead(head);
      if (message === null) entry.speaks = true;
      else report(head, message, head.word === 'warn' ? contains.replace('deny', 'warn') : contains);
    }
    for (const line of lines) {
      const rule = /^\s+(deny|warn|violation)\b/.exec(line.rest)?.[1];
      if (line.word === 'default' && rule !== undefined) report(line, `\`default ${rule}\` makes ${rule} a single value; it must be a set`, contains);
    }
    found.set(policy, entry);
  }
  for (const [name, { files: where, speaks }] of found) {
    const [first] = where;
    const known = problems.some((problem) => where.includes(problem.file));
    if (!speaks && !known && first !== undefined) {
      problems.push({
        file: first,
        line: 0,
        column: 0,
        message: `the policy ${name} has neither deny nor warn, so it could never say anything`,
        suggestion: contains,
        rule: 'naming',
      });
    }
  }
  return { policies: [...found].map(([name, entry]) => ({ name, files: entry.files })).sort((a, b) => (a.name < b.name ? -1 : 1)), problems };
}

/** Whether a line that starts with a rule's name starts a rule, and not an expression such as `deny == x`. */
function isHead(rest: string): boolean {
  return /^\s*($|#|\[|\{|\(|\.|:=|=(?!=)|if\b|contains\b)/.test(rest);
}

function problemOfHead({ word, rest }: RegoLine): string | null {
  if (word === 'violation') return "`violation` is Gatekeeper's name and is not read here";
  if (/^\s+contains\b/.test(rest)) return null;
  if (/^\s*\[/.test(rest)) return `\`${word}[…]\` is the old form of a set and means an object now`;
  if (/^\s*\(/.test(rest)) return `${word} is a function here; it must be a set`;
  return `${word} is a single value here; it must be a set`;
}

function fileWord(path: string): string {
  const name = path.slice(path.lastIndexOf('/') + 1, -'.rego'.length);
  return name.replace(/[^A-Za-z0-9_]/g, '_');
}

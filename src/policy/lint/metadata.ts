import { isMap, isScalar, LineCounter, type Pair, parseDocument } from 'yaml';
import { suggest } from '../../domain/suggest.ts';
import { policyModes } from '../options.ts';
import type { PolicyProblem } from '../rules.ts';
import { scanRego } from '../scan.ts';

type Found = Omit<PolicyProblem, 'file'>;

/** https://www.openpolicyagent.org/docs/policy-language#annotations */
const opaKeys = ['scope', 'title', 'description', 'related_resources', 'authors', 'organizations', 'schemas', 'entrypoint', 'custom', 'compile'];
/** Those under `custom` that are read here; others are the author's own. */
const customKeys = ['id', 'severity', 'remediation', 'mode'];
const severities = ['critical', 'high', 'medium', 'low'];

interface Block {
  /** From 1: the line of the first line of YAML. */
  readonly line: number;
  readonly lines: readonly { readonly text: string; readonly indent: number }[];
  /** Whether it stands above the package. */
  readonly ofPackage: boolean;
}

/** Looks at the METADATA of a policy: whether there are any, and whether their keys and values are such as are read. */
export function lintMetadata(source: string): readonly Found[] {
  const lines = source.split('\n');
  const statements = scanRego(source);
  const declared = statements.find(({ word }) => word === 'package');
  const found: Found[] = [];
  for (const [i, line] of lines.entries()) {
    const word = /^\s*#\s*(metadata\b.*?)\s*$/i.exec(line)?.[1];
    if (word !== undefined && word !== 'METADATA' && /^metadata\s*:?$/i.test(word) && isComment(lines, i)) {
      found.push({
        line: i + 1,
        column: line.indexOf('#') + 1,
        message: `\`# ${word}\` is a comment like any other`,
        suggestion: 'write `# METADATA`',
        rule: 'metadata',
      });
    }
  }
  const blocks = blocksOf(lines, declared?.line ?? 0);
  const own = blocks.find(({ ofPackage }) => ofPackage);
  if (own === undefined && declared !== undefined && !found.some(({ line }) => line < declared.line)) {
    found.push({
      line: declared.line,
      column: declared.column,
      message: 'the policy has no METADATA, so its findings tell neither severity nor what to do',
      suggestion: 'write `# METADATA`, title, description, custom.severity and custom.remediation above the package',
      rule: 'metadata',
      advice: true,
    });
  }
  return [...found, ...blocks.flatMap(problemsOfBlock)];
}

/** Whether a line that looks like a comment is not inside of a raw string. */
function isComment(lines: readonly string[], index: number): boolean {
  return (lines.slice(0, index).join('\n').match(/`/g)?.length ?? 0) % 2 === 0;
}

function blocksOf(lines: readonly string[], packageLine: number): readonly Block[] {
  const blocks: Block[] = [];
  for (let i = 0; i < lines.length; i += 1) {
    if (!/^\s*#\s*METADATA\s*$/.test(lines[i] ?? '') || !isComment(lines, i)) continue;
    const start = i + 1;
    const kept: { text: string; indent: number }[] = [];
    while (/^\s*#/.test(lines[i + 1] ?? '')) {
      i += 1;
      const line = lines[i] ?? '';
      const indent = line.indexOf('#') + 1;
      kept.push({ text: line.slice(indent), indent });
    }
    const ofPackage = packageLine > i && lines.slice(i + 1, packageLine - 1).every((line) => line.trim() === '' || line.trimStart().startsWith('#'));
    blocks.push({ line: start + 1, lines: kept, ofPackage });
  }
  return blocks;
}

function problemsOfBlock(block: Block): readonly Found[] {
  const counter = new LineCounter();
  const document = parseDocument(block.lines.map(({ text }) => text).join('\n'), { lineCounter: counter, logLevel: 'silent' });
  const at = (offset: number): { line: number; column: number } => {
    const { line, col } = counter.linePos(offset);
    return { line: block.line + line - 1, column: col + (block.lines[line - 1]?.indent ?? 1) };
  };
  // YAML that can't be read is told by opa.
  if (document.errors.length > 0 || !isMap(document.contents)) return [];
  const found: Found[] = [];
  for (const pair of document.contents.items) found.push(...problemsOfKey(pair, at));
  return found;
}

function problemsOfKey(pair: Pair, at: (offset: number) => { line: number; column: number }): readonly Found[] {
  const key = scalarOf(pair.key);
  if (key === null) return [];
  if (key.text !== 'custom') {
    if (opaKeys.includes(key.text)) return [];
    const near = suggest(key.text, opaKeys);
    const own = customKeys.includes(key.text)
      ? `write it below \`custom:\``
      : near === null
        ? `what is your own belongs below \`custom:\``
        : `did you mean ${near}?`;
    return [{ ...at(key.offset), message: `METADATA have no key ${key.text}, so it is not read`, suggestion: own, rule: 'metadata' }];
  }
  if (!isMap(pair.value))
    return [{ ...at(key.offset), message: '`custom` of METADATA is no object', suggestion: 'write `custom:` and below it `severity: high`', rule: 'metadata' }];
  return pair.value.items.flatMap((item) => problemsOfCustom(item, at));
}

function problemsOfCustom(pair: Pair, at: (offset: number) => { line: number; column: number }): readonly Found[] {
  const key = scalarOf(pair.key);
  if (key === null) return [];
  const problem = (place: { offset: number }, message: string, suggestion: string | null, advice: boolean): Found[] => [
    { ...at(place.offset), message, rule: 'metadata', ...(suggestion === null ? {} : { suggestion }), ...(advice ? { advice } : {}) },
  ];
  if (!customKeys.includes(key.text)) {
    const near = suggest(key.text, customKeys);
    return near === null ? [] : problem(key, `custom.${key.text} is not read`, `did you mean ${near}?`, true);
  }
  const value = scalarOf(pair.value);
  if (value === null || (key.text !== 'mode' && !value.isText)) return problem(value ?? key, `custom.${key.text} must be a text`, null, false);
  if (key.text === 'mode' && !policyModes.some((mode) => mode === value.text)) {
    const near = suggest(value.text, policyModes);
    const message = `custom.mode must be one of ${policyModes.join(', ')}`;
    return problem(value, message, near === null ? null : `did you mean ${near}?`, false);
  }
  if (key.text === 'severity' && !severities.includes(value.text.toLowerCase())) {
    return problem(value, `custom.severity is one of ${severities.join(', ')} wherever findings are sorted by it`, null, true);
  }
  return [];
}

function scalarOf(node: unknown): { readonly text: string; readonly isText: boolean; readonly offset: number } | null {
  if (!isScalar(node)) return null;
  return { text: String(node.value), isText: typeof node.value === 'string', offset: node.range?.[0] ?? 0 };
}

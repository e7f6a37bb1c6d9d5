import { type Document, isAlias, isMap, isNode, isPair, isScalar, isSeq, LineCounter, parseAllDocuments, visit, type YAMLError } from 'yaml';
import { safeText } from '../domain/text.ts';
import type { Path } from './fault.ts';

export interface Position {
  /** Both count from 1. */
  readonly line: number;
  readonly column: number;
}

/** One YAML (or JSON) document: its value, and where each part of it stands. */
export interface YamlDocument {
  readonly value: unknown;
  /** Position of the value at a path; of the nearest part around it that is there. */
  locate(path: Path): Position;
  /** Position of the key that ends a path, rather than of its value. */
  locateKey(path: Path): Position;
}

export interface YamlFault extends Position {
  readonly message: string;
}

export interface YamlRules {
  /** Documents in one text. */
  readonly documents: number;
  /** Whether `<<` merges, as Kubernetes' own reader has it. */
  readonly merge: boolean;
}

const mostAliases = 100;
const mostNodes = 500_000;
const deepest = 64;
const mostFaults = 20;

/**
 * Reads YAML 1.2 (https://yaml.org/spec/1.2.2/), of which JSON is a part. Bounded in depth, nodes and aliases: an alias is allowed, a
 * billion laughs are not. Never throws; the caller bounds the text's size.
 */
export function readYaml(text: string, rules: YamlRules): { readonly documents: readonly YamlDocument[]; readonly faults: readonly YamlFault[] } {
  const counter = new LineCounter();
  const at = (offset: number): Position => {
    const { line, col } = counter.linePos(Math.max(0, offset));
    return { line: Math.max(1, line), column: Math.max(1, col) };
  };
  let parsed: Document[];
  try {
    // Custom tags are off: a tag that nobody knows is a warning, and every warning is a fault here.
    const all = parseAllDocuments(text, {
      lineCounter: counter,
      prettyErrors: false,
      stringKeys: true,
      resolveKnownTags: false,
      merge: rules.merge,
      version: '1.2',
    });
    parsed = Array.isArray(all) ? [...all] : [];
  } catch {
    return { documents: [], faults: [{ message: 'the YAML can not be read', line: 1, column: 1 }] };
  }
  if (parsed.length > rules.documents) {
    const start = parsed[rules.documents]?.range?.[0] ?? 0;
    return { documents: [], faults: [{ message: `there are more than ${rules.documents} documents`, ...at(start) }] };
  }
  const documents: YamlDocument[] = [];
  const faults: YamlFault[] = [];
  for (const document of parsed) {
    const found = documentFaults(document, at);
    if (found.length > 0) {
      faults.push(...found);
      continue;
    }
    try {
      documents.push({
        value: document.toJS({ maxAliasCount: mostAliases }),
        locate: (path) => at(offsetOf(document, path, false)),
        locateKey: (path) => at(offsetOf(document, path, true)),
      });
    } catch {
      faults.push({ message: 'the aliases can not be resolved, or unfold to too much', ...at(document.range?.[0] ?? 0) });
    }
  }
  return { documents, faults: faults.slice(0, mostFaults) };
}

function documentFaults(document: Document, at: (offset: number) => Position): YamlFault[] {
  const faults: YamlFault[] = [];
  const add = (message: string, offset: number): void => {
    faults.push({ message, ...at(offset) });
  };
  for (const problem of [...document.errors, ...document.warnings]) {
    add(problem.code === 'DUPLICATE_KEY' ? twiceWords(document, problem.pos[0], at) : problemWords(problem), problem.pos[0]);
    if (problem.code === 'RESOURCE_EXHAUSTION') break;
  }
  // A 1.1 directive would change what plain words mean (`no` is false there).
  if (document.directives?.yaml.explicit === true && document.directives.yaml.version !== '1.2') add('only YAML 1.2 is read here', document.range?.[0] ?? 0);
  if (faults.length > 0) return faults;
  let nodes = 0;
  visit(document, (_key, node, ancestors) => {
    nodes += 1;
    const offset = isNode(node) ? (node.range?.[0] ?? 0) : 0;
    // Ancestors count the pairs too: about two for each level.
    if (ancestors.length > 2 * deepest || nodes > mostNodes) {
      add(nodes > mostNodes ? 'there is too much in this document' : `nested more than ${deepest} deep`, offset);
      return visit.BREAK;
    }
    if (isPair(node) && isScalar(node.key) && node.key.value === '__proto__') add('a key can not be named __proto__', node.key.range?.[0] ?? 0);
    if (isAlias(node) && node.resolve(document) === undefined) add('the alias has no anchor before it', offset);
    return undefined;
  });
  return faults;
}

function problemWords(problem: YAMLError): string {
  if (problem.code === 'RESOURCE_EXHAUSTION') return 'nested too deep';
  if (problem.code === 'TAG_RESOLVE_FAILED') return 'the tag is not known';
  const words = problem.message.split('\n')[0] ?? problem.code;
  return words.length > 200 ? problem.code : words;
}

/** Names the key that is at an offset, and where the same mapping has it first. */
function twiceWords(document: Document, offset: number, at: (offset: number) => Position): string {
  let words = 'the key is there twice';
  visit(document, {
    Map(_key, map) {
      const starts = map.items.flatMap(({ key }) => (isScalar(key) ? [{ name: String(key.value), start: key.range?.[0] ?? 0 }] : []));
      const second = starts.find(({ start }) => start === offset);
      if (second === undefined) return undefined;
      const first = starts.find(({ name }) => name === second.name);
      words = `the key ${safeText(second.name, 60)} is there twice; it is first on line ${at(first?.start ?? 0).line}`;
      return visit.BREAK;
    },
  });
  return words;
}

function offsetOf(document: Document, path: Path, key: boolean): number {
  let node: unknown = document.contents;
  let offset = isNode(node) ? (node.range?.[0] ?? 0) : (document.range?.[0] ?? 0);
  for (const [i, step] of path.entries()) {
    if (isAlias(node)) node = node.resolve(document);
    if (isMap(node)) {
      const pair = node.items.find((item) => isScalar(item.key) && String(item.key.value) === String(step));
      if (pair === undefined) return offset;
      const last = i === path.length - 1;
      const start = isNode(pair.key) ? pair.key.range?.[0] : undefined;
      node = pair.value;
      // A collection begins on a later line than the key that people look for.
      offset = (key && last) || !isScalar(node) ? (start ?? offset) : (node.range?.[0] ?? start ?? offset);
    } else if (isSeq(node) && typeof step === 'number') {
      node = node.items[step];
      if (!isNode(node)) return offset;
      offset = node.range?.[0] ?? offset;
    } else {
      return offset;
    }
  }
  return offset;
}

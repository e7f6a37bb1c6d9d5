import { crossCheck } from './crossChecks.ts';
import { explain, type Problem } from './explain.ts';
import { type ConfigFault, formatPath, type Path } from './fault.ts';
import { apiVersion, configSchema, kind, type Settings } from './schema/index.ts';
import { type Position, readYaml } from './yaml.ts';

/** A configuration read from its text, and where each part of it stands. */
export interface ParsedConfig {
  /** null when there are faults. */
  readonly settings: Settings | null;
  /** In the order of their lines. */
  readonly faults: readonly ConfigFault[];
  /** The document as written; undefined when it can't be read. */
  readonly document: unknown;
  locate(path: Path): Position;
}

const mostFaults = 200;
const start: Position = { line: 1, column: 1 };

/**
 * Reads the text of a configuration file and names every fault in it.
 *
 * @param file how the file is called in faults
 */
export function parseConfig(text: string, file: string): ParsedConfig {
  const { documents, faults } = readYaml(text, { documents: 1, merge: false });
  const document = documents[0];
  if (faults.length > 0 || document === undefined || document.value === null) {
    const empty = { message: `the file is empty; it begins with apiVersion: ${apiVersion} and kind: ${kind}`, ...start };
    const found = (faults.length > 0 ? faults : [empty]).map(({ message, line, column }) => ({ path: '', message, file, line, column }));
    return { settings: null, faults: found, document: undefined, locate: () => start };
  }
  const { value, locate } = document;
  const parsed = configSchema.safeParse(value);
  const problems = [...(parsed.error?.issues ?? []).flatMap((issue) => explain(issue, value)), ...crossCheck(value)];
  if (parsed.success && problems.length === 0) {
    const { apiVersion: _, kind: __, ...settings } = parsed.data;
    return { settings, faults: [], document: value, locate };
  }
  const located = problems.slice(0, mostFaults).map((problem) => toFault(problem, file, problem.key ? document.locateKey(problem.path) : locate(problem.path)));
  return { settings: null, faults: inOrder(located), document: value, locate };
}

/** Each fault once, by line. */
export function inOrder(faults: readonly ConfigFault[]): ConfigFault[] {
  const once = new Map(faults.map((fault) => [`${fault.path}\0${fault.message}`, fault]));
  return [...once.values()].sort((a, b) => (a.line ?? 0) - (b.line ?? 0) || (a.column ?? 0) - (b.column ?? 0));
}

/** The settings of a program that has no configuration file. */
export function defaultSettings(): Settings {
  const { apiVersion: _, kind: __, ...settings } = configSchema.parse({ apiVersion, kind });
  return settings;
}

function toFault(problem: Problem, file: string, position: Position): ConfigFault {
  return { path: formatPath(problem.path), message: problem.message, file, line: position.line, column: position.column };
}

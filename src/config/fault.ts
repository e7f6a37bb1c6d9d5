import { safeText } from '../domain/text.ts';

/** One thing wrong with a configuration, and where: people fix it by its line, programs find it by its path. */
export interface ConfigFault {
  /** YAML path such as `signers[0].keyFile`; empty for the document itself. */
  readonly path: string;
  /** One sentence; never holds a value that may be a secret. */
  readonly message: string;
  /** The file as it was named; null for the defaults. */
  readonly file: string | null;
  /** Both count from 1; null where there is no position, as with a file that can't be read. */
  readonly line: number | null;
  readonly column: number | null;
}

/** `file:line:column: path: message`, the form that editors make clickable. */
export function formatConfigFault(fault: ConfigFault): string {
  const place = [fault.file === null ? null : safeText(fault.file), fault.line, fault.line === null ? null : fault.column]
    .filter((part) => part !== null)
    .join(':');
  return [place, fault.path, fault.message].filter((part) => part !== '').join(': ');
}

/** Steps into a document: names of keys and numbers of list entries. */
export type Path = readonly (string | number)[];

/** Writes a path the way people do: `mirrors[0].targets[1].location`. */
export function formatPath(path: Path): string {
  let out = '';
  for (const step of path) {
    if (typeof step === 'number') out += `[${step}]`;
    else if (/^[A-Za-z_][\w-]*$/.test(step)) out += out === '' ? step : `.${step}`;
    else out += `["${safeText(step, 80)}"]`;
  }
  return out;
}

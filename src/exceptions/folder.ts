import { readdir, readFile, stat } from 'node:fs/promises';
import { join } from 'node:path';
import { safeText } from '../domain/text.ts';
import { type ExceptionTimes, type Held, holdFile } from './held.ts';
import type { ExceptionSource } from './source.ts';

/** A folder's path, and what is needed of the world to read it. */
export interface FolderParts {
  readonly path: string;
  readonly times: ExceptionTimes;
  /** The objects of a YAML or JSON text, bounded; or why it can't be read. */
  parse(text: string): { readonly objects: readonly unknown[]; readonly faults: readonly string[] };
  /** Tells when something in the folder may have changed. */
  watch(path: string, changed: () => void): { close(): void };
}

const mostFiles = 1_000;
const longestFile = 256 * 1024;
const mostObjects = 5_000;

/** Exceptions in the files of a folder, kept up to date until it is closed. */
export async function openExceptionFolder(parts: FolderParts): Promise<ExceptionSource> {
  let held: readonly Held[] = [];
  let stale: string | null = null;
  let shown = '';
  let closed = false;
  let reading: Promise<void> | null = null;
  let again = false;
  const listeners = new Set<() => void>();

  const readOnce = async (): Promise<void> => {
    const found = await readFolder(parts);
    if (closed) return;
    // What was there is still known while the folder can't be looked at; a folder that is gone has none.
    if (typeof found === 'string') stale = found;
    else {
      held = found;
      stale = null;
    }
    const text = JSON.stringify([held, stale]);
    if (text === shown) return;
    shown = text;
    for (const tell of listeners) tell();
  };
  const read = (): Promise<void> => {
    again = reading !== null;
    reading ??= (async () => {
      do {
        again = false;
        await readOnce();
      } while (again && !closed);
    })().finally(() => {
      reading = null;
    });
    return reading;
  };

  const watch = parts.watch(parts.path, () => void read());
  await read();
  return {
    get held() {
      return held;
    },
    get stale() {
      return stale;
    },
    onChange: (listener) => void listeners.add(listener),
    close() {
      closed = true;
      watch.close();
      listeners.clear();
    },
  };
}

/** All that the folder holds, or why it can't be looked at. */
async function readFolder({ path, times, parse }: FolderParts): Promise<readonly Held[] | string> {
  let names: readonly string[];
  try {
    names = (await readdir(path)).filter((name) => /\.(ya?ml|json)$/.test(name) && !name.startsWith('.')).sort();
  } catch (error) {
    return codeOf(error) === 'ENOENT' ? [] : `the folder of exceptions can not be read (${codeOf(error)})`;
  }
  if (names.length > mostFiles) return `the folder of exceptions has more than ${mostFiles} files`;
  const held: Held[] = [];
  for (const name of names) {
    const label = safeText(name, 255);
    const text = await readText(join(path, name));
    if (text === null) continue;
    if ('fault' in text) {
      held.push({ state: 'void', label, reason: text.fault });
      continue;
    }
    const { objects, faults } = parse(text.text);
    held.push(...faults.map((reason): Held => ({ state: 'void', label, reason })), ...objects.map((object) => holdFile(object, name, times)));
    if (held.length > mostObjects) return `the folder of exceptions has more than ${mostObjects} objects`;
  }
  return voidTwins(held);
}

/** Two of one name: nobody knows which is meant. */
function voidTwins(held: readonly Held[]): readonly Held[] {
  const times = new Map<string, number>();
  for (const { state, label } of held) if (state === 'usable') times.set(label, (times.get(label) ?? 0) + 1);
  return held.map((each) =>
    each.state === 'usable' && (times.get(each.label) ?? 0) > 1
      ? { state: 'void', label: each.label, reason: 'another one in the folder has the same name' }
      : each,
  );
}

/** null when it is gone by now, or is no file. */
async function readText(path: string): Promise<{ readonly text: string } | { readonly fault: string } | null> {
  try {
    const found = await stat(path);
    if (!found.isFile()) return null;
    if (found.size > longestFile) return { fault: `it is larger than ${longestFile} bytes` };
    const bytes = await readFile(path);
    if (bytes.length > longestFile) return { fault: `it is larger than ${longestFile} bytes` };
    return { text: new TextDecoder('utf-8', { fatal: true }).decode(bytes) };
  } catch (error) {
    if (codeOf(error) === 'ENOENT') return null;
    return { fault: error instanceof TypeError ? 'it is not UTF-8 text' : `it can not be read (${codeOf(error)})` };
  }
}

function codeOf(error: unknown): string {
  return error instanceof Error && 'code' in error && typeof error.code === 'string' ? error.code : 'unknown error';
}

/** The exceptions of a configuration: out of a folder, out of the cluster. */
import type { LoadedConfig } from './config/index.ts';
import { readYaml } from './config/yaml.ts';
import { property } from './domain/json.ts';
import type { Log } from './domain/log.ts';
import { createExceptionRoom, type ExceptionRoom, type ExceptionSource, type FolderParts, openExceptionFolder } from './exceptions/index.ts';
import { FolderWatch } from './policy/watch.ts';

export interface ExceptionNeeds {
  readonly log: Log;
}

/** Opens every source of exceptions that the configuration names. */
export async function openExceptions(config: LoadedConfig, { log }: ExceptionNeeds): Promise<ExceptionRoom> {
  const { exceptions } = config.settings;
  const sources: ExceptionSource[] = [];
  if (exceptions === null) return createExceptionRoom(sources, log);
  const times = { longest: exceptions.longest, warnBefore: exceptions.warnBefore };
  if (exceptions.directory !== null) sources.push(await openExceptionFolder({ path: config.resolvePath(exceptions.directory), times, parse, watch }));
  return createExceptionRoom(sources, log);
}

/** Objects in one file. */
const mostDocuments = 1_000;

const parse: FolderParts['parse'] = (text) => {
  const { documents, faults } = readYaml(text, { documents: mostDocuments, merge: true });
  const values = documents.map(({ value }) => value).filter((value) => value !== null && value !== undefined);
  const objects = values.flatMap((value): readonly unknown[] => {
    const items = property(value, 'items');
    return property(value, 'kind') === 'List' && Array.isArray(items) ? items : [value];
  });
  return { objects, faults: faults.map(({ message, line, column }) => `${line}:${column}: ${message}`) };
};

/** Milliseconds: an editor writes in several steps, and mounted volumes tell nothing. */
const watching = { settle: 50, poll: 1_000 };

const watch: FolderParts['watch'] = (path, changed) => {
  const watcher = new FolderWatch(changed, watching);
  watcher.follow([path]);
  return watcher;
};

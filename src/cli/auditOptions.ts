import { type Command, Option } from 'commander';
import { filterParameters, parseFilter, type RecordFilter } from '../domain/auditFilter.ts';
import type { RecordQuery } from '../domain/auditReader.ts';
import { safeText } from '../domain/text.ts';
import { complain, type Io } from './io.ts';

/** How a parameter of the filter is written as an option, where that is not its own name. */
const names: Readonly<Record<string, string>> = { from: 'since', to: 'until', q: 'search' };

/** What an option is about. In the order in which help shows them. */
const about: Readonly<Record<string, string>> = {
  from: 'from then on: 24h, 7d, 2026-11-24, 2026-11-24T20:00:00Z',
  to: 'before then',
  class: 'allow, warn, deny, or fault: denied for what could not be looked at (repeatable)',
  namespace: 'namespace, or a glob such as dev-* (repeatable)',
  image: 'glob of registry/repository[:tag], such as docker.io/library/*',
  digest: 'of an image or one of its platforms; the beginning will do',
  cve: 'a vulnerability that a finding names',
  policy: 'policy that had something to say',
  code: 'fault code, such as REGISTRY_UNAVAILABLE (repeatable)',
  signer: 'signer that vouched for an image',
  user: 'who asked',
  owner: 'name of the owner, such as a ReplicaSet',
  ownerKind: 'kind of the owner',
  kind: 'kind of the object, such as Pod',
  name: 'name or generateName of the object',
  q: "words that all occur: 'nginx crit*'",
  decision: 'what facts and policies said: allow or deny',
  answered: 'what went back: allow or deny',
  exception: 'exception that was used; * for any',
  breakglass: 'breakglass was used',
  lastKnownGood: 'evidence was used whose source could not be reached',
  differs: 'the candidate policies would have decided otherwise',
  acknowledged: 'somebody has looked at it; false: nobody has',
  revision: 'revision of the policies',
  replica: 'which replica decided',
  id: 'the beginning of an id',
};

const flags: ReadonlySet<string> = new Set(['breakglass', 'lastKnownGood', 'differs', 'acknowledged']);

function optionName(parameter: string): string {
  return names[parameter] ?? parameter.replaceAll(/[A-Z]/g, (letter) => `-${letter.toLowerCase()}`);
}

/** Adds an option for each parameter of the filter, and `--denied`. */
export function addFilterOptions(command: Command): Command {
  const collect = (value: string, before: readonly string[] | undefined): readonly string[] => [...(before ?? []), value];
  command.addOption(new Option('--denied', 'only what was denied'));
  for (const [parameter, text] of Object.entries(about)) {
    const name = optionName(parameter);
    command.addOption(
      flags.has(parameter)
        ? new Option(`--${name} [true|false]`, text).preset('true')
        : new Option(`--${name} <${valueName(parameter)}>`, text).argParser(collect),
    );
  }
  return command;
}

function valueName(parameter: string): string {
  return ['from', 'to'].includes(parameter) ? 'time' : parameter === 'q' ? 'words' : 'text';
}

/** The filter that options make, or null when a value is not of its form: then stderr says which. */
export function filterFrom(io: Io, options: Readonly<Record<string, unknown>>, now: number): RecordFilter | null {
  const entries = Object.keys(filterParameters).flatMap((parameter) => {
    const given = options[names[parameter] ?? parameter];
    const values: readonly unknown[] = Array.isArray(given) ? given : given === undefined ? [] : [given];
    return values.map((value) => [parameter, String(value)] as const);
  });
  if (options['denied'] === true && options['answered'] === undefined) entries.push(['answered', 'deny']);
  const parsed = parseFilter(entries, now);
  if (parsed.ok) return parsed.filter;
  for (const { parameter, message } of parsed.faults) complain(io, `--${safeText(optionName(parameter))} ${message}`);
  return null;
}

/** Whoever may read the store may read all of it: the operating system, or the database, has decided. */
export function everything(filter: RecordFilter): RecordQuery {
  return { filter, visible: 'all' };
}

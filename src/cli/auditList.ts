import { InvalidArgumentError, Option } from 'commander';
import type { CollapsedRow, Page, RecordRow } from '../domain/auditReader.ts';
import { addFilterOptions, everything, filterFrom } from './auditOptions.ts';
import { openDesk } from './desk.ts';
import { complain, exitCodes, painter, printLine } from './io.ts';
import { safeJson } from './output/json.ts';
import { recordsText } from './output/records.ts';
import { type AddCommand, configOption, examples, type Session } from './session.ts';

interface ListOptions extends Readonly<Record<string, unknown>> {
  readonly config?: string;
  readonly output: 'text' | 'json';
  readonly limit: number;
  readonly after?: string;
  readonly collapse: boolean;
}

/** `tidewaiter audit list` */
export const addAuditList: AddCommand = (audit, session) => {
  const command = audit
    .command('list')
    .summary('list records, newest first')
    .description('Lists records, the newest first. What one owner tried again and again on one day is one entry, with how often and since when.')
    .addOption(configOption())
    .addOption(new Option('-o, --output <form>', 'how to write it').choices(['text', 'json']).default('text'))
    .addOption(new Option('-l, --limit <count>', 'entries at most, 1 to 500').default(30).argParser(parseLimit))
    .addOption(new Option('--after <cursor>', 'go on where a list ended: `next` of its JSON'))
    .addOption(new Option('--no-collapse', 'every record by itself'));
  addFilterOptions(command)
    .addHelpText(
      'after',
      `${examples(
        ['tidewaiter audit list --denied --since 24h', 'what was denied since yesterday'],
        ['tidewaiter audit list --cve CVE-2024-3094 --namespace shop', 'who was stopped for a vulnerability'],
        ["tidewaiter audit list --image 'docker.io/library/*' --class warn --class fault", 'what only passed with a warning, or could not be looked at'],
      )}\nExit code: 0 listed, also when nothing matches; 2 wrong usage, or the store could not be read.\n`,
    )
    .action(session.does((options: ListOptions) => list(session, options)));
};

function parseLimit(text: string): number {
  const limit = Number(text);
  if (/^\d{1,3}$/.test(text) && limit >= 1 && limit <= 500) return limit;
  throw new InvalidArgumentError('It must be a number from 1 to 500.');
}

async function list({ io, parts }: Session, options: ListOptions): Promise<number> {
  const filter = filterFrom(io, options, Date.now());
  if (filter === null) return exitCodes.unable;
  const desk = await openDesk(io, parts, options);
  if (desk === null) return exitCodes.unable;
  const { signal } = new AbortController();
  try {
    const reader = await desk.app.audit();
    if (!reader.ok) {
      complain(io, reader.fault);
      return exitCodes.unable;
    }
    const page = { limit: options.limit, ...(options.after === undefined ? {} : { after: options.after }) };
    const { collapse, list: each } = reader.value;
    const found = options.collapse ? await collapse(everything(filter), page, signal) : await each(everything(filter), page, signal);
    await reader.value.close();
    if (!found.ok) {
      complain(io, found.fault);
      return exitCodes.unable;
    }
    const rows: Page<RecordRow | CollapsedRow> = found.value;
    if (options.output === 'json') printLine(io.stdout, safeJson({ version: 1, records: rows.rows, next: rows.next }));
    else printLine(io.stdout, recordsText(rows, painter(io), io.stdout.columns));
    return exitCodes.good;
  } finally {
    await desk.app.close();
  }
}

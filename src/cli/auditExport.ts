import { once } from 'node:events';
import { Option } from 'commander';
import { stringify } from 'csv-stringify/sync';
import type { RecordRow } from '../domain/auditReader.ts';
import { addFilterOptions, everything, filterFrom } from './auditOptions.ts';
import { openDesk } from './desk.ts';
import { complain, exitCodes, type Io } from './io.ts';
import { type AddCommand, configOption, examples, type Session } from './session.ts';

interface ExportOptions extends Readonly<Record<string, unknown>> {
  readonly config?: string;
  readonly form: 'jsonl' | 'csv';
  readonly order: 'oldest' | 'newest';
}

/** `tidewaiter audit export` */
export const addAuditExport: AddCommand = (audit, session) => {
  const command = audit
    .command('export')
    .summary('write records as JSON Lines or CSV')
    .description('Writes every record that matches: as JSON Lines, byte for byte as it was recorded, or as CSV whose cells no spreadsheet takes for formulas.')
    .addOption(configOption())
    .addOption(new Option('-f, --form <form>', 'how to write them').choices(['jsonl', 'csv']).default('jsonl'))
    .addOption(new Option('--order <order>', 'which comes first').choices(['oldest', 'newest']).default('oldest'));
  addFilterOptions(command)
    .addHelpText(
      'after',
      `${examples(
        ['tidewaiter audit export --since 30d | gzip > audit.jsonl.gz', 'all of a month'],
        ['tidewaiter audit export --denied --since 7d --form csv > denied.csv', 'for a spreadsheet'],
      )}\nExit code: 0 all was written; 2 wrong usage, or the store could not be read to its end.\n`,
    )
    .action(session.does((options: ExportOptions) => exportRecords(session, options)));
};

const columns = [
  'time',
  'answered',
  'decision',
  'mode',
  'class',
  'namespace',
  'kind',
  'name',
  'owner',
  'user',
  'images',
  'digests',
  'signers',
  'policy',
  'reason',
  'codes',
  'exceptions',
  'breakglass',
  'lastKnownGood',
  'acknowledgedBy',
  'id',
  'hash',
] as const;

async function exportRecords({ io, parts }: Session, options: ExportOptions): Promise<number> {
  const filter = filterFrom(io, options, Date.now());
  if (filter === null) return exitCodes.unable;
  const desk = await openDesk(io, parts, options);
  if (desk === null) return exitCodes.unable;
  // Whoever reads may leave before the end.
  const gone = new AbortController();
  io.stdout.once('error', () => gone.abort());
  io.stdout.once('close', () => gone.abort());
  try {
    const reader = await desk.app.audit();
    if (!reader.ok) {
      complain(io, reader.fault);
      return exitCodes.unable;
    }
    if (options.form === 'csv') await write(io, gone.signal, csv([...columns]));
    try {
      for await (const record of reader.value.records(everything(filter), options.order, gone.signal)) {
        if (!record.ok) {
          complain(io, record.fault);
          return exitCodes.unable;
        }
        await write(io, gone.signal, options.form === 'csv' ? csv(cellsOf(record.value.row)) : `${record.value.line}\n`);
      }
    } catch (cause) {
      if (!gone.signal.aborted) throw cause;
    } finally {
      await reader.value.close();
    }
    return exitCodes.good;
  } finally {
    await desk.app.close();
  }
}

/** Cells that a spreadsheet would take for a formula get a quote before them. RFC 4180 line ends. */
function csv(cells: readonly string[]): string {
  return stringify([[...cells]], { escape_formulas: true, record_delimiter: 'windows' });
}

function cellsOf(row: RecordRow): string[] {
  const cells: Record<(typeof columns)[number], string> = {
    time: new Date(row.time).toISOString(),
    answered: row.answered,
    decision: row.decision,
    mode: row.mode,
    class: row.class,
    namespace: row.namespace,
    kind: row.kind,
    name: row.name ?? '',
    owner: row.owner === null ? '' : `${row.owner.kind}/${row.owner.name}`,
    user: row.user,
    images: row.images.map(({ image, written }) => image ?? written).join(' '),
    digests: row.images
      .map(({ digest }) => digest ?? '')
      .join(' ')
      .trim(),
    signers: [...new Set(row.images.flatMap(({ signers }) => signers))].join(' '),
    policy: row.reason?.policy ?? '',
    reason: row.reason?.msg ?? '',
    codes: row.codes.join(' '),
    exceptions: row.exceptions.join(' '),
    breakglass: String(row.breakglass),
    lastKnownGood: String(row.lastKnownGood),
    acknowledgedBy: row.acknowledged?.by ?? '',
    id: row.id,
    hash: row.hash,
  };
  return columns.map((column) => cells[column]);
}

/** As fast as it is read. */
async function write(io: Io, gone: AbortSignal, text: string): Promise<void> {
  gone.throwIfAborted();
  if (!io.stdout.write(text)) await once(io.stdout, 'drain', { signal: gone });
}

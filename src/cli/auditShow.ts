import { Option } from 'commander';
import type { ShownRecord } from '../domain/auditReader.ts';
import { openDesk } from './desk.ts';
import { complain, exitCodes, painter, printLine } from './io.ts';
import { safeJson } from './output/json.ts';
import { recordText } from './output/record.ts';
import { type AddCommand, configOption, examples, type Session } from './session.ts';

interface ShowOptions {
  readonly config?: string;
  readonly output: 'text' | 'json' | 'raw';
}

/** `tidewaiter audit show ID` */
export const addAuditShow: AddCommand = (audit, session) => {
  audit
    .command('show')
    .summary('explain one record')
    .description(
      "Explains one record: each image's way from what was written to what was admitted, who vouched for it, what was found, what decided, and what to do.",
    )
    .argument('<id>', 'id of the record, as a denial ends with it; its beginning will do where only one has it')
    .addOption(configOption())
    .addOption(new Option('-o, --output <form>', 'how to write it; raw: the line that the hash is of').choices(['text', 'json', 'raw']).default('text'))
    .addHelpText(
      'after',
      `${examples(
        ['tidewaiter audit show 01KB2T5X8N', 'for people'],
        ['tidewaiter audit show --output json 01KB2T5X8N | jq .contents', 'with the findings and predicates that it refers to'],
      )}\nExit code: 0 shown; 1 there is no such record; 2 wrong usage, or the store could not be read.\n`,
    )
    .action(session.does((id: string, options: ShowOptions) => show(session, id, options)));
};

async function show({ io, parts }: Session, id: string, options: ShowOptions): Promise<number> {
  const desk = await openDesk(io, parts, options);
  if (desk === null) return exitCodes.unable;
  const { signal } = new AbortController();
  try {
    const reader = await desk.app.audit();
    if (!reader.ok) {
      complain(io, reader.fault);
      return exitCodes.unable;
    }
    // People copy it in any case, with what stands around it.
    const found = await reader.value.show(id.trim().toUpperCase(), 'all', signal);
    await reader.value.close();
    if (!found.ok) {
      complain(io, found.fault);
      return exitCodes.unable;
    }
    if (found.value === null) {
      complain(io, 'there is no record with this id: it may have been removed for its age, or not have reached the store yet');
      return exitCodes.wrong;
    }
    if (options.output === 'raw') printLine(io.stdout, found.value.line);
    else if (options.output === 'json') printLine(io.stdout, safeJson({ version: 1, ...wholeOf(found.value) }));
    else printLine(io.stdout, recordText(found.value, painter(io)));
    return exitCodes.good;
  } finally {
    await desk.app.close();
  }
}

function wholeOf({ contents, line, row }: ShownRecord): object {
  const parse = (text: string): unknown => JSON.parse(text);
  return { record: parse(line), acknowledged: row.acknowledged, contents: Object.fromEntries([...contents].map(([sha256, text]) => [sha256, parse(text)])) };
}

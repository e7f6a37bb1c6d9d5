import { Option } from 'commander';
import { parseFilter } from '../domain/auditFilter.ts';
import type { Hold } from '../domain/auditReader.ts';
import { safeText } from '../domain/text.ts';
import { openDesk } from './desk.ts';
import { complain, exitCodes, type Io, printLine } from './io.ts';
import { safeJson } from './output/json.ts';
import { time } from './output/records.ts';
import { type AddCommand, configOption, examples, type Session } from './session.ts';

interface HoldOptions {
  readonly config?: string;
  readonly output: 'text' | 'json';
  readonly since?: string;
  readonly until?: string;
  readonly reason?: string;
  readonly release: boolean;
}

/** `tidewaiter audit hold [NAME]` */
export const addAuditHold: AddCommand = (audit, session) => {
  audit
    .command('hold')
    .summary('keep the records of a time, whatever the retention says')
    .description('Places a legal hold: the records of a time are kept, however old they become, until it is released. Without a name, lists the holds.')
    .argument('[name]', 'name of the hold')
    .addOption(configOption())
    .addOption(new Option('-o, --output <form>', 'how to write it').choices(['text', 'json']).default('text'))
    .addOption(new Option('--since <time>', 'from then on: 30d, 2026-11-24; else from the first record'))
    .addOption(new Option('--until <time>', 'before then; else also what is yet to come'))
    .addOption(new Option('--reason <text>', 'why; needed to place one'))
    .addOption(new Option('--release', 'let go of it').default(false))
    .addHelpText(
      'after',
      `${examples(
        ["tidewaiter audit hold case-17 --since 2026-11-01 --until 2026-12-01 --reason 'incident of November'", 'keep a month'],
        ['tidewaiter audit hold', 'which are there'],
        ['tidewaiter audit hold case-17 --release', 'no longer'],
      )}\nExit code: 0 done; 1 there is no such hold, or there is one already; 2 wrong usage, or the store could not be used.\n`,
    )
    .action(session.does((name: string | undefined, options: HoldOptions) => hold(session, name, options)));
};

async function hold({ io, parts }: Session, name: string | undefined, options: HoldOptions): Promise<number> {
  const asked = name === undefined ? null : holdFrom(io, name, options);
  if (name !== undefined && asked === null) return exitCodes.unable;
  const desk = await openDesk(io, parts, options);
  if (desk === null) return exitCodes.unable;
  try {
    const holds = await desk.app.holds();
    if (!holds.ok) {
      complain(io, holds.fault);
      return exitCodes.unable;
    }
    try {
      if (asked === null) {
        const found = await holds.value.list();
        if (!found.ok) complain(io, found.fault);
        else if (options.output === 'json') printLine(io.stdout, safeJson({ version: 1, holds: found.value }));
        else printLine(io.stdout, found.value.length === 0 ? 'There is no hold.' : found.value.map(holdText).join('\n'));
        return found.ok ? exitCodes.good : exitCodes.unable;
      }
      const done = options.release ? await holds.value.release(asked.name) : await holds.value.place(asked);
      if (!done.ok) {
        complain(io, done.fault);
        return exitCodes.unable;
      }
      if (!done.value) complain(io, options.release ? `there is no hold ${asked.name}` : `there is a hold ${asked.name} already`);
      else printLine(io.stdout, options.release ? `The hold ${asked.name} is released.` : `Held: ${holdText(asked)}`);
      return done.value ? exitCodes.good : exitCodes.wrong;
    } finally {
      await holds.value.close();
    }
  } finally {
    await desk.app.close();
  }
}

function holdFrom(io: Io, name: string, { reason, release, since, until }: HoldOptions): Hold | null {
  if (!/^[a-z0-9][a-z0-9._-]{0,62}$/.test(name)) {
    complain(io, 'the name of a hold has lower-case letters, digits, dots and dashes, at most 63');
    return null;
  }
  if (!release && (reason === undefined || reason.trim() === '')) {
    complain(io, 'say with --reason why the records are held');
    return null;
  }
  const now = Date.now();
  const times = [...(since === undefined ? [] : [['from', since] as const]), ...(until === undefined ? [] : [['to', until] as const])];
  const parsed = parseFilter(times, now);
  if (!parsed.ok) {
    for (const { parameter, message } of parsed.faults) complain(io, `--${parameter === 'from' ? 'since' : 'until'} ${message}`);
    return null;
  }
  const by = io.env['SUDO_USER'] ?? io.env['USER'] ?? 'unknown';
  return { name, from: parsed.filter.from ?? null, to: parsed.filter.to ?? null, reason: (reason ?? '').slice(0, 1000), by: by.slice(0, 200), time: now };
}

function holdText({ by, from, name, reason, time: placed, to }: Hold): string {
  const span = `${from === null ? 'the first record' : time(from)} to ${to === null ? 'whatever comes' : time(to)}`;
  return `${name}: ${span}; by ${safeText(by)} on ${time(placed)}: ${safeText(reason)}`;
}

import { Option } from 'commander';
import { openDesk } from './desk.ts';
import { complain, exitCodes, printLine } from './io.ts';
import { type AddCommand, configOption, examples, type Session } from './session.ts';

interface KeyOptions {
  readonly config?: string;
  readonly rotate?: boolean;
}

/** `tidewaiter audit key` */
export const addAuditKey: AddCommand = (audit, session) => {
  audit
    .command('key')
    .summary('print the public key of the audit log')
    .description('Prints the public key that checkpoints of the audit log are verified with: keep it where the records are not.')
    .addOption(configOption())
    .addOption(new Option('--rotate', 'make another key; the one before introduces it when serve starts next'))
    .addHelpText(
      'after',
      `${examples(['tidewaiter audit key > audit.pub', 'for whoever verifies'], ['tidewaiter audit key --rotate', 'another key from now on'])}
Exit code: 0 printed, 2 there is no key, or it can not be read or replaced.
`,
    )
    .action(session.does((options: KeyOptions) => showKey(session, options)));
};

async function showKey({ io, parts }: Session, options: KeyOptions): Promise<number> {
  const desk = await openDesk(io, parts, options);
  if (desk === null) return exitCodes.unable;
  try {
    const key = await (options.rotate === true ? desk.app.proof.rotate() : desk.app.proof.key());
    if (!key.ok) {
      complain(io, key.fault);
      return exitCodes.unable;
    }
    const { id, pem, previous } = key.value;
    io.stdout.write(pem);
    printLine(io.stderr, `key id ${id}`);
    if (previous !== null) printLine(io.stderr, `introduced by ${previous} when tidewaiter serve starts next; until then checkpoints are signed with that`);
    return exitCodes.good;
  } finally {
    await desk.app.close();
  }
}

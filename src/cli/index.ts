import { Command, CommanderError } from 'commander';
import { safeText } from '../domain/text.ts';
import { version } from '../version.ts';
import { addAudit } from './audit.ts';
import { addCheck } from './check.ts';
import { addConfig } from './config.ts';
import type { ProgramParts } from './desk.ts';
import { complain, exitCodes, type Io } from './io.ts';
import { addPolicy } from './policy.ts';
import { addServe } from './serve.ts';
import { type AddCommand, examples, type Session } from './session.ts';
import { addVerify } from './verify.ts';

export type { Io } from './io.ts';

/** Every command, in the order that help shows them. A new one is a new file here and a line below. */
const commands: readonly AddCommand[] = [addServe, addCheck, addVerify, addPolicy, addAudit, addConfig];

/**
 * Runs the command line.
 *
 * @param argv the arguments, without the program's own name
 * @returns the exit code: 0 good, 1 looked and found wrong, 2 wrong usage or could not look. Never rejects.
 */
export async function run(argv: readonly string[], io: Io, parts: ProgramParts): Promise<number> {
  let code: number = exitCodes.good;
  // A reader that left (`| head`) is no fault of the program's.
  for (const stream of [io.stdout, io.stderr]) stream.on('error', () => {});
  const session: Session = {
    io,
    parts,
    does:
      (act) =>
      async (...given) => {
        code = await act(...given);
      },
  };
  const root = new Command('tidewaiter')
    .description('Decides which container images may run in a Kubernetes cluster, and says why not.')
    .version(version, '-V, --version', 'print the version')
    .helpOption('-h, --help', 'print help')
    .helpCommand('help [command]', 'print help for a command')
    .addHelpText('after', intro);
  for (const add of commands) add(root, session);
  for (const command of everyCommand(root)) {
    command.exitOverride().configureOutput({
      writeOut: (text) => void io.stdout.write(text),
      writeErr: (text) => void io.stderr.write(text),
      outputError: (text, write) => write(usageText(text)),
    });
  }
  try {
    await root.parseAsync([...argv], { from: 'user' });
    return code;
  } catch (cause) {
    if (cause instanceof CommanderError) return cause.exitCode === 0 ? exitCodes.good : exitCodes.unable;
    // A fault of the program itself: its message may hold anything, so only its kind is shown.
    complain(io, `an unexpected error: ${cause instanceof Error ? safeText(cause.message, 300) : 'unknown'}`);
    return exitCodes.unable;
  }
}

const intro = `${examples(
  ['tidewaiter serve', 'the webhook, on loopback, with the defaults'],
  ['tidewaiter check pod.yaml', 'what the cluster would say about a manifest'],
  ['tidewaiter verify nginx:1.27', 'all evidence about one image'],
)}
Exit codes of every command: 0 good, 1 looked and found wrong, 2 wrong usage or could not look.
Results go to standard output, logs to standard error.
`;

function usageText(text: string): string {
  return `tidewaiter: ${text.replace(/^error: /, '')}`;
}

function everyCommand(command: Command): Command[] {
  return [command, ...command.commands.flatMap(everyCommand)];
}

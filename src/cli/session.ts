import { type Command, InvalidArgumentError, Option } from 'commander';
import type { ProgramParts } from './desk.ts';
import type { Io } from './io.ts';

/** One run of the command line. */
export interface Session {
  readonly io: Io;
  readonly parts: ProgramParts;
  /** Makes a command's action of a function that comes to an exit code. */
  does<Arguments extends readonly unknown[]>(act: (...given: Arguments) => Promise<number> | number): (...given: Arguments) => Promise<void>;
}

/** Adds one command to the table. */
export type AddCommand = (program: Command, session: Session) => void;

export function configOption(): Option {
  return new Option('-c, --config <file>', 'configuration; else $TIDEWAITER_CONFIG, ./tidewaiter.yaml, the defaults');
}

export function namespaceOption(): Option {
  return new Option('-n, --namespace <name>', 'namespace of objects that name none').default('default').argParser((name) => {
    if (name.length <= 63 && /^[a-z0-9]([a-z0-9-]*[a-z0-9])?$/.test(name)) return name;
    throw new InvalidArgumentError('It is no name of a namespace.');
  });
}

/** The end of a help text: what people type, and what for. */
export function examples(...lines: readonly (readonly [command: string, purpose: string])[]): string {
  return `\nExamples:\n${lines.map(([command, purpose]) => `  # ${purpose}\n  $ ${command}\n`).join('\n')}`;
}

import { configJsonSchema, formatConfigFault, type LoadedConfig, loadConfig } from '../config/index.ts';
import { safeText } from '../domain/text.ts';
import { exitCodes, printLine } from './io.ts';
import { type AddCommand, configOption, examples, type Session } from './session.ts';

/** `tidewaiter config check|schema` */
export const addConfig: AddCommand = (program, session) => {
  const config = program.command('config').summary('check a configuration; print its JSON Schema').description('What concerns the configuration file.');
  config
    .command('check')
    .summary('name every fault of a configuration')
    .description('Reads a configuration and every file it refers to, and names every fault as file:line:column.')
    .argument('[file]', 'configuration to check; else the one that serve would find')
    .addOption(configOption())
    .addHelpText(
      'after',
      examples(['tidewaiter config check', 'the configuration of this folder'], ['tidewaiter config check deploy/tidewaiter.yaml', 'another one']) +
        '\nExit code: 0 good, 1 faults, 2 the file could not be read.\n',
    )
    .action(session.does((file: string | undefined, options: { readonly config?: string }) => checkConfig(session, file ?? options.config)));
  config
    .command('schema')
    .summary('print the JSON Schema of the configuration')
    .description('Prints the JSON Schema (draft 2020-12) of the configuration, for editors that complete and check while you type.')
    .addHelpText(
      'after',
      examples([
        'tidewaiter config schema > tidewaiter.schema.json',
        'then begin tidewaiter.yaml with: # yaml-language-server: $schema=tidewaiter.schema.json',
      ]),
    )
    .action(
      session.does(() => {
        printLine(session.io.stdout, JSON.stringify(configJsonSchema(), null, 2));
        return exitCodes.good;
      }),
    );
};

async function checkConfig({ io }: Session, file: string | undefined): Promise<number> {
  const loaded = await loadConfig({ ...(file === undefined ? {} : { file }), env: io.env, cwd: io.cwd });
  if (loaded.ok) {
    printLine(io.stdout, describe(loaded.config));
    return exitCodes.good;
  }
  const unread = loaded.faults.some(({ line, path }) => line === null && path === '');
  for (const fault of loaded.faults) printLine(unread ? io.stderr : io.stdout, formatConfigFault(fault));
  if (unread) return exitCodes.unable;
  printLine(io.stdout, `${loaded.faults.length} ${loaded.faults.length === 1 ? 'fault' : 'faults'}`);
  return exitCodes.wrong;
}

function describe({ settings, source, revision }: LoadedConfig): string {
  const names = (entries: readonly { readonly name: string }[]): string => (entries.length === 0 ? 'none' : entries.map(({ name }) => name).join(', '));
  return [
    source === null ? 'No configuration file: the defaults are in force.' : `${safeText(source)} is good.`,
    `  signers       ${names(settings.signers)}`,
    `  scan sources  ${names(settings.scans)}`,
    `  registries    ${settings.registries === null ? 'the well-known public ones' : settings.registries.map(({ host }) => host).join(', ') || 'none'}`,
    `  mirrors       ${settings.mirrors.map(({ source: from }) => from).join(', ') || 'none'}`,
    `  policies      ${safeText(settings.policy.bundle ?? settings.policy.directory ?? 'none')}`,
    `  mode          ${settings.mode.default}`,
    `  revision      ${revision}`,
  ].join('\n');
}

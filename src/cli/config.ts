import { type ConfigFault, configJsonSchema, formatConfigFault, type LoadedConfig, loadConfig } from '../config/index.ts';
import type { Fault } from '../domain/fault.ts';
import { safeText } from '../domain/text.ts';
import { complain, exitCodes, type Io, printLine } from './io.ts';
import { createLog } from './log.ts';
import { type AddCommand, configOption, examples, type Session } from './session.ts';

/** `tidewaiter config check|schema` */
export const addConfig: AddCommand = (program, session) => {
  const config = program.command('config').summary('check a configuration; print its JSON Schema').description('What concerns the configuration file.');
  config
    .command('check')
    .summary('name every fault of a configuration')
    .description(
      'Reads a configuration and everything it refers to (keys, CAs, folders, policies), and names every fault as file:line:column. Asks no registry, starts nothing.',
    )
    .argument('[file]', 'configuration to check; else the one that serve would find')
    .addOption(configOption())
    .addHelpText(
      'after',
      examples(['tidewaiter config check', 'the configuration of this folder'], ['tidewaiter config check deploy/tidewaiter.yaml', 'another one']) +
        '\nExit code: 0 good, 1 faults, 2 wrong usage, or the file could not be read.\n',
    )
    .action(session.does((file: string | undefined, options: { readonly config?: string }) => checkConfig(session, file, options.config)));
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

async function checkConfig({ io, parts }: Session, argument: string | undefined, option: string | undefined): Promise<number> {
  if (argument !== undefined && option !== undefined) {
    complain(io, 'the configuration is named twice, by FILE and by --config; give one of them');
    return exitCodes.unable;
  }
  const file = argument ?? option;
  const loaded = await loadConfig({ ...(file === undefined ? {} : { file }), env: io.env, cwd: io.cwd });
  if (loaded.ok) {
    const faults = await inspect(loaded.config, io, parts);
    if (faults.length > 0) return printFaults(io, faults);
    printLine(io.stdout, describe(loaded.config));
    return exitCodes.good;
  }
  if (!loaded.faults.some(({ line, path }) => line === null && path === '')) return printFaults(io, loaded.faults);
  for (const fault of loaded.faults) printLine(io.stderr, formatConfigFault(fault));
  return exitCodes.unable;
}

function printFaults(io: Io, faults: readonly ConfigFault[]): number {
  for (const fault of faults) printLine(io.stdout, formatConfigFault(fault));
  printLine(io.stdout, `${faults.length} ${faults.length === 1 ? 'fault' : 'faults'}`);
  return exitCodes.wrong;
}

/** What only shows when the configuration is used. Only when nothing else is wrong the program itself is tried, which stops at the first fault. */
async function inspect(config: LoadedConfig, io: Io, parts: Session['parts']): Promise<readonly ConfigFault[]> {
  const faults = await config.inspect();
  if (faults.length > 0) return faults;
  const app = await parts.createApp(config, { log: createLog(io, 'text', 'warn'), stdout: io.stdout });
  if (!app.ok) return [blame(config, app.fault)];
  const probed = await app.value.probe();
  await app.value.close();
  return probed.ok ? [] : [blame(config, probed.fault)];
}

/** The key that a fault of the program belongs to, by the name that its message begins with. */
function blame({ settings, blame: at }: LoadedConfig, { code, message }: Fault): ConfigFault {
  const words = safeText(message, 2000);
  if (code === 'POLICY_BROKEN') return at(['policy', settings.policy.bundle === null ? 'directory' : 'bundle'], words);
  const named = /^(?:(signer|scan source) ([^\s:]+): |the (caFile|credentials) of registry ([^\s]+?):? )/.exec(message);
  const [, what, name, key, host] = named ?? [];
  if (what === 'signer') return at(['signers', settings.signers.findIndex((signer) => signer.name === name)], words);
  if (what === 'scan source') return at(['scans', settings.scans.findIndex((scan) => scan.name === name)], words);
  if (key !== undefined) return at(['registries', (settings.registries ?? []).findIndex((registry) => registry.host === host), key], words);
  return at([], words);
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
    ...(settings.policy.candidate === null ? [] : [`  candidate     ${safeText(settings.policy.candidate)}`]),
    `  mode          ${settings.mode.default}`,
    `  revision      ${revision}`,
  ].join('\n');
}

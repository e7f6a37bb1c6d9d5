import { resolve } from 'node:path';
import type { Command } from 'commander';
import { safeText } from '../../domain/text.ts';
import { buildPolicyBundle } from '../../policy/index.ts';
import { exitCodes, printLine } from '../io.ts';
import { examples, type Session } from '../session.ts';
import { giveUp, longestRun, openFolder } from './folder.ts';

/** `tidewaiter policy build DIR` */
export function addPolicyBuild(policy: Command, session: Session): void {
  policy
    .command('build')
    .summary('make a policy bundle, with which serve needs no opa')
    .description('Compiles a folder of policies into one file for policy.bundle of the configuration.')
    .argument('[dir]', 'folder of policies', 'policies')
    .option('-o, --output <file>', 'policy bundle to write', 'policies.tar.gz')
    .addHelpText(
      'after',
      `${examples(['tidewaiter policy build policies --output policies.tar.gz', 'in a pipeline, before the image is made'])}\nExit code: 0 written, 1 faults in the policies, 2 could not build or write it.\n`,
    )
    .action(session.does((directory: string, options: { readonly output: string }) => build(session, directory, options.output)));
}

async function build({ io }: Session, directory: string, output: string): Promise<number> {
  const folder = await openFolder(io, directory);
  if (folder === null) return exitCodes.unable;
  const built = await buildPolicyBundle(folder.path, resolve(io.cwd, output), folder.opa, AbortSignal.timeout(longestRun));
  if (!built.ok) return giveUp(io, built.fault);
  printLine(io.stdout, `${safeText(output, 300)}: ${built.value.length} ${built.value.length === 1 ? 'policy' : 'policies'}: ${built.value.join(', ')}`);
  return exitCodes.good;
}

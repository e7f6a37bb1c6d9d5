import { readFile } from 'node:fs/promises';
import { resolve } from 'node:path';
import type { Command } from 'commander';
import { bad } from '../../domain/fault.ts';
import { safeText } from '../../domain/text.ts';
import { buildPolicyBundle, readSigningKey } from '../../policy/index.ts';
import { complain, exitCodes, type Io, printLine } from '../io.ts';
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
    .option('--sign <key>', 'sign it as OPA does (.signatures.json), with a private key in PEM')
    .option('--key-id <id>', 'name the key in the signature')
    .option('--scope <scope>', 'name a scope in the signature')
    .addHelpText(
      'after',
      `${examples(['tidewaiter policy build policies --output policies.tar.gz', 'in a pipeline, before the image is made'], ['tidewaiter policy build policies --sign release.key', 'for policy.verification of the configuration'])}\nExit code: 0 written, 1 faults in the policies, 2 could not build or write it.\n`,
    )
    .action(session.does((directory: string, options: BuildFlags) => build(session, directory, options)));
}

interface BuildFlags {
  readonly output: string;
  readonly sign?: string;
  readonly keyId?: string;
  readonly scope?: string;
}

async function build({ io }: Session, directory: string, { output, sign, keyId, scope = '' }: BuildFlags): Promise<number> {
  if (sign === undefined && (keyId !== undefined || scope !== '')) {
    complain(io, '--key-id and --scope are of a signature: name the key with --sign');
    return exitCodes.unable;
  }
  const folder = await openFolder(io, directory);
  if (folder === null) return exitCodes.unable;
  const key = sign === undefined ? null : await readKey(resolve(io.cwd, sign));
  if (key?.ok === false) return giveUp(io, key.fault);
  const signing = key === null ? null : { key: key.value, keyId: keyId ?? null, scope };
  const options = { built: buildTime(io.env), signing };
  const built = await buildPolicyBundle(folder.path, resolve(io.cwd, output), folder.opa, AbortSignal.timeout(longestRun), options);
  if (!built.ok) return giveUp(io, built.fault);
  const count = `${built.value.length} ${built.value.length === 1 ? 'policy' : 'policies'}${signing === null ? '' : ', signed'}`;
  printLine(io.stdout, `${safeText(output, 300)}: ${count}: ${built.value.join(', ')}`);
  return exitCodes.good;
}

async function readKey(file: string): Promise<ReturnType<typeof readSigningKey>> {
  const pem = await readFile(file, 'utf8').catch(() => null);
  return pem === null ? bad('CONFIG_INVALID', `the key to sign with can not be read: ${safeText(file, 300)}`) : readSigningKey(pem);
}

/** Now, unless a reproducible build says otherwise: https://reproducible-builds.org/specs/source-date-epoch/ */
function buildTime(env: Io['env']): number {
  const epoch = env['SOURCE_DATE_EPOCH'] ?? '';
  return /^[0-9]{1,11}$/.test(epoch) ? Number(epoch) * 1000 : Date.now();
}

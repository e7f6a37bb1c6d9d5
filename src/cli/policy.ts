import { readFile, stat } from 'node:fs/promises';
import { dirname, join, resolve } from 'node:path';
import { bad, type Fault, type Outcome } from '../domain/fault.ts';
import { safeText } from '../domain/text.ts';
import { buildPolicyBundle, checkPolicies, describeProblem, findOpa, type RegoTest, type RegoTests, readSigningKey, testPolicies } from '../policy/index.ts';
import { complain, exitCodes, type Io, type Paint, painter, printLine } from './io.ts';
import { type AddCommand, examples, type Session } from './session.ts';

/** opa never takes this long; what hangs is ended. Milliseconds. */
const longestRun = 300_000;

/** `tidewaiter policy check|test|build DIR` */
export const addPolicy: AddCommand = (program, session) => {
  const policy = program
    .command('policy')
    .summary('check, test and build Rego policies')
    .description(
      'What authors of policies need. All of it runs opa: $TIDEWAITER_OPA, else the one on the PATH, else the one in the tool cache (~/.cache/tidewaiter/tools).',
    );
  policy
    .command('check')
    .summary('name every fault of a folder of policies')
    .description(
      'Takes the looks that serve takes before policies go in force: syntax, types against the input, builtins that the engine lacks, rules nobody would hear of, METADATA, and how the policies judge sample Pods.',
    )
    .argument('[dir]', 'folder of policies', 'policies')
    .addHelpText('after', `${examples(['tidewaiter policy check policies', 'faults as file:line:column'])}\nExit code: 0 good, 1 faults, 2 could not look.\n`)
    .action(session.does((directory: string) => check(session, directory)));
  policy
    .command('test')
    .summary('run the tests of a folder of policies')
    .description('Runs every test_… rule of the _test.rego files, and measures how much of the policies they cover.')
    .argument('[dir]', 'folder of policies and their tests', 'policies')
    .addHelpText(
      'after',
      `${examples(['tidewaiter policy test policies', 'each failed test by name, then the coverage'])}\nExit code: 0 all passed, 1 a test failed, 2 could not run them.\n`,
    )
    .action(session.does((directory: string) => test(session, directory)));
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
};

async function check({ io }: Session, directory: string): Promise<number> {
  const folder = await openFolder(io, directory);
  if (folder === null) return exitCodes.unable;
  const problems = await checkPolicies(folder.path, folder.opa, AbortSignal.timeout(longestRun));
  if (!problems.ok) return giveUp(io, problems.fault);
  for (const problem of problems.value) printLine(io.stdout, safeText(describeProblem({ ...problem, file: join(directory, problem.file) }), 2000));
  const count = problems.value.length;
  printLine(io.stdout, count === 0 ? 'The policies are good.' : `${count} ${count === 1 ? 'fault' : 'faults'}`);
  return count === 0 ? exitCodes.good : exitCodes.wrong;
}

async function test({ io }: Session, directory: string): Promise<number> {
  const folder = await openFolder(io, directory);
  if (folder === null) return exitCodes.unable;
  const run = await testPolicies(folder.path, folder.opa, AbortSignal.timeout(longestRun));
  if (!run.ok) return giveUp(io, run.fault);
  if (run.value.tests.length === 0) {
    complain(io, `there is no test in ${safeText(directory, 300)}`);
    return exitCodes.unable;
  }
  printLine(io.stdout, testText(run.value, directory, painter(io)));
  return run.value.tests.some(isBad) ? exitCodes.wrong : exitCodes.good;
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
  const now = buildTime(io.env);
  const built = await buildPolicyBundle(folder.path, resolve(io.cwd, output), folder.opa, AbortSignal.timeout(longestRun), { built: now, signing });
  if (!built.ok) return giveUp(io, built.fault);
  printLine(
    io.stdout,
    `${safeText(output, 300)}: ${built.value.length} ${built.value.length === 1 ? 'policy' : 'policies'}${signing === null ? '' : ', signed'}: ${built.value.join(', ')}`,
  );
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

async function openFolder(io: Io, directory: string): Promise<{ readonly path: string; readonly opa: string } | null> {
  const path = resolve(io.cwd, directory);
  const found = await stat(path).catch(() => null);
  if (!found?.isDirectory()) {
    const name = safeText(directory, 300);
    complain(io, found === null ? `there is no folder ${name}` : `${name} is a file; give the folder it is in: ${safeText(dirname(directory), 300)}`);
    return null;
  }
  const opa: Outcome<string> = await findOpa(io.env);
  if (opa.ok) return { path, opa: opa.value };
  complain(io, opa.fault);
  return null;
}

/** Policies that are broken were looked at; anything else that stands in the way was not the policies' doing. */
function giveUp(io: Io, fault: Fault): number {
  complain(io, fault);
  return fault.code === 'POLICY_BROKEN' ? exitCodes.wrong : exitCodes.unable;
}

function isBad({ outcome }: RegoTest): boolean {
  return outcome === 'failed' || outcome === 'error';
}

function testText({ tests, coverage }: RegoTests, directory: string, paint: Paint): string {
  const bad = tests.filter(isBad);
  const skipped = tests.filter(({ outcome }) => outcome === 'skipped').length;
  return [
    ...bad.map((found) => `${paint('red', found.outcome)}  ${safeText(`${join(directory, found.file)}:${found.line}: ${found.package}.${found.name}`, 500)}`),
    ...(coverage === null
      ? []
      : Object.entries(coverage.files).map(([file, share]) => `${share.toFixed(0).padStart(3)} %  ${safeText(join(directory, file), 300)}`)),
    ...(coverage === null ? [] : [`${coverage.total.toFixed(0).padStart(3)} %  of the lines of all policies are covered`]),
    `${tests.length - bad.length - skipped} passed, ${bad.length} failed${skipped === 0 ? '' : `, ${skipped} skipped`}`,
  ].join('\n');
}

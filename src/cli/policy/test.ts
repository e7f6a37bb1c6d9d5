import { join } from 'node:path';
import { type Command, InvalidArgumentError, Option } from 'commander';
import { safeText } from '../../domain/text.ts';
import { type RegoTests, testPolicies } from '../../policy/index.ts';
import { complain, exitCodes, painter, printLine } from '../io.ts';
import { isWrong, testsJson, testsJunit, testsSarif, testsText } from '../output/tests.ts';
import { examples, type Session } from '../session.ts';
import { giveUp, openFolder } from './folder.ts';
import { lookAndWatch } from './watch.ts';

interface TestOptions {
  readonly output: 'text' | 'json' | 'sarif' | 'junit';
  readonly threshold: number;
  readonly watch: boolean;
}

/** `tidewaiter policy test DIR` */
export function addPolicyTest(policy: Command, session: Session): void {
  policy
    .command('test')
    .summary('run the tests of a folder of policies')
    .description(
      'Runs every test_… rule of the _test.rego files in opa and measures which lines they cover; then runs them again in the engine that judges in the cluster, with every input that they gave to a policy, and names what comes out otherwise there.',
    )
    .argument('[dir]', 'folder of policies and their tests', 'policies')
    .addOption(new Option('-o, --output <form>', 'how to write it').choices(['text', 'json', 'sarif', 'junit']).default('text'))
    .addOption(new Option('-t, --threshold <percent>', 'fail where tests cover less of the lines').default(0).argParser(percent))
    .option('-w, --watch', 'again after every edit, until Ctrl-C', false)
    .addHelpText(
      'after',
      `${examples(
        ['tidewaiter policy test policies', 'each failed test by name, then the coverage'],
        ['tidewaiter policy test policies --threshold 90 --output junit > tests.xml', 'in a pipeline'],
      )}\nExit code: 0 all passed, 1 a test failed, came out otherwise in the engine, or too little is covered, 2 could not run them.\n`,
    )
    .action(session.does((directory: string, options: TestOptions) => test(session, directory, options)));
}

async function test(session: Session, directory: string, { output, threshold, watch }: TestOptions): Promise<number> {
  const { io } = session;
  const folder = await openFolder(io, directory);
  if (folder === null) return exitCodes.unable;
  return lookAndWatch(session, folder, watch, async ({ path, opa }, signal) => {
    const run = await testPolicies(path, opa, signal);
    if (!run.ok) return giveUp(io, run.fault);
    if (run.value.tests.length === 0) {
      complain(io, `there is no test in ${safeText(directory, 300)}`);
      return exitCodes.unable;
    }
    const report = { ...located(run.value, directory), threshold };
    const write = {
      text: () => testsText(report, painter(io)),
      json: () => testsJson(report),
      sarif: () => testsSarif(report),
      junit: () => testsJunit(report),
    };
    printLine(io.stdout, write[output]());
    return isWrong(report) ? exitCodes.wrong : exitCodes.good;
  });
}

/** The same, with the names of files as they are from where somebody stands. */
function located({ tests, coverage, engine }: RegoTests, directory: string): RegoTests {
  const place = <T extends { readonly file: string }>(one: T): T => ({ ...one, file: join(directory, one.file) });
  return {
    tests: tests.map(place),
    coverage: coverage && { ...coverage, files: coverage.files.map(place) },
    engine: engine && { ...engine, differences: engine.differences.map((one) => ('test' in one.what ? { ...one, what: place(one.what) } : one)) },
  };
}

function percent(given: string): number {
  const value = Number(given.replace(/\s*%$/, ''));
  if (given.trim() === '' || !(value >= 0 && value <= 100)) throw new InvalidArgumentError('It is no number from 0 to 100.');
  return value;
}

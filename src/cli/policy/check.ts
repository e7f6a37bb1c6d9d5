import { join } from 'node:path';
import { type Command, Option } from 'commander';
import { checkPolicies } from '../../policy/index.ts';
import { exitCodes, painter, printLine } from '../io.ts';
import { problemsJson, problemsJunit, problemsSarif, problemsText } from '../output/problems.ts';
import { examples, type Session } from '../session.ts';
import { giveUp, openFolder } from './folder.ts';
import { lookAndWatch } from './watch.ts';

interface CheckOptions {
  readonly output: 'text' | 'json' | 'sarif' | 'junit';
  readonly strict: boolean;
  readonly watch: boolean;
}

/** `tidewaiter policy check DIR` */
export function addPolicyCheck(policy: Command, session: Session): void {
  policy
    .command('check')
    .summary('name every fault of a folder of policies')
    .description(
      'Takes the looks that serve takes before policies go in force: syntax, types against the input, builtins that the engine lacks, rules nobody would hear of, METADATA, and how the policies judge sample Pods. Then those that keep nothing from going in force: findings, formats and METADATA as they are written.',
    )
    .argument('[dir]', 'folder of policies', 'policies')
    .addOption(new Option('-o, --output <form>', 'how to write it').choices(['text', 'json', 'sarif', 'junit']).default('text'))
    .option('--strict', 'let advice count as a fault', false)
    .option('-w, --watch', 'again after every edit, until Ctrl-C', false)
    .addHelpText(
      'after',
      `${examples(
        ['tidewaiter policy check policies', 'faults as file:line:column, each with what to write'],
        ['tidewaiter policy check policies --watch', 'while writing'],
        ['tidewaiter policy check policies --output sarif > policies.sarif', 'for code hosts, which show faults at their lines'],
      )}\nExit code: 0 good, 1 faults, 2 could not look.\n`,
    )
    .action(session.does((directory: string, options: CheckOptions) => check(session, directory, options)));
}

async function check(session: Session, directory: string, { output, strict, watch }: CheckOptions): Promise<number> {
  const { io } = session;
  const folder = await openFolder(io, directory);
  if (folder === null) return exitCodes.unable;
  return lookAndWatch(session, folder, watch, async ({ path, opa }, signal) => {
    const checked = await checkPolicies(path, opa, signal);
    if (!checked.ok) return giveUp(io, checked.fault);
    const report = {
      files: checked.value.files.map((file) => join(directory, file)),
      problems: checked.value.problems.map((problem) => ({ ...problem, file: join(directory, problem.file) })),
    };
    const write = {
      text: () => problemsText(report, painter(io)),
      json: () => problemsJson(report),
      sarif: () => problemsSarif(report),
      junit: () => problemsJunit(report, strict),
    };
    printLine(io.stdout, write[output]());
    return report.problems.some(({ advice }) => strict || advice !== true) ? exitCodes.wrong : exitCodes.good;
  });
}

import { type Command, Option } from 'commander';
import { safeText } from '../../domain/text.ts';
import { explainPolicies } from '../../policy/index.ts';
import { complain, exitCodes, painter, printLine } from '../io.ts';
import { explanationJson, explanationText } from '../output/explanation.ts';
import { examples, type Session } from '../session.ts';
import { longestRun, openFolder } from './folder.ts';
import { addInputOptions, giveInput, type InputOptions } from './input.ts';

interface ExplainOptions extends InputOptions {
  readonly policy?: readonly string[];
  readonly output: 'text' | 'json';
}

/** `tidewaiter policy explain DIR` */
export function addPolicyExplain(policy: Command, session: Session): void {
  const command = policy
    .command('explain')
    .summary('show line by line why a policy said what it said, or did not')
    .description(
      'Judges one input, recorded or live, and shows the rules of the policies with a mark at each line: whether it held, how often, where it stopped the rule, and what its names stood for there.',
    )
    .argument('[dir]', 'folder of policies', 'policies');
  addInputOptions(command)
    .option('-p, --policy <name...>', 'policies to explain; else those that said something, or all where none did')
    .addOption(new Option('-o, --output <form>', 'how to write it').choices(['text', 'json']).default('text'))
    .addHelpText(
      'after',
      `${examples(
        ['tidewaiter policy explain policies --record 01K…', 'why a Pod was denied'],
        ['tidewaiter policy explain policies --policy signed --input input.json', 'why signed had nothing to say'],
      )}\nExit code: 0 explained, 1 the policies are broken, 2 there was nothing to explain.\n`,
    )
    .action(session.does((directory: string, options: ExplainOptions) => explain(session, directory, options)));
}

async function explain(session: Session, directory: string, options: ExplainOptions): Promise<number> {
  const { io } = session;
  const folder = await openFolder(io, directory);
  if (folder === null) return exitCodes.unable;
  const given = await giveInput(session, options);
  if (given === null) return exitCodes.unable;
  const { data, modes, timeout } = given.config.settings.policy;
  const evaluation = { directory: folder.path, opa: folder.opa, input: given.text, data, modes, timeout };
  const explained = await explainPolicies(evaluation, options.policy ?? null, AbortSignal.timeout(longestRun));
  if (!explained.ok) {
    complain(io, explained.fault);
    return explained.fault.code === 'POLICY_BROKEN' || explained.fault.code === 'POLICY_TIMEOUT' ? exitCodes.wrong : exitCodes.unable;
  }
  const missing = (options.policy ?? []).filter((name) => !explained.value.policies.some((policy) => policy.name === name));
  if (missing.length > 0) {
    complain(io, `there is no policy ${safeText(missing.join(', '), 300)} in ${safeText(directory, 300)}`);
    return exitCodes.unable;
  }
  const report = { ...explained.value, name: given.name, directory };
  printLine(io.stdout, options.output === 'json' ? explanationJson(report) : explanationText(report, options.policy !== undefined, painter(io)));
  return exitCodes.good;
}

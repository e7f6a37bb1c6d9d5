import { writeFile } from 'node:fs/promises';
import { resolve } from 'node:path';
import { type Command, Option } from 'commander';
import { safeText } from '../../domain/text.ts';
import { evaluatePolicies } from '../../policy/index.ts';
import { complain, exitCodes, painter, printLine } from '../io.ts';
import { evaluationJson, evaluationText } from '../output/evaluation.ts';
import { examples, type Session } from '../session.ts';
import { longestRun, openFolder } from './folder.ts';
import { addInputOptions, giveInput, type InputOptions } from './input.ts';

interface EvalOptions extends InputOptions {
  readonly output: 'text' | 'json';
  readonly save?: string;
}

/** `tidewaiter policy eval DIR` */
export function addPolicyEval(policy: Command, session: Session): void {
  const command = policy
    .command('eval')
    .summary('judge one input by a folder of policies')
    .description(
      'Lets the engine judge one input, recorded or live, by a folder of policies, with policy.data and policy.modes of the configuration. The rules of the host (dark stages, a missing digest, revocations, exceptions) are not part of it: that is what check shows.',
    )
    .argument('[dir]', 'folder of policies', 'policies');
  addInputOptions(command)
    .addOption(new Option('-o, --output <form>', 'how to write it').choices(['text', 'json']).default('text'))
    .option('--save <file>', 'write the input to a file, for tests and for explain')
    .addHelpText(
      'after',
      `${examples(
        ['tidewaiter policy eval policies --record 01K…', 'what a changed policy would have said of a denied Pod'],
        ['tidewaiter policy eval policies --image nginx:1.27 --save input.json', 'with the evidence that there is now'],
        ['tidewaiter policy eval policies --input input.json', 'again, without asking anybody'],
      )}\nExit code: 0 the policies allow it, 1 they deny it, or are broken, 2 there was nothing to judge.\n`,
    )
    .action(session.does((directory: string, options: EvalOptions) => evaluate(session, directory, options)));
}

async function evaluate(session: Session, directory: string, options: EvalOptions): Promise<number> {
  const { io } = session;
  const folder = await openFolder(io, directory);
  if (folder === null) return exitCodes.unable;
  const given = await giveInput(session, options);
  if (given === null) return exitCodes.unable;
  if (options.save !== undefined) {
    try {
      await writeFile(resolve(io.cwd, options.save), `${JSON.stringify(JSON.parse(given.text), null, 2)}\n`);
    } catch {
      complain(io, `${safeText(options.save, 300)} can not be written`);
      return exitCodes.unable;
    }
  }
  const { data, modes, timeout } = given.config.settings.policy;
  const evaluated = await evaluatePolicies(
    { directory: folder.path, opa: folder.opa, input: given.text, data, modes, timeout },
    AbortSignal.timeout(longestRun),
  );
  if (!evaluated.ok) {
    complain(io, evaluated.fault);
    return evaluated.fault.code === 'POLICY_BROKEN' || evaluated.fault.code === 'POLICY_TIMEOUT' ? exitCodes.wrong : exitCodes.unable;
  }
  const report = { name: given.name, directory, policies: evaluated.value.policies };
  printLine(io.stdout, options.output === 'json' ? evaluationJson(report) : evaluationText(report, painter(io)));
  return report.policies.some(({ findings }) => findings.some(({ effect }) => effect === 'deny')) ? exitCodes.wrong : exitCodes.good;
}

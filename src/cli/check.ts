import { Option } from 'commander';
import { openDesk } from './desk.ts';
import { complain, exitCodes, painter, printLine } from './io.ts';
import { type CheckReport, judge } from './judge.ts';
import { readManifests } from './manifests.ts';
import { checkJson } from './output/json.ts';
import { checkJunit } from './output/junit.ts';
import { checkSarif } from './output/sarif.ts';
import { checkText, manifestFaultText } from './output/text.ts';
import { type AddCommand, configOption, examples, namespaceOption, type Session } from './session.ts';
import { createWaiting } from './wait.ts';

type Output = 'text' | 'json' | 'sarif' | 'junit';

interface CheckOptions {
  readonly config?: string;
  readonly namespace: string;
  readonly output: Output;
}

/** `tidewaiter check FILE… | -` */
export const addCheck: AddCommand = (program, session) => {
  program
    .command('check')
    .summary('judge manifests as the cluster would')
    .description('Judges the workloads of Kubernetes manifests as the cluster would: same configuration, same evidence, same policies.')
    .argument('<files...>', 'manifests in YAML or JSON, or - for standard input')
    .addOption(configOption())
    .addOption(namespaceOption())
    .addOption(new Option('-o, --output <form>', 'how to write the report').choices(['text', 'json', 'sarif', 'junit']).default('text'))
    .addHelpText(
      'after',
      `${examples(
        ['tidewaiter check deploy.yaml', 'one manifest'],
        ['kustomize build overlays/prod | tidewaiter check -', 'what a build makes'],
        ['tidewaiter check --output sarif k8s/*.yaml > check.sarif', 'for a code host: places are the lines of the images'],
        ['tidewaiter check --namespace shop --output junit pod.yaml', 'for a CI server'],
      )}\nExit code: 0 nothing would be denied; 1 something was looked at and would be denied; 2 something could not be read, there was no\nobject, or all that would be denied would be so only because something could not be looked at.\n`,
    )
    .action(session.does((files: readonly string[], options: CheckOptions) => check(session, files, options)));
};

async function check({ io, parts }: Session, files: readonly string[], options: CheckOptions): Promise<number> {
  const manifests = await readManifests(files, io);
  for (const fault of manifests.faults) complain(io, manifestFaultText(fault));
  const desk = await openDesk(io, parts, options);
  if (desk === null) return exitCodes.unable;
  try {
    const judged = await judge(desk, manifests, options.namespace, createWaiting(io));
    if (!judged.ok) {
      complain(io, judged.fault);
      return exitCodes.unable;
    }
    const report = judged.value;
    const write: Record<Output, () => string> = {
      text: () => checkText(report, painter(io)),
      json: () => checkJson(report),
      sarif: () => checkSarif(report),
      junit: () => checkJunit(report),
    };
    printLine(io.stdout, write[options.output]());
    return exitCodeOf(report);
  } finally {
    await desk.app.close();
  }
}

/** A file that could not be read outweighs what was found in others: an answer about the rest is no answer about all. */
function exitCodeOf(report: CheckReport): number {
  if (report.faults.length > 0) return exitCodes.unable;
  const denied = report.objects.filter(({ result }) => result === 'denied');
  if (denied.length === 0) return exitCodes.good;
  return denied.every(({ unseen }) => unseen) ? exitCodes.unable : exitCodes.wrong;
}

import { type Command, Option } from 'commander';
import { connectPersonally, type ExceptionObjects } from '../cluster/exceptionObjects.ts';
import { loadConfig } from '../config/index.ts';
import type { ExceptionKind } from '../domain/exception.ts';
import type { Fault, Outcome } from '../domain/fault.ts';
import { safeText } from '../domain/text.ts';
import { readExceptionFolder } from '../exceptionSources.ts';
import { acknowledgeAnnotation, approveAnnotation, checkException, kindOf, type SeenException, seeException, seeHeld } from '../exceptions/index.ts';
import { complain, complainAboutConfig, exitCodes, type Io, painter, printLine } from './io.ts';
import { readManifests } from './manifests.ts';
import { exceptionBlock, exceptionTable } from './output/exceptions.ts';
import { safeJson } from './output/json.ts';
import { manifestFaultText } from './output/text.ts';
import { type AddCommand, configOption, examples, type Session } from './session.ts';

/** Whose cluster, and which namespace in it. */
export interface ClusterOptions {
  readonly kubeconfig?: string;
  readonly context?: string;
  readonly namespace?: string;
}

/** Milliseconds that the cluster may take for an answer. */
export const answerTime = 20_000;

export function addClusterOptions(command: Command): Command {
  return command
    .addOption(new Option('-n, --namespace <name>', "namespace; else the context's"))
    .addOption(new Option('--kubeconfig <file>', 'kubeconfig; else $KUBECONFIG, ~/.kube/config'))
    .addOption(new Option('--context <name>', 'context of the kubeconfig; else the current one'));
}

/** Connects as the person at the desk, or says why not. */
export async function connectFor(io: Io, { kubeconfig, context }: ClusterOptions): Promise<ExceptionObjects | null> {
  const connected = await connectPersonally({ kubeconfig: kubeconfig ?? null, context: context ?? null, env: io.env });
  if (connected.ok) return connected.value;
  complain(io, connected.fault);
  return null;
}

/** `tidewaiter exceptions list|check|approve|acknowledge` */
export const addExceptions: AddCommand = (program, session) => {
  const group = program
    .command('exceptions')
    .summary('what is admitted in spite of a policy, by whom and until when')
    .description('Lists, checks, approves and acknowledges the exceptions of a cluster, with the rights of whoever asks.');
  addClusterOptions(group.command('list').summary('list exceptions').description('Lists exceptions: how they stand, whose they are, and when they end.'))
    .addOption(new Option('-A, --all-namespaces', 'of all namespaces, and the cluster-wide ones'))
    .addOption(new Option('--folder', 'of the folder that the configuration names, and of no cluster'))
    .addOption(configOption())
    .addOption(new Option('-o, --output <form>', 'how to write it').choices(['text', 'json']).default('text'))
    .addHelpText(
      'after',
      `${examples(['tidewaiter exceptions list -n shop', 'those of a namespace'], ['tidewaiter exceptions list -A', 'all there are'], ['tidewaiter exceptions list --folder', 'those of exceptions.directory, without a cluster'])}\nWhether a seal is genuine is known to the webhook alone: see the detail of its /readyz.\nExit code: 0; 1 one is void, or a breakglass is not acknowledged; 2 could not look.\n`,
    )
    .action(session.does((options: ListOptions) => list(session, options)));
  group
    .command('check')
    .summary('check manifests of exceptions')
    .description('Says whether manifests of exceptions would be taken, without a cluster.')
    .argument('<files...>', 'manifests in YAML or JSON, or - for standard input')
    .addHelpText(
      'after',
      `${examples(['tidewaiter exceptions check exceptions/*.yaml', 'before they are committed'])}\nExit code: 0 good, 1 something is wrong, 2 a file can not be read, or holds no exception.\n`,
    )
    .action(session.does((files: readonly string[]) => check(session, files)));
  for (const act of ['approve', 'acknowledge'] as const) {
    addClusterOptions(group.command(act).summary(acts[act].summary).description(acts[act].description))
      .argument('<name>', 'the exception')
      .addOption(new Option('--cluster-wide', 'it is a ClusterImageException'))
      .addOption(new Option('--revision <sha256>', 'what was read; without it, it is shown and has to be confirmed'))
      .addOption(new Option('-y, --yes', 'do not ask'))
      .addHelpText(
        'after',
        `${examples([`tidewaiter exceptions ${act} web -n shop`, 'shows it, asks, and does it'])}\nExit code: 0 done, 1 refused or declined, 2 could not be asked.\n`,
      )
      .action(session.does((name: string, options: ActOptions) => actOn(session, act, name, options)));
  }
};

const acts = {
  approve: {
    summary: 'approve an exception as it is now',
    description: 'Shows an exception that somebody else wrote, and approves it as it is now. Any change of it takes the approval back.',
    annotation: approveAnnotation,
    done: 'approved',
  },
  acknowledge: {
    summary: 'take note of a breakglass',
    description: 'Shows a breakglass of somebody else, and takes note of it: from then on it can be removed.',
    annotation: acknowledgeAnnotation,
    done: 'acknowledged',
  },
} as const;

interface ListOptions extends ClusterOptions {
  readonly allNamespaces?: true;
  readonly folder?: true;
  readonly config?: string;
  readonly output: 'text' | 'json';
}

interface ActOptions extends ClusterOptions {
  readonly clusterWide?: true;
  readonly revision?: string;
  readonly yes?: true;
}

async function list({ io }: Session, options: ListOptions): Promise<number> {
  const found = options.folder === true ? await listFolder(io, options) : await listCluster(io, options);
  if (found === null) return exitCodes.unable;
  const { seen, where } = found;
  if (options.output === 'json') printLine(io.stdout, safeJson({ version: 1, exceptions: seen }));
  else printLine(io.stdout, seen.length === 0 ? `There are no exceptions${where}.` : exceptionTable(seen, painter(io), Date.now()));
  return seen.some((each) => each.standing === 'void' || isOpen(each)) ? exitCodes.wrong : exitCodes.good;
}

interface FoundExceptions {
  readonly seen: readonly SeenException[];
  /** In a sentence that says that there are none. */
  readonly where: string;
}

async function listCluster(io: Io, options: ListOptions): Promise<FoundExceptions | null> {
  const objects = await connectFor(io, options);
  if (objects === null) return null;
  const namespace = options.allNamespaces === true ? null : (options.namespace ?? objects.namespace);
  const listed = await objects.list(namespace, AbortSignal.timeout(answerTime));
  if (!listed.ok) {
    complain(io, listed.fault.message);
    return null;
  }
  return {
    seen: listed.value.map((object) => seeException(object, Date.now())),
    where: namespace === null ? '' : ` in the namespace ${safeText(namespace, 63)}`,
  };
}

async function listFolder(io: Io, { config }: ListOptions): Promise<FoundExceptions | null> {
  const loaded = await loadConfig({ ...(config === undefined ? {} : { file: config }), env: io.env, cwd: io.cwd });
  if (!loaded.ok) {
    complainAboutConfig(io, loaded.faults);
    return null;
  }
  const held = await readExceptionFolder(loaded.config);
  if (held !== null) return { seen: held.map((each) => seeHeld(each, Date.now())), where: ' in the folder' };
  complain(io, 'the configuration has no exceptions.directory');
  return null;
}

/** A breakglass that nobody has taken note of. */
function isOpen({ spec, status }: SeenException): boolean {
  return spec?.breakglass === true && status !== null && status.acknowledgedBy === null;
}

async function check({ io }: Session, files: readonly string[]): Promise<number> {
  const manifests = await readManifests(files, io);
  for (const fault of manifests.faults) complain(io, manifestFaultText(fault));
  const exceptions = manifests.objects.filter(({ value }) => kindOf(value) !== null);
  let wrong = 0;
  for (const { file, position, value } of exceptions) {
    const { label, fault, spec } = checkException(value);
    const place = `${safeText(file)}:${position.line}`;
    if (fault !== null) wrong += 1;
    printLine(
      io.stdout,
      fault === null
        ? `${place}: ${label} is good: ${spec?.breakglass === true ? 'a breakglass' : 'it counts once somebody else has approved it'}, until ${spec?.expires ?? ''}`
        : `${place}: ${label}: ${fault}`,
    );
  }
  if (exceptions.length === 0 && manifests.faults.length === 0) complain(io, 'there is no exception in it');
  if (exceptions.length === 0 || manifests.faults.length > 0) return exitCodes.unable;
  return wrong > 0 ? exitCodes.wrong : exitCodes.good;
}

async function actOn({ io }: Session, act: keyof typeof acts, name: string, options: ActOptions): Promise<number> {
  const objects = await connectFor(io, options);
  if (objects === null) return exitCodes.unable;
  const kind: ExceptionKind = options.clusterWide === true ? 'ClusterImageException' : 'ImageException';
  const namespace = options.namespace ?? objects.namespace;
  const read = await objects.read(kind, namespace, name, AbortSignal.timeout(answerTime));
  if (!read.ok) {
    complain(io, read.fault);
    return exitCodes.unable;
  }
  const seen = seeException(read.value, Date.now());
  printLine(io.stdout, exceptionBlock(seen, painter(io)));
  if (seen.revision === null) return exitCodes.wrong;
  if (options.revision !== undefined && options.revision !== seen.revision) {
    complain(io, `it was changed since: its revision is ${seen.revision} by now`);
    return exitCodes.wrong;
  }
  if (options.revision === undefined && options.yes !== true && !(await confirm(io, `${act === 'approve' ? 'Approve' : 'Acknowledge'} it?`))) {
    complain(io, `nothing was ${acts[act].done}`);
    return exitCodes.wrong;
  }
  const done: Outcome<unknown> = await objects.annotate(kind, namespace, name, [acts[act].annotation, seen.revision], AbortSignal.timeout(answerTime));
  if (!done.ok) return sayRefused(io, done.fault);
  printLine(io.stdout, `${seen.label} is ${acts[act].done}.`);
  return exitCodes.good;
}

/** What the API server would not do, in its words or the webhook's; exit code 2 where it could not be asked. */
export function sayRefused(io: Io, { code, message }: Fault): number {
  complain(io, message);
  return code === 'EXCEPTION_INVALID' ? exitCodes.wrong : exitCodes.unable;
}

/** A yes on a terminal; elsewhere nobody is there to say it. */
async function confirm(io: Io, question: string): Promise<boolean> {
  if (io.stdout.isTTY !== true) {
    complain(io, 'nobody is there to be asked: give --yes, or --revision with what was read');
    return false;
  }
  io.stdout.write(`${question} [y/N] `);
  let typed = '';
  for await (const chunk of io.stdin) {
    typed += String(chunk);
    if (typed.includes('\n') || typed.length > 100) break;
  }
  return /^y(es)?\s*$/i.test(typed.split('\n')[0] ?? '');
}

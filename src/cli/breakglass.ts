import { randomBytes } from 'node:crypto';
import { InvalidArgumentError, Option } from 'commander';
import { parseDuration } from '../config/duration.ts';
import { property } from '../domain/json.ts';
import { safeText } from '../domain/text.ts';
import { addClusterOptions, answerTime, type ClusterOptions, connectFor, sayRefused } from './exceptions.ts';
import { complain, exitCodes, printLine } from './io.ts';
import { type AddCommand, examples, type Session } from './session.ts';

interface BreakglassOptions extends ClusterOptions {
  readonly reason?: string;
  readonly for: number;
  readonly image: readonly string[];
  readonly end?: string;
}

const longest = 4 * 3_600_000;
const shortest = 60_000;

/** `tidewaiter breakglass` */
export const addBreakglass: AddCommand = (program, session) => {
  addClusterOptions(
    program
      .command('breakglass')
      .summary('admit what policies deny, for hours, on your own word')
      .description(
        'Makes an exception that waives whatever can be waived in a namespace, at once and by one person’s word. Every admission that rests on it is recorded; it is listed until somebody else has acknowledged it. It needs the verb breakglass on imageexceptions.tidewaiter.dev.',
      ),
  )
    .addOption(new Option('--reason <text>', 'why; recorded with everything that it admits'))
    .addOption(new Option('--for <time>', 'how long, such as 30m; 4h at most').default(3_600_000, '1h').argParser(duration))
    .addOption(
      new Option('--image <glob>', 'only for these images: registry/repository, or a glob; can be given again')
        .default([], 'all')
        .argParser((image: string, before: readonly string[]) => [...before, image]),
    )
    .addOption(new Option('--end <name>', 'end a breakglass now').conflicts(['reason', 'for', 'image']))
    .addHelpText(
      'after',
      `${examples(
        ['tidewaiter breakglass -n shop --reason "the signing service is down, INC-7" --for 1h', 'let the Pods of shop start'],
        ['tidewaiter breakglass -n shop --end breakglass-20261124-0312-5f3a', 'end it before its time'],
      )}\nWithout a digest nobody knows what would run: while a registry is down, write images as NAME@sha256:….\nExit code: 0 done, 1 refused, 2 wrong usage or could not be asked.\n`,
    )
    .action(session.does((options: BreakglassOptions) => (options.end === undefined ? breakGlass(session, options) : endNow(session, options, options.end))));
};

function duration(text: string): number {
  const parsed = parseDuration(text);
  if (parsed !== null && parsed >= shortest && parsed <= longest) return parsed;
  throw new InvalidArgumentError('It must be a time from 1m to 4h.');
}

async function breakGlass({ io }: Session, { reason, image, ...options }: BreakglassOptions): Promise<number> {
  if (reason === undefined || reason.trim() === '') {
    complain(io, 'a breakglass has a reason: --reason "…"');
    return exitCodes.unable;
  }
  const objects = await connectFor(io, options);
  if (objects === null) return exitCodes.unable;
  const namespace = options.namespace ?? objects.namespace;
  const now = Date.now();
  const stamp = new Date(now).toISOString().replaceAll(/[-:]/g, '').replace('T', '-').slice(0, 13);
  const name = `breakglass-${stamp}-${randomBytes(2).toString('hex')}`;
  const expires = new Date(now + options.for).toISOString();
  const spec = { breakglass: true, reason, expires, ...(image.length === 0 ? {} : { images: image }) };
  const object = { apiVersion: 'tidewaiter.dev/v1', kind: 'ImageException', metadata: { name, namespace }, spec };
  const made = await objects.create('ImageException', namespace, object, AbortSignal.timeout(answerTime));
  if (!made.ok) return sayRefused(io, made.fault);
  if (property(property(made.value, 'status'), 'seal') === undefined) {
    complain(io, 'it was made, but the webhook did not seal it, so it has no effect: apply manifests/ again');
    return exitCodes.wrong;
  }
  const what = image.length === 0 ? 'whatever can be waived' : `whatever can be waived for ${safeText(image.join(', '), 500)}`;
  printLine(
    io.stdout,
    [
      `The glass is broken: until ${expires}, ${what} is waived in the namespace ${safeText(namespace, 63)}.`,
      `  made     ImageException ${safeText(namespace, 63)}/${name}`,
      `  ends     ${expires}; earlier with: tidewaiter breakglass -n ${safeText(namespace, 63)} --end ${name}`,
      `  then     somebody else takes note: tidewaiter exceptions acknowledge ${name} -n ${safeText(namespace, 63)}`,
      '  not      an image without a digest, a revoked one, or anything while the policies are broken',
    ].join('\n'),
  );
  return exitCodes.good;
}

async function endNow({ io }: Session, options: BreakglassOptions, name: string): Promise<number> {
  const objects = await connectFor(io, options);
  if (objects === null) return exitCodes.unable;
  const namespace = options.namespace ?? objects.namespace;
  const ended = await objects.end('ImageException', namespace, name, new Date().toISOString(), AbortSignal.timeout(answerTime));
  if (!ended.ok) return sayRefused(io, ended.fault);
  printLine(io.stdout, `The breakglass ${safeText(name, 253)} has ended.`);
  return exitCodes.good;
}

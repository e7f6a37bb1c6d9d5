import { safeText } from '../domain/text.ts';
import { openDesk, type Running } from './desk.ts';
import { complain, exitCodes, printLine } from './io.ts';
import { createLog } from './log.ts';
import { type AddCommand, configOption, examples, type Session } from './session.ts';
import { createSignalWait } from './signals.ts';

/** `tidewaiter serve` */
export const addServe: AddCommand = (program, session) => {
  program
    .command('serve')
    .summary('run the admission webhook')
    .description(
      'Runs the webhook: /mutate and /validate over HTTPS, /healthz, /readyz and /metrics beside it. SIGTERM or SIGINT finishes what has begun, then ends.',
    )
    .addOption(configOption())
    .addHelpText(
      'after',
      examples(['tidewaiter serve', 'on loopback, with the defaults'], ['tidewaiter serve --config deploy/tidewaiter.yaml', 'with a configuration']) +
        '\nExit code: 0 after a signal, 2 when it could not start.\n',
    )
    .action(session.does((options: { readonly config?: string }) => serve(session, options)));
};

async function serve({ io, parts }: Session, options: { readonly config?: string }): Promise<number> {
  const terminal = io.stderr.isTTY === true;
  const log = createLog(io, terminal ? 'text' : 'json', 'info');
  // Before anything is opened: a signal during the start must not leave half of it behind.
  const signal = createSignalWait(parts.signals);
  const desk = await openDesk(io, parts, options, log);
  if (desk === null) {
    signal.forget();
    return exitCodes.unable;
  }
  try {
    const running = await desk.app.serve();
    if (!running.ok) {
      complain(io, running.fault);
      return exitCodes.unable;
    }
    const { admission, ops, about } = running.value;
    if (terminal) printLine(io.stderr, startMessage(running.value, desk.config.source));
    else log.info({ admission, ops, records: about.records, policies: about.policies, config: desk.config.source, revision: desk.config.revision }, 'serving');
    const name = await signal.arrived;
    log.info({ signal: name }, 'stopping: what has begun is finished');
    await running.value.stop();
    log.info({}, 'stopped');
    return exitCodes.good;
  } finally {
    signal.forget();
    await desk.app.close();
  }
}

/** What somebody who started it by hand wants to know: where, by which rules, and what now. */
function startMessage({ admission, ops, about }: Running, source: string | null): string {
  const address = (where: { readonly host: string; readonly port: number }): string =>
    `${where.host.includes(':') ? `[${where.host}]` : where.host}:${where.port}`;
  return [
    `Tidewaiter is listening on https://${address(admission)}${about.pathSecret === null ? '' : ', below its secret path'}`,
    `  health    ${ops === null ? 'off' : `http://${address(ops)}/readyz and /metrics`}`,
    `  config    ${source === null ? 'none: the defaults' : safeText(source)}`,
    `  policies  ${about.policies.length === 0 ? 'none in force: everything is denied' : safeText(about.policies.join(', '))}`,
    `  records   ${safeText(about.records)}`,
    '  next      tidewaiter check pod.yaml: what would be said about a manifest. Ctrl-C stops.',
  ].join('\n');
}

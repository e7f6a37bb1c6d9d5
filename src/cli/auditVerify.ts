import { resolve } from 'node:path';
import { Option } from 'commander';
import { fault, publicFault } from '../domain/fault.ts';
import { openDesk } from './desk.ts';
import { complain, exitCodes, painter, printLine } from './io.ts';
import { safeJson } from './output/json.ts';
import { proofText } from './output/proof.ts';
import { createProgress } from './progress.ts';
import { type AddCommand, configOption, examples, type Session } from './session.ts';

interface VerifyOptions {
  readonly config?: string;
  readonly checkpoints: readonly string[];
  readonly key: readonly string[];
  readonly apiserverLog: readonly string[];
  readonly only?: string;
  readonly output: 'text' | 'json';
}

const several = (value: string, before: readonly string[]): readonly string[] => [...before, value];

/** `tidewaiter audit verify [FOLDER]` */
export const addAuditVerify: AddCommand = (audit, session) => {
  audit
    .command('verify')
    .summary('find what was changed in the audit log')
    .description('Goes through all records and finds what was changed, removed, put in, moved or cut off, and says what proves the rest.')
    .argument('[folder]', 'folder of the records; else where the configuration keeps them')
    .addOption(configOption())
    .addOption(
      new Option('--checkpoints <place>', 'copies of checkpoints, kept elsewhere: a folder or oci://REPOSITORY; may be given again')
        .argParser(several)
        .default([], 'none'),
    )
    .addOption(
      new Option('--key <file>', 'public key, PEM; else the one beside the key of the configuration; may be given again')
        .argParser(several)
        .default([], 'none'),
    )
    .addOption(
      new Option('--apiserver-log <file>', "the API server's own audit log, JSON Lines, to compare with; may be given again")
        .argParser(several)
        .default([], 'none'),
    )
    .addOption(new Option('--only <store>', 'count only checkpoints of this store (an id), where copies of several lie together'))
    .addOption(new Option('-o, --output <form>', 'how to write it').choices(['text', 'json']).default('text'))
    .addHelpText(
      'after',
      `${examples(
        ['tidewaiter audit verify', 'the records of this configuration'],
        ['tidewaiter audit verify --checkpoints /mnt/worm/checkpoints --key audit.pub', 'against copies that lie elsewhere, with your own copy of the key'],
        ['tidewaiter audit verify records/ --key audit.pub --apiserver-log audit.log', 'a folder from anywhere, and what the API server was told'],
      )}
Exit code: 0 nothing wrong was found, 1 something was, 2 wrong usage, or it could not be looked at.
docs/audit-proof.md says what is proven against whom.
`,
    )
    .action(session.does((folder: string | undefined, options: VerifyOptions) => verify(session, folder, options)));
};

async function verify({ io, parts }: Session, folder: string | undefined, options: VerifyOptions): Promise<number> {
  const json = options.output === 'json';
  const tell = (value: object): void => printLine(io.stdout, safeJson({ version: 1, ...value }));
  const absolute = (path: string): string => (path.startsWith('oci://') ? path : resolve(io.cwd, path));
  const desk = await openDesk(io, parts, options);
  if (desk === null) {
    if (json) tell({ fault: publicFault(fault('CONFIG_INVALID', 'the configuration can not be used; standard error says why')) });
    return exitCodes.unable;
  }
  const stopped = new AbortController();
  const stop = (): void => stopped.abort();
  parts.signals.on('SIGINT', stop);
  const progress = createProgress(io);
  try {
    const proof = await desk.app.proof.verify({
      folder: folder === undefined ? null : absolute(folder),
      checkpoints: options.checkpoints.map(absolute),
      keys: options.key.map(absolute),
      apiserverLogs: options.apiserverLog.map(absolute),
      store: options.only ?? null,
      signal: stopped.signal,
      onProgress: ({ entries, bytes }) => progress.show(`${entries} entries, ${Math.round(bytes / 1e6)} MB`),
    });
    progress.end();
    if (!proof.ok) {
      complain(io, proof.fault);
      if (json) tell({ fault: publicFault(proof.fault) });
      return exitCodes.unable;
    }
    if (json) tell(proof.value);
    else printLine(io.stdout, proofText(proof.value, painter(io)));
    return proof.value.faults.length === 0 ? exitCodes.good : exitCodes.wrong;
  } catch (cause) {
    progress.end();
    throw cause;
  } finally {
    parts.signals.off('SIGINT', stop);
    await desk.app.close();
  }
}

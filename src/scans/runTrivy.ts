import { spawn } from 'node:child_process';
import { bad, good, type Outcome } from '../domain/fault.ts';

export interface TrivyRun {
  /** Absolute path. */
  readonly binary: string;
  readonly args: readonly string[];
  readonly env: Readonly<Record<string, string>>;
  /** A folder without files: Trivy takes options from a trivy.yaml, and ignored findings from a .trivyignore, where it is run. */
  readonly cwd: string;
  /** Milliseconds until it is killed. */
  readonly limit: number;
  /** Bytes of its output. */
  readonly longest: number;
}

const longestWords = 64 * 1024;

/**
 * Runs Trivy in a process group of its own and gives what it writes to standard output, as JSON. At the limit, when the signal is
 * aborted, and when it writes more than it may, the whole group is killed. Fault: SCAN_INVALID, transient where another try may succeed;
 * what Trivy says is never repeated, since it may hold credentials.
 */
export function runTrivy({ binary, args, env, cwd, limit, longest }: TrivyRun, signal: AbortSignal): Promise<Outcome<unknown>> {
  return new Promise((resolve) => {
    const child = spawn(binary, args, { cwd, env, stdio: ['ignore', 'pipe', 'pipe'], detached: true });
    const chunks: Buffer[] = [];
    let length = 0;
    let words = '';
    let why: Outcome<never> | null = null;
    const end = (reason: Outcome<never>): void => {
      why ??= reason;
      killGroup(child.pid);
    };
    const timer = setTimeout(() => end(bad('SCAN_INVALID', `the scan took longer than ${limit} ms and was ended`, { transient: true })), limit);
    const onAbort = (): void => end(bad('SCAN_INVALID', 'the scan was ended with this process', { transient: true }));
    signal.addEventListener('abort', onAbort, { once: true });
    if (signal.aborted) onAbort();
    child.stdout.on('data', (chunk: Buffer) => {
      length += chunk.length;
      if (length > longest) end(bad('SCAN_INVALID', `the report has more than ${longest} bytes`));
      else chunks.push(chunk);
    });
    child.stderr.on('data', (chunk: Buffer) => {
      if (words.length < longestWords) words += chunk.toString('latin1');
    });
    const done = (outcome: Outcome<unknown>): void => {
      clearTimeout(timer);
      signal.removeEventListener('abort', onAbort);
      // What it started, and left behind.
      killGroup(child.pid);
      resolve(outcome);
    };
    child.on('error', (cause) => done(bad('SCAN_INVALID', 'the program of this scan source can not be run', { cause, transient: true })));
    child.on('close', (code) => {
      if (why !== null) return done(why);
      if (code !== 0) return done(bad('SCAN_INVALID', `the scanner ended with ${code ?? 'a signal'}: ${reasonOf(words)}`, { transient: true }));
      done(parse(Buffer.concat(chunks, length)));
    });
  });
}

function parse(output: Buffer): Outcome<unknown> {
  try {
    return good(JSON.parse(output.toString('utf8')));
  } catch {
    return bad('SCAN_INVALID', 'the scanner wrote no JSON');
  }
}

function killGroup(pid: number | undefined): void {
  if (pid === undefined) return;
  try {
    process.kill(-pid, 'SIGKILL');
  } catch {
    // The group is gone.
  }
}

/** What it says of itself, sorted into our own words. */
const reasons: readonly (readonly [RegExp, string])[] = [
  [/unauthenticated|invalid token/i, 'its server refuses the token'],
  [/UNAUTHORIZED|authentication required|DENIED|status code 40[13]/i, 'the registry refuses its credentials'],
  [/MANIFEST_UNKNOWN|manifest unknown|NAME_UNKNOWN/i, 'the registry does not have the image, or does not show it'],
  [/TOOMANYREQUESTS|status code 429/i, 'the registry limits the rate of requests'],
  [
    /--skip-db-update cannot be specified on the first run|database (?:does not exist|error)|failed to download vulnerability DB|DB error/i,
    'it has no vulnerability database',
  ],
  [/cache may be in use by another process/i, 'another process holds its cache'],
  [/unknown flag|unknown command/i, 'it does not know an option that is needed: it must be a newer Trivy'],
  [/context deadline exceeded|Client\.Timeout/i, 'it had no answer in time'],
  [/x509|certificate/i, 'it does not trust the certificate of the registry'],
  [/no such host|connection refused|network is unreachable/i, 'it can not reach the registry, its server or its database'],
];

function reasonOf(words: string): string {
  return reasons.find(([pattern]) => pattern.test(words))?.[1] ?? 'run it by hand to see why';
}

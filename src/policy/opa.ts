import { spawn } from 'node:child_process';
import { constants } from 'node:fs';
import { access, readdir } from 'node:fs/promises';
import { homedir } from 'node:os';
import { delimiter, join } from 'node:path';
import { bad, good, type Outcome } from '../domain/fault.ts';
import { safeText } from '../domain/text.ts';

/** What one run of `opa` gave. */
export interface OpaRun {
  readonly code: number;
  readonly stdout: string;
  readonly stderr: string;
}

/** Run from its sources, the program has its tools beside it. */
const isCheckout = import.meta.dirname.endsWith(join('src', 'policy'));
const buildIt = 'build it with `node tools/install.ts opa` (or `make demo`)';

const longestOutput = 32 * 1024 * 1024;

/**
 * Path of the `opa` binary: $TIDEWAITER_OPA, then PATH, then the tool cache ($TIDEWAITER_TOOLS, by default
 * ~/.cache/tidewaiter/tools), the newest version there. Fault: CONFIG_INVALID, saying how to get one.
 */
export async function findOpa(environment: Readonly<Record<string, string | undefined>> = process.env): Promise<Outcome<string>> {
  const named = environment['TIDEWAITER_OPA'];
  if (named !== undefined && named !== '') {
    return (await isExecutable(named)) ? good(named) : bad('CONFIG_INVALID', `TIDEWAITER_OPA names no file that can be run: ${safeText(named, 300)}`);
  }
  for (const folder of (environment['PATH'] ?? '').split(delimiter)) {
    if (folder !== '' && (await isExecutable(join(folder, 'opa')))) return good(join(folder, 'opa'));
  }
  const cached = await cachedOpa(environment);
  if (cached !== null) return good(cached);
  const looked = `opa was not found: TIDEWAITER_OPA is not set, there is none on the PATH, and none in the tool cache (${safeText(toolCache(environment), 300)})`;
  return bad('CONFIG_INVALID', `${looked}; ${isCheckout ? buildIt : 'install opa'}, or serve a policy bundle made by \`tidewaiter policy build\``);
}

/** As tools/install.ts has it. */
function toolCache(environment: Readonly<Record<string, string | undefined>>): string {
  const home = environment['XDG_CACHE_HOME'] ?? join(environment['HOME'] ?? homedir(), '.cache');
  return environment['TIDEWAITER_TOOLS'] ?? join(home, 'tidewaiter', 'tools');
}

async function cachedOpa(environment: Readonly<Record<string, string | undefined>>): Promise<string | null> {
  const cache = toolCache(environment);
  const folders = await readdir(cache).catch(() => []);
  const versions = folders.filter((name) => name.startsWith('opa-')).sort((a, b) => b.localeCompare(a, 'en', { numeric: true }));
  for (const version of versions) {
    const path = join(cache, version, 'opa');
    if (await isExecutable(path)) return path;
  }
  return null;
}

function isExecutable(path: string): Promise<boolean> {
  return access(path, constants.X_OK).then(
    () => true,
    () => false,
  );
}

/**
 * Runs `opa`. It gets an empty environment, since policies can read it (opa.runtime) and it may hold secrets. Fault: INTERNAL when it
 * can't be started, is killed by the signal, or says more than 32 MiB.
 */
export function runOpa(opa: string, args: readonly string[], cwd: string, signal: AbortSignal, stdin = ''): Promise<Outcome<OpaRun>> {
  return new Promise((resolve) => {
    const child = spawn(opa, args, { cwd, env: {}, signal, killSignal: 'SIGKILL', stdio: ['pipe', 'pipe', 'pipe'] });
    const out: Buffer[] = [];
    const err: Buffer[] = [];
    let size = 0;
    const keep = (list: Buffer[]) => (chunk: Buffer) => {
      size += chunk.length;
      if (size > longestOutput) child.kill('SIGKILL');
      else list.push(chunk);
    };
    child.stdout.on('data', keep(out));
    child.stderr.on('data', keep(err));
    child.stdin.on('error', () => {});
    child.stdin.end(stdin);
    child.on('error', (cause) => resolve(bad('INTERNAL', signal.aborted ? 'opa took too long' : 'opa could not be started', { cause })));
    child.on('close', (code) => {
      if (code === null) resolve(bad('INTERNAL', 'opa was stopped: it took too long or said too much'));
      else resolve(good({ code, stdout: Buffer.concat(out).toString('utf8'), stderr: Buffer.concat(err).toString('utf8') }));
    });
  });
}

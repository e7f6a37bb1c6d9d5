import { spawn } from 'node:child_process';
import type { User } from './credentials.ts';

export interface KubectlResult {
  readonly code: number;
  readonly stdout: string;
  readonly stderr: string;
}

export interface KubectlOptions {
  /** Fed to standard input; objects as JSON, several as a List. */
  readonly input?: string | object;
  readonly user?: User;
}

/**
 * Runs kubectl and waits for it without blocking: the webhook it may have to wait for often lives in this very process. Ends it
 * after a minute.
 */
export function runKubectl(
  binary: string,
  kubeconfig: string,
  home: string,
  args: readonly string[],
  { input, user }: KubectlOptions = {},
): Promise<KubectlResult> {
  return new Promise((resolve, reject) => {
    const all = ['--kubeconfig', kubeconfig, ...(user === undefined ? [] : ['--context', user]), ...args];
    // A home of its own: no discovery cache of another cluster, none left behind.
    const child = spawn(binary, all, { stdio: 'pipe', timeout: 60_000, env: { PATH: process.env['PATH'], HOME: home } });
    let stdout = '';
    let stderr = '';
    child.stdout.setEncoding('utf8').on('data', (chunk: string) => {
      stdout += chunk;
    });
    child.stderr.setEncoding('utf8').on('data', (chunk: string) => {
      stderr += chunk;
    });
    child.on('error', reject);
    child.on('close', (code, signal) => resolve({ code: code ?? 128, stdout, stderr: signal === null ? stderr : `${stderr}\nended by ${signal}` }));
    child.stdin.on('error', () => {});
    child.stdin.end(typeof input === 'object' ? JSON.stringify(input) : input);
  });
}

/** Load on a webhook: admissions, each the mutate call and then the validate call, on connections that stay open. */
import { readFileSync } from 'node:fs';
import autocannon from 'autocannon';

export interface Load {
  readonly url: string;
  readonly pid: number;
  readonly connections: number;
  readonly seconds: number;
  readonly mutate: string;
  readonly validate: string;
}

export interface Measured {
  readonly admissionsPerSecond: number;
  /** Milliseconds, of one call. */
  readonly p50: number;
  readonly p99: number;
  /** Milliseconds of the webhook's own CPU time, all threads. */
  readonly cpuPerAdmission: number;
  readonly failed: number;
}

export async function putLoad({ url, pid, connections, seconds, mutate, validate }: Load): Promise<Measured> {
  const headers = { 'content-type': 'application/json', 'user-agent': 'kube-apiserver-admission', 'accept-encoding': 'gzip' };
  let failed = 0;
  const judge = (status: number, body: string): void => {
    if (status !== 200 || !body.includes('"allowed":true')) failed += 1;
  };
  const times: number[] = [];
  const before = cpuOf(pid);
  const result = await new Promise<autocannon.Result>((resolve, reject) => {
    const options = {
      url,
      connections,
      duration: seconds,
      tlsOptions: { rejectUnauthorized: false },
      requests: [
        { method: 'POST', path: '/mutate?timeout=10s', headers, body: mutate, onResponse: judge },
        { method: 'POST', path: '/validate?timeout=10s', headers, body: validate, onResponse: judge },
      ],
    } satisfies autocannon.Options & { readonly tlsOptions: object };
    // Its own histogram has whole milliseconds.
    autocannon(options, (error: unknown, value: autocannon.Result) => (error ? reject(error) : resolve(value))).on(
      'response',
      (_client: unknown, _status: number, _bytes: number, time: number) => times.push(time),
    );
  });
  times.sort((a, b) => a - b);
  const percentile = (share: number): number => times[Math.min(times.length - 1, Math.floor(times.length * share))] ?? 0;
  const admissions = result.requests.total / 2;
  return {
    admissionsPerSecond: admissions / result.duration,
    p50: percentile(0.5),
    p99: percentile(0.99),
    cpuPerAdmission: (cpuOf(pid) - before) / admissions,
    failed: failed + result.errors + result.timeouts,
  };
}

const ticksPerSecond = 100;

/** Milliseconds of user and system time of a process, from /proc/PID/stat: fields 14 and 15, counted behind the name in parentheses. */
function cpuOf(pid: number): number {
  const stat = readFileSync(`/proc/${pid}/stat`, 'utf8');
  const fields = stat.slice(stat.lastIndexOf(')') + 2).split(' ');
  return ((Number(fields[11]) + Number(fields[12])) * 1000) / ticksPerSecond;
}

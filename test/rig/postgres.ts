import { execFile } from 'node:child_process';
import { chownSync, existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';
import pg from 'pg';
import { installPostgres } from '../../tools/postgres.ts';
import { type Child, startChild } from './child.ts';
import { freePorts, waitFor } from './wait.ts';

const run = promisify(execFile);

/** A real PostgreSQL server in a folder of its own, which does not outlive this process. */
export interface PostgresServer {
  readonly port: number;
  readonly user: string;
  readonly password: string;
  /** Makes an empty database, and returns its name. */
  createDatabase(): Promise<string>;
  /** Asks as its superuser. */
  query(database: string, sql: string): Promise<readonly Record<string, unknown>[]>;
  start(): Promise<void>;
  /** Ends it at once, as when its machine goes. */
  kill(): Promise<void>;
  dispose(): Promise<void>;
}

export interface PostgresChoices {
  /** `name = 'value'` of postgresql.conf. */
  readonly configuration?: readonly string[];
}

export async function startPostgres({ configuration = [] }: PostgresChoices = {}): Promise<PostgresServer> {
  const programs = await installPostgres(() => {});
  const folder = mkdtempSync(join(tmpdir(), 'tidewaiter-postgres-'));
  const [port = 0] = await freePorts(1);
  const [user, password] = ['tidewaiter', "it's a secret"];
  const account = accountOf();
  if (account !== null) chownSync(folder, account.uid, account.gid);
  writeFileSync(join(folder, 'password'), password, { mode: 0o644 });
  const data = join(folder, 'data');
  mkdirSync(data, { mode: 0o700 });
  if (account !== null) chownSync(data, account.uid, account.gid);
  const [initdb, ...initArgs] = asAccount(join(programs, 'initdb'), [
    '-D',
    data,
    '-U',
    user,
    '-A',
    'scram-sha-256',
    `--pwfile=${join(folder, 'password')}`,
    '-E',
    'UTF8',
    '--locale=C',
    '--no-sync',
  ]);
  await run(initdb ?? '', initArgs, { timeout: 60_000, cwd: folder });
  const settings = [
    'fsync = off',
    'max_connections = 50',
    'shared_buffers = 64MB',
    `unix_socket_directories = '${folder}'`,
    "listen_addresses = '127.0.0.1'",
    `port = ${port}`,
    ...configuration,
  ];
  writeFileSync(join(data, 'postgresql.auto.conf'), `${settings.join('\n')}\n`);
  let child: Child | null = null;
  let databases = 0;
  const query = async (database: string, sql: string): Promise<readonly Record<string, unknown>[]> => {
    const client = new pg.Client({ host: '127.0.0.1', port, user, password, database, connectionTimeoutMillis: 2_000 });
    client.on('error', () => {});
    try {
      await client.connect();
      return (await client.query<Record<string, unknown>>(sql)).rows;
    } finally {
      await client.end().catch(() => {});
    }
  };
  const start = async (): Promise<void> => {
    const [postgres, ...args] = asAccount(join(programs, 'postgres'), ['-D', data]);
    const started = startChild(postgres ?? '', args, join(folder, 'log'));
    child = started;
    await waitFor(
      'the PostgreSQL server',
      () =>
        query('postgres', 'select 1').then(
          () => true,
          () => null,
        ),
      30_000,
    );
  };
  await start();
  return {
    port,
    user,
    password,
    async createDatabase() {
      databases += 1;
      const name = `audit_${process.pid}_${databases}`;
      await query('postgres', `create database ${name}`);
      return name;
    },
    query,
    start,
    async kill() {
      child?.process.kill('SIGQUIT');
      await child?.ended;
      child = null;
    },
    async dispose() {
      child?.process.kill('SIGQUIT');
      await child?.ended;
      rmSync(folder, { recursive: true, force: true });
    },
  };
}

interface Account {
  readonly uid: number;
  readonly gid: number;
}

/** PostgreSQL refuses to run as root: then it runs as the account that its package made, or as nobody. */
function accountOf(): Account | null {
  if (process.getuid?.() !== 0) return null;
  const accounts = existsSync('/etc/passwd') ? readFileSync('/etc/passwd', 'utf8').split('\n') : [];
  const line = accounts.find((each) => each.startsWith('postgres:')) ?? accounts.find((each) => each.startsWith('nobody:')) ?? '';
  const [, , uid = '65534', gid = '65534'] = line.split(':');
  return { uid: Number(uid), gid: Number(gid) };
}

function asAccount(command: string, args: readonly string[]): readonly string[] {
  const account = accountOf();
  if (account === null) return [command, ...args];
  // A changed account takes away the kernel's promise to end the child with us: it is asked for again.
  return ['/usr/bin/setpriv', `--reuid=${account.uid}`, `--regid=${account.gid}`, '--clear-groups', '--pdeathsig', 'KILL', '--', command, ...args];
}

import { execFile } from 'node:child_process';
import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { installContainerd } from '../../tools/containerd.ts';
import { startChild } from './child.ts';
import { waitFor } from './wait.ts';

const run = promisify(execFile);

/** A real containerd, that a node's kubelet would ask to pull. */
export interface Containerd {
  /** Pulls and unpacks; gives the digest that it has under that name. Rejects with what containerd says. */
  pull(reference: string): Promise<string>;
  /** A file of an image that was pulled. */
  readFile(reference: string, path: string): Promise<string>;
  stop(): Promise<void>;
}

/** What keeps a container runtime from being started here; null where nothing does. */
export const noContainerd: string | null = process.getuid?.() === 0 ? null : 'only root can start a container runtime';

/** @param hosts registries that speak HTTP without TLS */
export async function startContainerd(hosts: readonly string[]): Promise<Containerd> {
  const programs = await installContainerd(() => {});
  const folder = mkdtempSync(join(tmpdir(), 'containerd-'));
  const socket = join(folder, 'socket');
  writeFileSync(
    join(folder, 'config.toml'),
    `version = 2
root = ${JSON.stringify(join(folder, 'root'))}
state = ${JSON.stringify(join(folder, 'state'))}
disabled_plugins = ["io.containerd.grpc.v1.cri"]
[grpc]
address = ${JSON.stringify(socket)}
[ttrpc]
address = ${JSON.stringify(`${socket}.ttrpc`)}
`,
  );
  for (const host of hosts) {
    mkdirSync(join(folder, 'hosts', host), { recursive: true });
    writeFileSync(join(folder, 'hosts', host, 'hosts.toml'), `server = "http://${host}"\n[host."http://${host}"]\ncapabilities = ["pull", "resolve"]\n`);
  }
  const child = startChild(join(programs, 'containerd'), ['--config', join(folder, 'config.toml')], join(folder, 'log'));
  const ctr = async (...args: readonly string[]): Promise<string> =>
    (await run(join(programs, 'ctr'), ['--address', socket, ...args], { timeout: 30_000 })).stdout;
  await waitFor('containerd', async () => {
    try {
      return await ctr('version');
    } catch {
      return null;
    }
  });
  return {
    async pull(reference) {
      await ctr('images', 'pull', '--hosts-dir', join(folder, 'hosts'), '--snapshotter', 'native', '--platform', 'linux/amd64', reference);
      const listed = await ctr('images', 'ls', `name==${reference}`);
      return /sha256:[0-9a-f]{64}/.exec(listed.replaceAll(reference, ''))?.[0] ?? '';
    },
    async readFile(reference, path) {
      const mounted = join(folder, 'mounted');
      mkdirSync(mounted, { recursive: true });
      await ctr('images', 'mount', '--snapshotter', 'native', '--platform', 'linux/amd64', reference, mounted);
      try {
        return readFileSync(join(mounted, path), 'utf8');
      } finally {
        await ctr('images', 'unmount', mounted);
      }
    },
    async stop() {
      await child.stop();
      rmSync(folder, { recursive: true, force: true });
    },
  };
}

import { type ChildProcess, execFile, spawn } from 'node:child_process';
import { createHash } from 'node:crypto';
import { once } from 'node:events';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout } from 'node:timers/promises';
import { promisify } from 'node:util';
import { gzipSync } from 'node:zlib';
import type { Rootfs } from '../../src/domain/evidence.ts';
import { installTool } from '../../tools/install.ts';
import { digestOf, ociIndex, ociManifest, type Place, pushBlob, pushManifest, type RegistryDescriptor } from '../fakes/publish/push.ts';

const run = promisify(execFile);

/** When the database of the tests says it was made. */
export const databaseTime = '2026-11-24T06:00:00Z';

/** What the database knows, by its source: https://github.com/aquasecurity/trivy-db */
const database = {
  updatedAt: databaseTime,
  sources: {
    'debian 12': { ID: 'debian', Name: 'Debian Security Tracker', URL: 'https://security-tracker.debian.org' },
    'alpine 3.20': { ID: 'alpine', Name: 'Alpine Secdb', URL: 'https://secdb.alpinelinux.org/' },
    'npm::GitHub Security Advisory npm': { ID: 'ghsa', Name: 'GitHub Security Advisory npm', URL: 'https://github.com/advisories' },
  },
  vulnerabilities: {
    'CVE-2026-1001': { Title: 'fixed', Severity: 'HIGH', VendorSeverity: { debian: 2, nvd: 4 } },
    'CVE-2026-1002': { Title: 'will not be fixed', Severity: 'CRITICAL', VendorSeverity: { nvd: 4 } },
    'CVE-2026-1003': { Title: 'nobody graded it' },
    'CVE-2026-2001': { Title: 'alpine', Severity: 'HIGH', VendorSeverity: { nvd: 3 } },
    'CVE-2026-3001': { Title: 'npm', Severity: 'MEDIUM', VendorSeverity: { ghsa: 2 } },
  },
  advisories: [
    { source: 'debian 12', package: 'openssl', id: 'CVE-2026-1001', status: 'fixed', fixedVersion: '3.0.2-1', severity: 2 },
    { source: 'debian 12', package: 'openssl', id: 'CVE-2026-1002', status: 'will_not_fix' },
    { source: 'debian 12', package: 'zlib', id: 'CVE-2026-1003', status: 'affected' },
    { source: 'alpine 3.20', package: 'busybox', id: 'CVE-2026-2001', status: 'fixed', fixedVersion: '1.36.1-r30' },
    { source: 'npm::GitHub Security Advisory npm', package: 'left-pad', id: 'CVE-2026-3001', vulnerableVersions: ['<1.3.0'], patchedVersions: ['1.3.0'] },
  ],
};

type Files = Readonly<Record<string, string>>;

const dpkg = (name: string, version: string, source: string): string =>
  `Package: ${name}\nStatus: install ok installed\nVersion: ${version}\nArchitecture: amd64\nSource: ${source}\nMaintainer: nobody\nDescription: some\n`;

/** Root file systems that Trivy tells apart. */
export const files = {
  debian: {
    'etc/os-release': 'ID=debian\nVERSION_ID="12"\n',
    'etc/debian_version': '12.8\n',
    'var/lib/dpkg/status': `${dpkg('libssl3', '3.0.1-1', 'openssl')}\n${dpkg('zlib1g', '1:1.2.13-1', 'zlib')}\n`,
  },
  debianClean: {
    'etc/os-release': 'ID=debian\nVERSION_ID="12"\n',
    'etc/debian_version': '12.8\n',
    'var/lib/dpkg/status': `${dpkg('libssl3', '3.0.9-1', 'openssl').replace('openssl', 'other')}\n`,
  },
  debianOld: {
    'etc/os-release': 'ID=debian\nVERSION_ID="8"\n',
    'etc/debian_version': '8.11\n',
    'var/lib/dpkg/status': `${dpkg('libssl3', '3.0.1-1', 'openssl')}\n`,
  },
  alpine: {
    'etc/os-release': 'ID=alpine\nVERSION_ID=3.20.1\n',
    'etc/alpine-release': '3.20.1\n',
    'lib/apk/db/installed': 'P:busybox\nV:1.36.1-r29\nA:aarch64\nL:GPL-2.0-only\no:busybox\n\n',
  },
  node: { 'app/node_modules/left-pad/package.json': JSON.stringify({ name: 'left-pad', version: '1.2.0', license: 'WTFPL' }) },
  scratch: { 'app/binary': 'nothing that anybody knows' },
  unknown: { 'etc/os-release': 'ID=mysteryos\nVERSION_ID=1\n', 'app/binary': 'x' },
} satisfies Record<string, Files>;

export interface RootImage {
  readonly descriptor: RegistryDescriptor;
  readonly imageId: RegistryDescriptor['digest'];
  readonly configSize: number;
  readonly rootfs: Rootfs;
}

/** Pushes an image of one layer with these files, under a tag if one is named. */
export async function pushRoot(place: Place, root: Files, options: { readonly tag?: string; readonly architecture?: string } = {}): Promise<RootImage> {
  const tar = tarOf(root);
  const architecture = options.architecture ?? 'amd64';
  const layer = await pushBlob(place, gzipSync(tar), 'application/vnd.oci.image.layer.v1.tar+gzip');
  const configuration = { created: '2026-11-01T00:00:00Z', os: 'linux', architecture, config: {}, rootfs: { type: 'layers', diff_ids: [digestOf(tar)] } };
  const config = await pushBlob(place, Buffer.from(JSON.stringify(configuration)), 'application/vnd.oci.image.config.v1+json');
  const descriptor = await pushManifest(place, { schemaVersion: 2, mediaType: ociManifest, config, layers: [layer] }, ociManifest, options.tag);
  return {
    descriptor: { ...descriptor, platform: { os: 'linux', architecture } },
    imageId: config.digest,
    configSize: config.size,
    rootfs: { layers: hashOf(layer.digest), diffIds: hashOf(digestOf(tar)) },
  };
}

const hashOf = (digest: string): string => createHash('sha256').update(digest).digest('hex');

export function pushIndexOf(place: Place, images: readonly RootImage[], tag: string): Promise<RegistryDescriptor> {
  return pushManifest(place, { schemaVersion: 2, mediaType: ociIndex, manifests: images.map(({ descriptor }) => descriptor) }, ociIndex, tag);
}

export interface Trivy {
  /** Scans an image of a registry; what Trivy writes, parsed. */
  scan(reference: string, ...more: readonly string[]): Promise<unknown>;
  /** `trivy convert` of what a scan wrote. */
  convert(report: unknown, format: string): Promise<unknown>;
  /** Starts a Trivy server with the same database; its URL. It ends with `close`. */
  serve(): Promise<string>;
  /** A file in a folder of its own, for `--vex` and the like. */
  write(name: string, value: unknown): string;
  close(): void;
}

/** The real Trivy, offline, with a database of a few advisories. */
export async function startTrivy(): Promise<Trivy> {
  const [binary, maker] = [await installTool('trivy'), await installTool('trivy-db')];
  const folder = mkdtempSync(join(tmpdir(), 'trivy-'));
  const cache = join(folder, 'cache');
  const env = { PATH: process.env['PATH'] ?? '', HOME: folder, TRIVY_CACHE_DIR: cache };
  const write = (name: string, value: unknown): string => {
    const path = join(folder, name);
    writeFileSync(path, JSON.stringify(value));
    return path;
  };
  const makeDatabase = async (into: string): Promise<void> => {
    const made = run(maker, [into], { timeout: 30_000 });
    made.child.stdin?.end(JSON.stringify(database));
    await made;
  };
  await makeDatabase(cache);
  let outputs = 0;
  const servers: ChildProcess[] = [];
  const into = async (args: readonly string[]): Promise<unknown> => {
    outputs += 1;
    const output = join(folder, `output-${outputs}.json`);
    await run(binary, [...args.slice(0, -1), '--output', output, args.at(-1) ?? ''], { cwd: folder, env, timeout: 60_000 });
    return JSON.parse(readFileSync(output, 'utf8'));
  };
  const offline = ['-q', '--skip-db-update', '--skip-java-db-update', '--offline-scan', '--skip-version-check', '--insecure'];
  return {
    scan: (reference, ...more) => {
      const usual = [...(more.includes('--format') ? [] : ['--format', 'json']), ...(more.includes('--scanners') ? [] : ['--scanners', 'vuln'])];
      return into(['image', ...offline, ...usual, ...more, reference]);
    },
    convert: (report, format) => into(['convert', '-q', '--format', format, write('convert.json', report)]),
    async serve() {
      // A server that runs locks its cache.
      const own = join(folder, `server-${servers.length}`);
      await makeDatabase(own);
      const port = await freePort();
      const child = spawn(binary, ['server', '-q', '--listen', `127.0.0.1:${port}`, '--skip-db-update', '--cache-dir', own], {
        cwd: folder,
        env,
        stdio: 'ignore',
      });
      servers.push(child);
      const url = `http://127.0.0.1:${port}`;
      // It has no other way to say that it listens.
      for (let attempt = 0; attempt < 200; attempt += 1) {
        const answered = await fetch(`${url}/healthz`).catch(() => null);
        if (answered?.ok === true) return url;
        if (child.exitCode !== null) throw new Error(`the Trivy server ended with ${child.exitCode}`);
        await setTimeout(50);
      }
      throw new Error('the Trivy server does not answer');
    },
    write,
    close() {
      for (const server of servers) server.kill();
      rmSync(folder, { recursive: true, force: true, maxRetries: 5 });
    },
  };
}

/** Trivy can't be asked which port it got. */
async function freePort(): Promise<number> {
  const server = createServer().listen(0, '127.0.0.1');
  await once(server, 'listening');
  const address = server.address();
  server.close();
  await once(server, 'close');
  if (address === null || typeof address === 'string') throw new Error('a TCP server has a port');
  return address.port;
}

/** A ustar archive (POSIX.1-1988). */
function tarOf(root: Files): Buffer {
  const parts = Object.entries(root).flatMap(([name, content]) => {
    const bytes = Buffer.from(content);
    const header = Buffer.alloc(512);
    header.write(name, 0);
    header.write('0000644\0', 100);
    header.write('0000000\0', 108);
    header.write('0000000\0', 116);
    header.write(`${bytes.length.toString(8).padStart(11, '0')}\0`, 124);
    header.write('00000000000\0', 136);
    header.write('        ', 148);
    header.write('0', 156);
    header.write('ustar\x0000', 257);
    header.write(
      `${[...header]
        .reduce((sum, byte) => sum + byte, 0)
        .toString(8)
        .padStart(6, '0')}\0 `,
      148,
    );
    return [header, bytes, Buffer.alloc((512 - (bytes.length % 512)) % 512)];
  });
  return Buffer.concat([...parts, Buffer.alloc(1024)]);
}

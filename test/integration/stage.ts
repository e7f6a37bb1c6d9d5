/**
 * The whole webhook in this process, as `serve` puts it together, before an in-process registry:
 *
 *     const stage = await setStage();
 *     const image = await stage.publish('acme/web');                      // signed (legacy layout) and scanned
 *     const webhook = await stage.serve({ mode: { default: 'warn' } });   // keys of the configuration, replaced
 *     await webhook.validate(podOf(image));                               // what the API server gets
 *     webhook.records(); webhook.log(); await webhook.stop(); await stage.close();
 */
import { existsSync, mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Writable } from 'node:stream';
import { createLog } from '../../src/cli/log.ts';
import { loadConfig } from '../../src/config/index.ts';
import { type Running, serve } from '../../src/serve.ts';
import { type KeyPair, makeKey, type PublishedImage, publishImage, signLegacy, trivyReport } from '../fakes/publish.ts';
import { type FakeRegistry, startRegistry } from '../fakes/registry.ts';
import { type Answer, type Caller, openCaller, type Reviewed } from './calls.ts';

export type Changes = Readonly<Record<string, unknown>>;

export interface Webhook {
  readonly running: Running;
  readonly caller: Caller;
  /** `/validate`, waited for as long as `timeout` milliseconds say. */
  validate(review: unknown, timeout?: number): Promise<Reviewed>;
  mutate(review: unknown): Promise<Reviewed>;
  /** All entries of the record on disk, oldest first, without contents and openings. */
  records(): readonly AuditRecord[];
  /** All that was logged so far. */
  log(): string;
  ops(path: string): Promise<Answer>;
  stop(): Promise<void>;
}

/** As much of a record as tests look at. */
export interface AuditRecord {
  readonly id: string;
  readonly uid: string;
  readonly decision: string;
  readonly images: readonly {
    readonly faults: readonly { readonly code: string; readonly stage: string }[];
    readonly lastKnownGood: readonly { readonly stage: string; readonly source: string }[];
  }[];
}

export interface Stage {
  readonly folder: string;
  readonly registry: FakeRegistry;
  readonly release: KeyPair;
  /** Publishes an image with a scan report, signed by the release key unless told otherwise. */
  publish(repository: string, options?: PublishOptions): Promise<PublishedImage>;
  configure(changes?: Changes): void;
  serve(changes?: Changes): Promise<Webhook>;
  close(): Promise<void>;
}

export interface PublishOptions {
  readonly registry?: FakeRegistry;
  readonly tag?: string;
  /** Images of the same content have the same digest and scan report; a report that comes after the start is seen a moment later. */
  readonly content?: string;
  readonly signed?: boolean;
}

export async function setStage(options: Parameters<typeof startRegistry>[0] = {}): Promise<Stage> {
  const registry = await startRegistry(options);
  const folder = mkdtempSync(join(tmpdir(), 'tidewaiter-'));
  const release = makeKey('p256');
  mkdirSync(join(folder, 'reports'));
  writeFileSync(join(folder, 'release.pub'), release.publicPem);
  const webhooks: Webhook[] = [];

  const configure = (changes: Changes = {}): void => {
    // YAML includes JSON: nothing can be misquoted.
    writeFileSync(join(folder, 'tidewaiter.yaml'), JSON.stringify({ ...usualConfiguration(registry.host), ...changes }, null, 2));
  };
  const stage: Stage = {
    folder,
    registry,
    release,
    async publish(repository, { registry: at = registry, tag = '1.0', content = usualContent, signed = true } = {}) {
      const image = await publishImage({ registry: at.origin, repository, tag, content });
      if (signed) await signLegacy(image, release);
      const report = join(folder, 'reports', `${image.imageId.slice(7, 23)}.json`);
      if (!existsSync(report)) writeFileSync(report, JSON.stringify(trivyReport({ imageId: image.imageId })));
      return image;
    },
    configure,
    async serve(changes) {
      configure(changes);
      const webhook = await openWebhook(folder);
      webhooks.push(webhook);
      return webhook;
    },
    async close() {
      for (const webhook of webhooks) await webhook.stop();
      await registry.close();
      rmSync(folder, { recursive: true, force: true });
    },
  };
  await stage.publish('acme/first');
  return stage;
}

const usualContent = 'what every image holds unless told otherwise';

export function usualConfiguration(host: string) {
  return {
    apiVersion: 'tidewaiter.dev/v1',
    kind: 'Configuration',
    server: { listen: '127.0.0.1:0', ops: '127.0.0.1:0', tls: { selfSigned: { directory: 'state/tls', dnsNames: ['localhost'] } } },
    registries: [{ host, plainHTTP: true }] as readonly object[],
    signers: [releaseSigner],
    scans: [{ name: 'reports', kind: 'trivy-directory', path: 'reports' }],
    policy: { data: { registries: [host] } } as Changes,
    audit: { sinks: [] } as Changes,
  };
}

export const releaseSigner = { name: 'release', kind: 'cosign-key', images: ['**'], keyFile: 'release.pub' };

async function openWebhook(folder: string): Promise<Webhook> {
  const written: string[] = [];
  const stderr = new Writable({
    write(chunk, _encoding, done) {
      written.push(String(chunk));
      done();
    },
  });
  const log = createLog({ stdin: process.stdin, stdout: stderr, stderr, env: {}, cwd: folder }, 'json', 'info');
  const loaded = await loadConfig({ file: join(folder, 'tidewaiter.yaml'), env: {}, cwd: folder });
  if (!loaded.ok) throw new Error(loaded.faults.map(({ path, message }) => `${path}: ${message}`).join('\n'));
  const started = await serve(loaded.config, { log, version: 'test' });
  if (!started.ok) throw new Error(started.fault.message, { cause: started.fault.cause });
  const { admission, ops, about } = started.value;
  const prefix = about.pathSecret === null ? '' : `/${about.pathSecret}`;
  const caller = openCaller(admission, about.ca ?? readFileSync(join(folder, 'ca.pem'), 'utf8'), prefix);
  let stopped: Promise<void> | null = null;
  return {
    running: started.value,
    caller,
    validate: (review, timeout = 10_000) => caller.review('/validate', review, timeout),
    mutate: (review) => caller.review('/mutate', review, 10_000),
    records: () => readSpool(about.spool).filter(isRecord),
    log: () => written.join(''),
    async ops(path) {
      const answer = await fetch(`http://${ops?.host}:${ops?.port}${path}`);
      return { status: answer.status, body: await answer.text() };
    },
    stop() {
      stopped ??= (async () => {
        await started.value.stop();
        caller.close();
      })();
      return stopped;
    },
  };
}

/** Lines of the spool, whole segments in order. */
export function readSpoolLines(directory: string): readonly string[] {
  return readdirSync(directory)
    .filter((name) => name.endsWith('.jsonl'))
    .sort()
    .flatMap((name) => readFileSync(join(directory, name), 'utf8').split('\n'))
    .filter((line) => line !== '');
}

function readSpool(directory: string): readonly unknown[] {
  return readSpoolLines(directory).map((line): unknown => JSON.parse(line));
}

function isRecord(entry: unknown): entry is AuditRecord {
  return typeof entry === 'object' && entry !== null && 'decision' in entry && 'images' in entry;
}

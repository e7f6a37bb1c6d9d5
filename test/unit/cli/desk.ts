/** A command line to test at: streams that are read, and a program that says what a test tells it to. */
import { EventEmitter } from 'node:events';
import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { PassThrough, Readable } from 'node:stream';
import type { App, AppParts, Checked, ProgramParts, Running } from '../../../src/cli/desk.ts';
import { run } from '../../../src/cli/index.ts';
import type { LoadedConfig } from '../../../src/config/index.ts';
import type { AdmissionRequest } from '../../../src/domain/admission.ts';
import type { WeighedFinding } from '../../../src/domain/decision.ts';
import type { Evidence, JudgedImage } from '../../../src/domain/evidence.ts';
import { bad, good, type Outcome } from '../../../src/domain/fault.ts';
import { parseReference } from '../../../src/domain/image.ts';
import { type ContainerImage, readWorkload } from '../../../src/domain/workload.ts';

export const digest = `sha256:${'ab'.repeat(32)}`;

const noEvidence: Evidence = { platforms: [], signatures: [], attestations: [], scans: [], rejected: [], faults: [], lastKnownGood: [], dark: [] };

export function judged(container: ContainerImage, evidence: Partial<Evidence> = {}): JudgedImage {
  const parsed = parseReference(`${container.written.split('@')[0]}@${digest}`);
  return {
    container,
    reference: parsed.ok ? parsed.value : null,
    admitted: `harbor.corp/hub/${container.written}@${digest}`,
    pinned: true,
    mirror: 'harbor.corp/hub',
    mirrorMissing: null,
    evidence: { ...noEvidence, ...evidence },
  };
}

export function finding(more: Partial<WeighedFinding>): WeighedFinding {
  const effect = more.effect ?? 'deny';
  return {
    policy: 'signed',
    id: null,
    effect,
    msg: 'no accepted signature',
    severity: null,
    container: null,
    cves: [],
    remediation: null,
    code: null,
    decisive: effect === 'deny',
    waivedBy: null,
    ...more,
  };
}

/** The answer of a cluster that denies images named `bad`, warns of those named `old`, and admits the rest. */
export function answer(request: AdmissionRequest, mode: Checked['mode'] = 'enforce'): Checked | null {
  const workload = readWorkload(request.kind, request.object);
  if (workload === null || (workload.owner !== null && request.kind !== 'v1/Pod')) return null;
  const images = workload.images.map((image) => judged(image));
  const findings = images.flatMap(({ container }) => {
    const about = { container: container.container };
    if (container.written.startsWith('bad')) return [finding({ ...about, severity: 'HIGH', remediation: 'Sign it.', cves: ['CVE-2026-1'] })];
    return container.written.startsWith('old') ? [finding({ ...about, policy: 'fresh', effect: 'warn', msg: 'is old' })] : [];
  });
  const decision = findings.some(({ effect }) => effect === 'deny') ? 'deny' : 'allow';
  const under = request.kind === 'v1/Pod' ? mode : 'warn';
  return { request, images, decision, answered: under === 'enforce' ? decision : 'allow', mode: under, findings, exceptions: [], message: '', input: null };
}

export interface Ran {
  readonly code: number;
  readonly out: string;
  readonly err: string;
  readonly asked: readonly AdmissionRequest[];
  readonly closed: number;
}

export interface TestDesk {
  readonly folder: string;
  readonly signals: EventEmitter;
  put(path: string, content: string): Promise<void>;
  run(argv: readonly string[], more?: RunOptions): Promise<Ran>;
  remove(): Promise<void>;
}

export interface RunOptions {
  readonly app?: Partial<App>;
  readonly create?: (config: LoadedConfig, parts: AppParts) => Promise<Outcome<App>>;
  readonly stdin?: string;
  readonly terminal?: boolean;
  readonly env?: Readonly<Record<string, string>>;
  /** Hears what goes to stdout, as it goes. */
  readonly heard?: (text: string) => void;
}

export async function openTestDesk(): Promise<TestDesk> {
  const folder = await mkdtemp(join(tmpdir(), 'tidewaiter-cli-'));
  const signals = new EventEmitter();
  return {
    folder,
    signals,
    async put(path, content) {
      await mkdir(dirname(join(folder, path)), { recursive: true });
      await writeFile(join(folder, path), content);
    },
    async run(argv, { app = {}, create, stdin = '', terminal = false, env = {}, heard } = {}) {
      const asked: AdmissionRequest[] = [];
      let closed = 0;
      const [out, err] = [collect(terminal), collect(terminal)];
      if (heard !== undefined) out.stream.on('data', (chunk) => heard(String(chunk)));
      const fake: App = {
        check: async (request) => {
          asked.push(request);
          return good(answer(request));
        },
        verify: async () => bad('INTERNAL', 'not told'),
        rules: async () => [],
        serve: async () => bad('INTERNAL', 'not told'),
        audit: async () => bad('INTERNAL', 'not told'),
        holds: async () => bad('INTERNAL', 'not told'),
        probe: async () => good(null),
        proof: {
          verify: async () => bad('INTERNAL', 'not told'),
          key: async () => bad('INTERNAL', 'not told'),
          rotate: async () => bad('INTERNAL', 'not told'),
        },
        ...app,
        close: async () => {
          closed += 1;
        },
      };
      const parts: ProgramParts = { createApp: create ?? (async () => good(fake)), signals };
      const code = await run(argv, { stdout: out.stream, stderr: err.stream, stdin: Readable.from([Buffer.from(stdin)]), env, cwd: folder }, parts);
      return { code, out: out.text(), err: err.text(), asked, closed };
    },
    remove: () => rm(folder, { recursive: true, force: true }),
  };
}

export function running(more: Partial<Running> = {}): Running {
  return {
    admission: { host: '127.0.0.1', port: 8443 },
    ops: { host: '127.0.0.1', port: 8081 },
    about: { records: '/var/lib/tidewaiter/audit', policies: ['signed', 'scanned'], pathSecret: null, ca: null },
    stop: async () => {},
    ...more,
  };
}

function collect(terminal: boolean): { stream: PassThrough & { isTTY: boolean }; text: () => string } {
  const chunks: string[] = [];
  const stream = Object.assign(new PassThrough(), { isTTY: terminal });
  stream.on('data', (chunk) => chunks.push(String(chunk)));
  return { stream, text: () => chunks.join('') };
}

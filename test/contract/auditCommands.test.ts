/** What reviewers type, over every store: lists, one record explained, exports, holds. */
import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { Readable, Writable } from 'node:stream';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { createApp } from '../../src/app.ts';
import { run as runProgram } from '../../src/cli/index.ts';
import type { RecordDraft } from '../../src/domain/record.ts';
import { denial, evidence, image } from '../unit/audit/fixtures.ts';
import { recordId, type StoreStage, stageStore, stopSharedPostgres, storeKinds } from './auditRig.ts';

const now = Date.now();
const hour = 3_600_000;
const request = {
  uid: 'u',
  operation: 'CREATE',
  kind: 'v1/Pod',
  subResource: '',
  namespace: 'shop',
  name: null,
  generateName: 'web-7d-',
  user: { username: 'alice', groups: [] },
  dryRun: false,
  object: {},
  oldObject: null,
} as const;
const hostile: Partial<RecordDraft> = {
  id: recordId(now - 2 * hour),
  time: now - 2 * hour,
  request: { ...request, generateName: '=cmd|calc', user: { username: '@SUM(A1)\u001b[31m', groups: [] } },
  owner: null,
  findings: [{ ...denial, msg: '=HYPERLINK("http://evil")\u202e' }],
};
const admitted: Partial<RecordDraft> = {
  id: recordId(now - 3 * hour),
  time: now - 3 * hour,
  request: { ...request, namespace: 'dev' },
  decision: 'allow',
  answered: 'allow',
  findings: [],
};
const outage = { stage: 'scans', source: 'harbor', code: 'REGISTRY_UNAVAILABLE', message: 'harbor.corp does not answer', transient: true } as const;
const dark: Partial<RecordDraft> = {
  id: recordId(now - 4 * hour),
  time: now - 4 * hour,
  request,
  owner: { kind: 'Job', name: 'import' },
  images: [image(evidence({ faults: [outage], scans: [], dark: ['scans'], signatures: [] }))],
  findings: [
    {
      ...denial,
      policy: 'tidewaiter',
      id: 'dark-scans',
      code: 'REGISTRY_UNAVAILABLE',
      cves: [],
      msg: 'container web: no scan result could be looked at',
      remediation: null,
    },
  ],
};
const retries = Array.from(
  { length: 3 },
  (_, i): Partial<RecordDraft> => ({
    id: recordId(now - i * 1000 - 1000),
    time: now - i * 1000 - 1000,
    request,
    owner: { kind: 'ReplicaSet', name: 'web-7d' },
  }),
);

const kinds = Object.keys(storeKinds).filter((kind) => kind === 'sqlite' || kind === 'postgres' || kind === 'jsonl');

afterAll(stopSharedPostgres);

describe.each(kinds)('with records in %s', (kind) => {
  let stage: StoreStage;
  let folder: string;

  beforeAll(async () => {
    stage = await stageStore(kind, Date.now);
    await stage.record(hostile, admitted, dark, ...retries);
    if (kind !== 'jsonl') await stage.ship();
    folder = join(stage.folder, 'desk');
    mkdirSync(folder);
    const { settings } = stage;
    const store =
      settings.kind === 'postgres'
        ? `postgres://${settings.user}@${settings.host}:${settings.port}/${settings.database}`
        : settings.kind === 'sqlite'
          ? `sqlite:${settings.file}`
          : `jsonl:${settings.directory}`;
    if (settings.kind === 'postgres') writeFileSync(join(folder, 'password'), `${settings.password ?? ''}\n`);
    writeFileSync(
      join(folder, 'tidewaiter.yaml'),
      `apiVersion: tidewaiter.dev/v1\nkind: Configuration\naudit:\n  store: ${store}\n${settings.kind === 'postgres' ? '  passwordFile: password\n' : ''}`,
    );
    return () => stage.close();
  });

  async function run(...argv: readonly string[]): Promise<{ readonly code: number; readonly out: string; readonly err: string }> {
    const texts = { out: '', err: '' };
    const into = (key: 'out' | 'err'): Writable =>
      new Writable({
        write(chunk: Buffer, _encoding, done) {
          texts[key] += chunk.toString();
          done();
        },
      });
    const io = { stdout: into('out'), stderr: into('err'), stdin: Readable.from([]), env: {}, cwd: folder };
    const code = await runProgram(['audit', ...argv], io, { createApp, signals: process });
    return { code, ...texts };
  }

  it('list shows why, for whom and how often, in lines that are not too long', async () => {
    const { code, out, err } = await run('list');
    expect([code, err]).toEqual([0, '']);
    expect(out).toContain('denied   shop/ReplicaSet/web-7d');
    expect(out).toContain('3 times since ');
    expect(out).toContain('scanned: container web: CVE-2026-0001 is critical');
    expect(out).toContain('4 entries.');
    expect(Math.max(...out.split('\n').map((line) => line.length))).toBeLessThanOrEqual(100);
    // biome-ignore lint/suspicious/noControlCharactersInRegex: that is what must not be there
    expect(out).not.toMatch(/[\u001b\u202e]/);
  });

  it.each([
    [['--namespace', 'dev'], 1],
    [['--denied', '--since', '1h'], 1],
    [['--class', 'fault', '--class', 'allow'], 2],
    [['--until', '210m'], 1],
    [['--user', 'alice', '--no-collapse'], 5],
    [['--search', 'critical'], 1],
    [['--last-known-good', 'false', '--cve', 'CVE-2026-0001'], 2],
    [['--breakglass'], 0],
    [['--owner-kind', 'Job'], 1],
  ])('list %s finds %i', async (argv, count) => {
    const { code, out } = await run('list', '--output', 'json', ...argv);
    expect(code).toBe(0);
    expect(JSON.parse(out).records).toHaveLength(count);
  });

  it('list goes on where it ended', async () => {
    const first = JSON.parse((await run('list', '--output', 'json', '--limit', '2')).out);
    const second = JSON.parse((await run('list', '--output', 'json', '--limit', '3', '--after', first.next)).out);
    expect([first.records.length, second.records.length, second.next]).toEqual([2, 2, null]);
  });

  it.each([
    [['list', '--namespace', 'Not A Name'], /--namespace must be the name of a namespace/],
    [['list', '--since', 'yesterday'], /--since must be a time such as/],
    [['list', '--limit', '501'], /from 1 to 500/],
    [['list', '--after', 'x'], /cursor is none of ours/],
    [['export', '--class', 'maybe'], /--class must be allow, warn, deny or fault/],
    [['hold', 'case-17'], /say with --reason/],
    [['hold', 'Case 17', '--reason', 'x'], /lower-case letters/],
  ])('%s says what is wrong', async (argv, message) => {
    const { code, out, err } = await run(...argv);
    expect([code, out]).toEqual([2, '']);
    expect(err).toMatch(message);
  });

  it('show explains a denial: the image, the finding that decided, what to do', async () => {
    const { code, out } = await run('show', String(retries[0]?.id).toLowerCase());
    expect(code).toBe(0);
    for (const part of [
      `denied ${retries[0]?.id}`,
      'CREATE v1/Pod shop/web-7d-, of ReplicaSet/web-7d',
      'alice',
      'Image of container web',
      'written     nginx:1.27',
      'means       docker.io/library/nginx:1.27@sha256:aaaa',
      'signers     release',
      'attested linux/amd64: 1 critical; trivy 0.74.0',
      'deny  scanned/severe: container web: CVE-2026-0001 is critical',
      'What to do: Update openssl to 3.0.2.',
      'tidewaiter verify docker.io/library/nginx:1.27@sha256:aaaa',
    ]) {
      expect(out).toContain(part);
    }
  });

  it('show says what could not be looked at', async () => {
    const { out } = await run('show', String(dark.id));
    expect(out).toContain('no answer   scans harbor: REGISTRY_UNAVAILABLE: harbor.corp does not answer');
    expect(out).toContain('the decision rests on nothing but what could not be looked at');
  });

  it('show gives the line that the hash is of', async () => {
    const { out } = await run('show', '--output', 'raw', String(hostile.id));
    expect(JSON.parse(out)).toMatchObject({ id: hostile.id, request: { generateName: '=cmd|calc' } });
  });

  it('show of what is not there says so', async () => {
    expect(await run('show', '01AAAAAAAAAAAAAAAAAAAAAAAA')).toMatchObject({
      code: 1,
      out: '',
      err: expect.stringContaining('there is no record with this id'),
    });
  });

  it('export writes the records byte for byte, oldest first', async () => {
    const { code, out } = await run('export');
    const records = out
      .trimEnd()
      .split('\n')
      .map((line) => JSON.parse(line));
    expect([code, records.map(({ id }) => id)]).toEqual([0, [dark, admitted, hostile, ...[...retries].reverse()].map(({ id }) => id)]);
  });

  it('export as CSV holds no cell that a spreadsheet would run', async () => {
    const { out } = await run('export', '--form', 'csv', '--decision', 'deny', '--order', 'newest');
    const lines = out.trimEnd().split('\r\n');
    expect(lines[0]).toMatch(/^time,answered,decision,/);
    expect(lines).toHaveLength(6);
    expect(out).toContain(`"'=HYPERLINK(""http://evil"")`);
    expect(out).toContain("'@SUM(A1)");
    expect(out).not.toMatch(/(^|,)"?[=@+]/m);
  });

  it('hold keeps the records of a time', async () => {
    if (kind === 'jsonl') {
      expect(await run('hold')).toMatchObject({ code: 2, err: expect.stringContaining('knows no holds') });
      return;
    }
    expect((await run('hold')).out).toBe('There is no hold.\n');
    expect(await run('hold', 'case-17', '--since', '2026-11-01', '--until', '2026-12-01', '--reason', 'incident')).toMatchObject({ code: 0 });
    expect((await run('hold', 'case-17', '--reason', 'again')).code).toBe(1);
    expect((await run('hold')).out).toMatch(/^case-17: 2026-11-01 00:00:00 to 2026-12-01 00:00:00; by unknown on .*: incident\n$/);
    expect((await run('hold', 'case-17', '--release')).code).toBe(0);
    expect((await run('hold', 'case-17', '--release')).code).toBe(1);
  });
});

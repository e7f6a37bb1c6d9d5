import { spawn } from 'node:child_process';
import { mkdirSync, mkdtempSync, readFileSync, renameSync, rmSync, statSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterEach, beforeEach, describe, expect, test, vi } from 'vitest';
import { type Sink, type SinkKind, sinkKinds } from '../../../src/audit/index.ts';
import { SinkQueue } from '../../../src/audit/sinks/queue.ts';
import { bad, good, type Outcome } from '../../../src/domain/fault.ts';
import { logger } from './fixtures.ts';

let directory: string;
beforeEach(() => {
  directory = mkdtempSync(join(tmpdir(), 'sinks-'));
});
afterEach(() => rmSync(directory, { recursive: true, force: true }));

const parts = { resolvePath: (path: string) => join(directory, path) };
const examples: Record<keyof typeof sinkKinds, Readonly<Record<string, unknown>>> = { stdout: {}, file: { path: 'logs/audit.jsonl' } };

async function create(kind: SinkKind, settings: unknown): Promise<Sink> {
  const created = await kind.create(kind.settings.parse(settings), parts);
  if (!created.ok) throw new Error(created.fault.message);
  return created.value;
}

test.each(Object.entries<SinkKind>(sinkKinds))('every sink kind refuses what it does not know: %s', async (name, kind) => {
  const example = { kind: name, ...Object.entries(examples).find(([known]) => known === name)?.[1] };
  expect(kind.settings.safeParse({ ...example, unheardOf: 1 }).success).toBe(false);
  expect(kind.settings.safeParse({ ...example, kind: 'other' }).success).toBe(false);
  const sink = await create(kind, example);
  expect(sink.name).toBe(name);
  await sink.close();
});

describe('the file sink', () => {
  const settings = { kind: 'file', path: 'logs/audit.jsonl' };
  const path = () => join(directory, 'logs/audit.jsonl');

  test('appends, for its owner only, and goes on in a new file when the old one is renamed', async () => {
    const sink = await create(sinkKinds.file, settings);
    await sink.write(Buffer.from('one\n'));
    await sink.write(Buffer.from('two\n'));
    expect(statSync(path()).mode & 0o777).toBe(0o600);
    renameSync(path(), `${path()}.1`);
    await sink.write(Buffer.from('three\n'));
    expect([readFileSync(`${path()}.1`, 'utf8'), readFileSync(path(), 'utf8')]).toEqual(['one\ntwo\n', 'three\n']);
  });

  test('says that it could not write, and can again later', async () => {
    mkdirSync(path(), { recursive: true });
    const sink = await create(sinkKinds.file, settings);
    expect(await sink.write(Buffer.from('one\n'))).toMatchObject({ ok: false, fault: { code: 'AUDIT_UNAVAILABLE' } });
    rmSync(path(), { recursive: true });
    expect(await sink.write(Buffer.from('two\n'))).toEqual(good(undefined));
    expect(readFileSync(path(), 'utf8')).toBe('two\n');
  });
});

describe('standard output', () => {
  const talker = fileURLToPath(new URL('./talker.ts', import.meta.url));

  /** Runs the talker into a pipe with a reader, and returns what it said, and what the shell says once it has ended. */
  async function talkTo(reader: string, wait: number): Promise<readonly string[]> {
    const shell = spawn('sh', ['-c', `{ "$0" "$1" "$2"; echo ended >&2; } | ${reader}`, process.execPath, talker, String(wait)], {
      stdio: ['ignore', 'ignore', 'pipe'],
      detached: true,
    });
    let said = '';
    for await (const text of shell.stderr.setEncoding('utf8')) {
      said += text;
      if (said.includes('ended')) break;
    }
    try {
      if (shell.pid !== undefined) process.kill(-shell.pid, 'SIGKILL');
    } catch {
      // All of it has ended by itself.
    }
    return said.trimEnd().split('\n');
  }

  test('that is read gets every record', async () => {
    const [fared] = await talkTo('cat >/dev/null', 10_000);
    expect(JSON.parse(fared ?? '')).toMatchObject({ lost: 0 });
  });

  test('that nobody reads holds up neither the records nor the end', async () => {
    const [fared, ended] = await talkTo('sleep 30', 100);
    expect(JSON.parse(fared ?? '').lost).toBeGreaterThan(0);
    expect(JSON.parse(fared ?? '').longest).toBeLessThan(1000);
    expect(ended).toBe('ended');
  });
});

describe('the queue before a sink', () => {
  /** A sink that answers when it is told to. */
  function slow() {
    const writes: { readonly lines: string; readonly answer: (outcome: Outcome<void>) => void }[] = [];
    const sink: Sink = {
      name: 'slow',
      write: (lines) => new Promise((answer) => writes.push({ lines: lines.toString(), answer })),
      close: async () => {},
    };
    return { sink, writes };
  }

  test('hands over one batch at a time, and all that came meanwhile with the next', async () => {
    const { sink, writes } = slow();
    const queue = new SinkQueue(sink, logger());
    for (const line of ['1\n', '2\n', '3\n']) queue.send(Buffer.from(line), 1);
    expect(writes.map(({ lines }) => lines)).toEqual(['1\n']);
    writes[0]?.answer(good(undefined));
    await vi.waitFor(() => expect(writes.map(({ lines }) => lines)).toEqual(['1\n', '2\n3\n']));
    writes[1]?.answer(good(undefined));
    await queue.close();
    expect(queue.lost).toBe(0);
  });

  test('loses what is too much, counts it, and says so once', () => {
    const { sink } = slow();
    const log = logger();
    const queue = new SinkQueue(sink, log, 4);
    for (const line of ['1\n', '2\n', '3\n', '4\n']) queue.send(Buffer.from(line), 1);
    expect(queue.lost).toBe(2);
    expect(log.messages).toEqual(['a sink loses records']);
  });

  test('counts what a failing sink did not take, and says when it takes records again', async () => {
    const { sink, writes } = slow();
    const log = logger();
    const queue = new SinkQueue(sink, log);
    queue.send(Buffer.from('1\n'), 7);
    writes[0]?.answer(bad('AUDIT_UNAVAILABLE', 'full'));
    await vi.waitFor(() => expect(queue.lost).toBe(7));
    queue.send(Buffer.from('2\n'), 1);
    await vi.waitFor(() => expect(writes).toHaveLength(2));
    writes[1]?.answer(good(undefined));
    await vi.waitFor(() => expect(log.messages).toEqual(['a sink loses records', 'a sink takes records again']));
  });

  test('does not wait for ever at the end', async () => {
    const { sink } = slow();
    const queue = new SinkQueue(sink, logger());
    queue.send(Buffer.from('1\n'), 1);
    queue.send(Buffer.from('2\n'), 3);
    await queue.close(10);
    expect(queue.lost).toBe(4);
  });
});

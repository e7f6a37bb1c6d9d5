import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { expect, test } from 'vitest';
import { verifyChain } from '../../../src/audit/verify.ts';

/** Runs the writer on a folder until it said so many records are durable, kills it, and returns what it said. */
async function killAfter(directory: string, records: number): Promise<readonly string[]> {
  const child = spawn(process.execPath, [fileURLToPath(new URL('./writer.ts', import.meta.url)), directory], { stdio: ['ignore', 'pipe', 'inherit'] });
  let said = '';
  child.stdout.setEncoding('utf8').on('data', (text: string) => {
    said += text;
    if (said.split('\n').length > records) child.kill('SIGKILL');
  });
  await once(child, 'close');
  return said.slice(0, said.lastIndexOf('\n')).split('\n');
}

test('what was said to be durable is on disk after kill -9, and each next process ties itself to what is', async () => {
  const directory = mkdtempSync(join(tmpdir(), 'kill-'));
  const said = [];
  for (const records of [1, 50, 700]) said.push(...(await killAfter(directory, records)));
  expect(said.length).toBeGreaterThan(750);

  const lines = readdirSync(directory)
    .sort()
    .map((name) => readFileSync(join(directory, name), 'utf8').split('\n'));
  // A killed process may leave one line unfinished, and nothing else.
  for (const segment of lines) expect(verifyChain(segment).faults.filter(({ kind }) => kind !== 'torn')).toEqual([]);
  const entries = lines.flatMap((segment) => segment.slice(0, -1).map((line) => JSON.parse(line)));
  const kept = new Set(entries.map(({ id, hash }) => `${id} ${hash}`));
  expect(said.filter((record) => !kept.has(record))).toEqual([]);

  const openings = entries.filter(({ opens }) => opens !== undefined);
  expect(openings).toHaveLength(3);
  openings.slice(1).forEach(({ opens }, i) => {
    const before = entries.filter(({ chain }) => chain === openings[i].chain).at(-1);
    expect(opens.previous).toEqual({ chain: before.chain, sequence: before.sequence, hash: before.hash });
  });
  rmSync(directory, { recursive: true });
}, 30_000);

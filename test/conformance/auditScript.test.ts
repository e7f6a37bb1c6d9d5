/** The script of docs/audit-proof.md: the log is proven without a line of this program, and comes to the same. */
import { execFile, spawnSync } from 'node:child_process';
import { readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { now } from '../unit/audit/fixtures.ts';
import { newSite, prove, runProcess } from '../unit/audit/proofRig.ts';

const hasPython = spawnSync('python3', ['--version']).status === 0 && /^OpenSSL 3/.test(String(spawnSync('openssl', ['version']).stdout));
const site = newSite();
const script = join(site.root, 'verify.py');

beforeAll(async () => {
  await runProcess(site, 3);
  await runProcess(site, 2, now + 3_600_000);
  const page = readFileSync(new URL('../../docs/audit-proof.md', import.meta.url), 'utf8');
  writeFileSync(script, /```python\n(.*?)```/s.exec(page)?.[1] ?? '');
});

afterAll(() => rmSync(site.root, { recursive: true, force: true }));

function runScript(): Promise<{ readonly code: number; readonly out: string }> {
  const copies = readdirSync(site.copies).map((name) => join(site.copies, name));
  return new Promise((resolve) => {
    execFile('python3', [script, `${site.keyFile}.pub`, site.records, ...copies], (error, stdout, stderr) =>
      resolve({ code: error === null ? 0 : Number(error.code), out: stdout + stderr }),
    );
  });
}

describe.skipIf(!hasPython)('the script of the documentation', () => {
  it('finds nothing wrong with an untouched log', async () => {
    expect(await runScript()).toEqual({ code: 0, out: '7 entries, 6 claims: nothing wrong\n' });
  });

  it('finds a changed record, a cut tail, a chain that is gone, and a changed checkpoint, as audit verify does', async () => {
    const records = readdirSync(site.records)
      .filter((name) => name.endsWith('.jsonl'))
      .map((name) => join(site.records, name));
    const [copy = ''] = readdirSync(site.copies).map((name) => join(site.copies, name));
    const changes: readonly (readonly [string, (text: string) => string])[] = [
      [records[0] ?? '', (text) => text.replace('alice', 'mallo')],
      [records[1] ?? '', (text) => `${text.trimEnd().split('\n').slice(0, -1).join('\n')}\n`],
      [records[0] ?? '', () => ''],
      [copy, (text) => text.replace(/"sig":"./, (found) => `${found.slice(0, -1)}${found.endsWith('A') ? 'B' : 'A'}`)],
    ];
    for (const [file, change] of changes) {
      const before = readFileSync(file, 'utf8');
      writeFileSync(file, change(before));
      const { code, out } = await runScript();
      expect(out).not.toContain('Traceback');
      expect(code).toBe(1);
      expect((await prove(site)).faults).not.toEqual([]);
      writeFileSync(file, before);
    }
  });
});

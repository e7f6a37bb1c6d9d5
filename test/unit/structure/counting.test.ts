import { execFile } from 'node:child_process';
import { existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, describe, expect, it } from 'vitest';
import { addCounts, describeCounts, exitCodeOf } from '../../counts.ts';
import { countsFileVariable } from '../../reporter.ts';
import { root } from './tree.ts';

describe('the total of a run', () => {
  it('is a failure when nothing was tried', () => {
    expect(exitCodeOf(addCounts([]))).toBe(1);
    expect(exitCodeOf({ passed: 0, failed: 0, skipped: 9 })).toBe(1);
  });

  it('is a failure when anything failed', () => {
    expect(exitCodeOf({ passed: 100, failed: 1, skipped: 0 })).toBe(1);
    expect(exitCodeOf({ passed: 1, failed: 0, skipped: 0 })).toBe(0);
  });

  it('reads N passed, N failed, and names what was skipped only when something was', () => {
    const total = addCounts([
      { passed: 1, failed: 2, skipped: 0 },
      { passed: 3, failed: 4, skipped: 0 },
    ]);
    expect(describeCounts(total)).toBe('4 passed, 6 failed');
    expect(describeCounts({ ...total, skipped: 5 })).toBe('4 passed, 6 failed, 5 skipped');
  });
});

describe('the counting of tests', () => {
  // Inside the checkout, where the packages are found; Git ignores the folder.
  mkdirSync(join(root, 'state'), { recursive: true });
  const folder = mkdtempSync(join(root, 'state', 'counting-'));
  afterAll(() => rmSync(folder, { recursive: true, force: true }));

  const run = (name: string, body: string): Promise<{ counts: unknown; output: string; code: number }> => {
    const home = join(folder, name);
    const file = join(home, 'counts.json');
    mkdirSync(home);
    writeFileSync(join(home, 'some.test.ts'), `import { beforeAll, describe, expect, it } from 'vitest';\n${body}\n`);
    writeFileSync(join(home, 'vitest.config.ts'), `export default { test: { include: ['*.test.ts'] } };\n`);
    const args = [join(root, 'node_modules/vitest/vitest.mjs'), 'run', '--root', home, `--reporter=${join(root, 'test/reporter.ts')}`];
    return new Promise((resolve) => {
      execFile(process.execPath, args, { cwd: home, env: { ...process.env, [countsFileVariable]: file }, timeout: 30_000 }, (error, stdout) => {
        resolve({ counts: existsSync(file) ? JSON.parse(readFileSync(file, 'utf8')) : null, output: stdout, code: error === null ? 0 : Number(error.code) });
      });
    });
  };

  it.concurrent.each([
    [
      'passes, failures and skips',
      "it('a', () => {}); it('b', () => expect(1).toBe(2)); it.skip('c', () => {}); it.todo('d');",
      { passed: 1, failed: 1, skipped: 2 },
    ],
    [
      'a hook that fails, whose tests are merely skipped',
      "describe('x', () => { beforeAll(() => { throw new Error('no hook'); }); it('a', () => {}); });",
      { passed: 0, failed: 1, skipped: 1 },
    ],
    ['a file that can not be loaded', "throw new Error('no file');", { passed: 0, failed: 1, skipped: 0 }],
    [
      'an error that nobody caught',
      "it('a', () => { setTimeout(() => { throw new Error('stray'); }, 0); return new Promise((r) => setTimeout(r, 50)); });",
      { passed: 1, failed: 1, skipped: 0 },
    ],
    ['a file without tests', '', { passed: 0, failed: 1, skipped: 0 }],
  ])(
    'counts %s',
    async (name, body, counts) => {
      const result = await run(name.replace(/\W+/g, '-'), body);
      expect(result.counts).toEqual(counts);
      expect(result.code).toBe(1);
      expect(result.output).toContain('FAILED');
    },
    60_000,
  );
});

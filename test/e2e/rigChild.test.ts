import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { existsSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { afterAll, describe, expect, it } from 'vitest';
import { startChild } from '../rig/child.ts';
import { waitFor } from '../rig/wait.ts';

describe('a program that the rig starts', () => {
  const folder = mkdtempSync(join(tmpdir(), 'tidewaiter-child-'));
  afterAll(() => rmSync(folder, { recursive: true, force: true }));

  const alive = (pid: number): boolean => {
    try {
      return process.kill(pid, 0);
    } catch {
      return false;
    }
  };

  it.skipIf(!existsSync('/usr/bin/setpriv'))('dies with the process that started it, even when that is killed', async () => {
    const module = JSON.stringify(join(import.meta.dirname, '..', 'rig', 'child.ts'));
    const script = `const { startChild } = await import(${module}); console.log(startChild('sleep', ['600'], ${JSON.stringify(join(folder, 'log'))}).process.pid);`;
    const parent = spawn(process.execPath, ['--input-type=module', '--eval', script], { stdio: ['ignore', 'pipe', 'inherit'] });
    const [line] = await once(createInterface({ input: parent.stdout }), 'line');
    const pid = Number(line);
    expect(alive(pid)).toBe(true);
    parent.kill('SIGKILL');
    await waitFor('the program to be gone', async () => (alive(pid) ? null : true));
  });

  it('that can not be started says so instead of waiting', async () => {
    const child = startChild('/nonexistent/program', [], join(folder, 'missing'));
    expect(await child.ended).not.toBe(0);
    await child.stop();
  });
});

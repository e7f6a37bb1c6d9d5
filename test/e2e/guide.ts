/**
 * Runs every command of docs/guides/exceptions.md on the real API server, in order, to compare what it prints with what the guide says.
 * With `UPDATE_GUIDE=1` what was printed is written into the guide.
 */
import { spawn } from 'node:child_process';
import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { installTool } from '../../tools/install.ts';
import { waitFor } from '../rig/wait.ts';
import { podOf, type Scene } from './scene.ts';

const guide = join(import.meta.dirname, '..', '..', 'docs', 'guides', 'exceptions.md');

interface Step {
  readonly command: string;
  readonly output: string;
}

/** Commands and outputs of a block: a command begins with `$ `, and a here-document belongs to it. */
function stepsOf(block: string): readonly Step[] {
  const steps: { command: string; output: string }[] = [];
  let within = false;
  for (const line of block.replace(/\n$/, '').split('\n')) {
    const last = steps.at(-1);
    if (within && last !== undefined) {
      last.command += `\n${line}`;
      within = line !== 'END';
    } else if (line.startsWith('$ ')) {
      steps.push({ command: line.slice(2), output: '' });
      within = line.includes("<<'END'");
    } else if (last !== undefined) last.output += `${line}\n`;
  }
  return steps;
}

const end = '2026-12-09T12:00:00Z';

/** The guide's names for what is different in each run. */
function tellAsGuide(text: string, scene: Scene, ends: string): string {
  return text
    .replaceAll(/ +$/gm, '')
    .replaceAll(scene.source.host, 'registry.corp')
    .replaceAll(scene.mirror.host, 'mirror.corp')
    .replaceAll(ends, end)
    .replaceAll(ends.replace('Z', '.000Z'), end.replace('Z', '.000Z'))
    .replaceAll(/\b[0-9a-f]{64}\b/g, (hash) => `${hash.slice(0, 12)}…`)
    .replaceAll(/\b01[0-9A-HJKMNP-TV-Z]{24}\b/g, '01KB…');
}

/** Without what no two runs have in common. */
function comparable(text: string): string {
  return text
    .replaceAll(/[0-9a-f]{12}…/g, 'HASH')
    .replaceAll(/\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d+)?Z/g, 'TIME')
    .replaceAll(/breakglass-[0-9]{8}-[0-9]{4}-[0-9a-f]{4}/g, 'NAME')
    .replaceAll(/it ends in \d+ \w+/g, 'it ends in SOME TIME')
    .replaceAll(/ +/g, ' ')
    .replaceAll(/ +$/gm, '');
}

/** Each command with what it printed, and with what the guide shows; without what no two runs have in common. */
export async function runGuide(scene: Scene): Promise<{ readonly printed: readonly string[]; readonly shown: readonly string[] }> {
  const folder = mkdtempSync(join(tmpdir(), 'tidewaiter-guide-'));
  mkdirSync(join(folder, 'bin'));
  const script = (name: string, line: string): void => writeFileSync(join(folder, 'bin', name), `#!/bin/sh\nexec ${line} "$@"\n`, { mode: 0o755 });
  script('kubectl', await installTool('kubectl'));
  script('tidewaiter', `${process.execPath} ${join(import.meta.dirname, '..', '..', 'src', 'main.ts')}`);
  const ends = new Date(Date.now() + 14 * 86_400_000).toISOString().replace(/\.\d+Z/, 'Z');
  const text = readFileSync(guide, 'utf8');
  const blocks = [...text.matchAll(/```console\n([\s\S]*?)```/g)].map(([, block = '']) => stepsOf(block));
  const ran: Step[][] = [];
  const shell = startShell(folder, scene.cluster.kubeconfigPath);
  try {
    for (const block of blocks) {
      const done: Step[] = [];
      ran.push(done);
      for (const { command } of block) {
        const printed = await shell.run(command.replaceAll('registry.corp', scene.source.host).replaceAll(end, ends));
        done.push({ command, output: tellAsGuide(printed, scene, ends) });
        if (/ is approved\.|The glass is broken/.test(printed)) await waitUntilItCounts(scene);
      }
    }
  } finally {
    shell.close();
    rmSync(folder, { recursive: true });
  }
  if (process.env['UPDATE_GUIDE'] !== undefined) writeFileSync(guide, withOutputs(text, ran));
  const plain = (steps: readonly (readonly Step[])[]): string[] => steps.flat().map(({ command, output }) => `$ ${command}\n${comparable(output)}`);
  return { printed: plain(ran), shown: plain(blocks) };
}

function withOutputs(text: string, ran: readonly (readonly Step[])[]): string {
  let at = 0;
  return text.replaceAll(/```console\n([\s\S]*?)```/g, () => {
    const block = ran[at] ?? [];
    at += 1;
    return `\`\`\`console\n${block.map(({ command, output }) => `$ ${command}\n${output}`).join('')}\`\`\``;
  });
}

/** What was approved, or broken, is known to the webhook within two seconds. */
async function waitUntilItCounts(scene: Scene): Promise<void> {
  await waitFor('the exception to count', async () => {
    const input = podOf('probe', scene.written('api'));
    const answer = await scene.cluster.kubectl(['-n', 'shop', 'create', '--dry-run=server', '-f', '-'], { input, user: 'alice' });
    return answer.stderr.includes('allowed by') ? true : null;
  });
}

/** One shell for all commands, as a reader has it. */
function startShell(cwd: string, kubeconfig: string) {
  const env = { PATH: `${join(cwd, 'bin')}:${process.env['PATH'] ?? ''}`, HOME: cwd, KUBECONFIG: kubeconfig };
  const child = spawn('bash', ['--norc'], { cwd, env, stdio: ['pipe', 'pipe', 'inherit'] });
  let output = '';
  child.stdout.setEncoding('utf8').on('data', (chunk: string) => {
    output += chunk;
  });
  let count = 0;
  return {
    async run(command: string): Promise<string> {
      count += 1;
      const mark = `=== ${count} ===`;
      output = '';
      child.stdin.write(`{ ${command}\n} 2>&1\necho '${mark}'\n`);
      await waitFor(`the end of: ${command}`, async () => (output.endsWith(`${mark}\n`) ? true : null), 30_000);
      return output.slice(0, -`${mark}\n`.length);
    },
    close: () => child.stdin.end(),
  };
}

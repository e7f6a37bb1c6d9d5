/** Runs what a guide in docs/guides tells its readers to do, so that what it shows is what happens. */
import { execFile } from 'node:child_process';
import { chmodSync, mkdirSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';

export interface GuideOptions {
  /** Where its reader works; empty at first. */
  readonly folder: string;
  readonly env: Readonly<Record<string, string>>;
  /** What the guide writes, and what stands for it here, such as the address of a registry. */
  readonly standIns: readonly (readonly [written: string, here: string])[];
  /** Hears each command before it is run. */
  readonly before: (command: string) => Promise<void>;
}

const block = /^```(\S+)([^\n]*)\n([\s\S]*?)^```$/gm;

/**
 * Goes through a guide from top to bottom. A block with `title="PATH"` is a file that its reader writes; of a block `console`, each line
 * after `$ ` is a command. Returns the guide with what the commands really said in the place of what it shows.
 */
export async function runGuide(markdown: string, options: GuideOptions): Promise<string> {
  const run = shell(options);
  const pieces: string[] = [];
  let end = 0;
  for (const found of markdown.matchAll(block)) {
    const [whole, language = '', rest = '', body = ''] = found;
    pieces.push(markdown.slice(end, found.index));
    end = found.index + whole.length;
    const path = /title="([^"]+)"/.exec(rest)?.[1];
    if (path !== undefined) write(options, path, body);
    if (language !== 'console') {
      pieces.push(whole);
      continue;
    }
    const lines: string[] = [];
    for (const command of body.split('\n').flatMap((line) => (line.startsWith('$ ') ? [line.slice(2)] : []))) {
      await options.before(command);
      lines.push(`$ ${command}`, ...(await run(command)));
    }
    pieces.push(`\`\`\`console${rest}\n${lines.join('\n')}\n\`\`\``);
  }
  return [...pieces, markdown.slice(end)].join('');
}

/** A folder with `tidewaiter`, as if it were installed. */
export function installTidewaiter(folder: string): string {
  const path = join(folder, 'tidewaiter');
  mkdirSync(folder, { recursive: true });
  writeFileSync(path, `#!/bin/sh\nexec '${process.execPath}' '${join(import.meta.dirname, '..', '..', 'src', 'main.ts')}' "$@"\n`);
  chmodSync(path, 0o755);
  return folder;
}

/** What differs from run to run: ids of records. */
export function steady(text: string): string {
  return text.replace(/\b01[0-9A-HJKMNP-TV-Z]{24}\b/g, 'RECORD').replace(/\d+(?:\.\d+)? ms\b/g, 'N ms');
}

function write({ folder, standIns }: GuideOptions, path: string, body: string): void {
  mkdirSync(dirname(join(folder, path)), { recursive: true });
  writeFileSync(
    join(folder, path),
    standIns.reduce((text, [written, here]) => text.replaceAll(written, here), body),
  );
}

/** Runs commands one after the other, each of which knows how the one before it ended. */
function shell({ folder, env, standIns }: GuideOptions): (command: string) => Promise<readonly string[]> {
  let last = 0;
  return (command) =>
    new Promise((resolve) => {
      const here = standIns.reduce((text, [written, stand]) => text.replaceAll(written, stand), command);
      const child = execFile('bash', ['-c', `exec 2>&1\n(exit ${last})\n${here}`], { cwd: folder, env: { ...env }, timeout: 60_000 }, (_, stdout) => {
        last = child.exitCode ?? 128;
        const said = standIns.reduce((text, [written, stand]) => text.replaceAll(stand, written), stdout);
        resolve(said.trimEnd() === '' ? [] : said.trimEnd().split('\n'));
      });
    });
}

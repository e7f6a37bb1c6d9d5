/**
 * A stand-in for the Trivy program: an executable script that notes how it was called and then does as it is told. What it writes is
 * what `trivy image --format json` would.
 */
import { appendFileSync, existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

export interface FakeTrivy {
  readonly path: string;
  /** One line a call: its arguments. */
  calls(): readonly string[];
  /** The environment of the last call, by name. */
  environment(): ReadonlyMap<string, string>;
  /** What lies in the folder that it was run in, the folder first. */
  surroundings(): readonly string[];
  /** What it writes for an image, whatever its repository. */
  report(digest: string, report: unknown): void;
  /** Lines of sh that run before the report is written; `$d` is a folder for files of theirs. */
  behave(script: string): void;
  /** A file of its folder; empty where there is none. */
  read(name: string): string;
  touch(name: string): void;
  remove(): void;
}

export function fakeTrivy(): FakeTrivy {
  const folder = mkdtempSync(join(tmpdir(), 'trivy-'));
  const path = join(folder, 'trivy');
  mkdirSync(join(folder, 'reports'));
  const script = `#!/bin/sh
d='${folder}'
echo "$*" >> "$d/calls"
env > "$d/env"
{ pwd; ls -A; } > "$d/cwd"
for last; do :; done
. "$d/behaviour"
exec cat "$d/reports/\${last##*:}.json"
`;
  writeFileSync(path, script, { mode: 0o755 });
  writeFileSync(join(folder, 'behaviour'), '');
  const read = (name: string): string => (existsSync(join(folder, name)) ? readFileSync(join(folder, name), 'utf8') : '');
  const lines = (name: string): readonly string[] =>
    read(name)
      .split('\n')
      .filter((line) => line !== '');
  return {
    path,
    calls: () => lines('calls'),
    environment: () => new Map(lines('env').map((line) => [line.slice(0, line.indexOf('=')), line.slice(line.indexOf('=') + 1)])),
    surroundings: () => lines('cwd'),
    report: (digest, report) =>
      writeFileSync(join(folder, 'reports', `${digest.replace('sha256:', '')}.json`), typeof report === 'string' ? report : JSON.stringify(report)),
    behave: (behaviour) => writeFileSync(join(folder, 'behaviour'), `${behaviour}\n`),
    read,
    touch: (name) => appendFileSync(join(folder, name), ''),
    remove: () => rmSync(folder, { recursive: true, force: true }),
  };
}

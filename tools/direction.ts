/**
 * Tells who imports whom against the rules of .dependency-cruiser.mjs.
 */
import { execFile } from 'node:child_process';
import { existsSync, readdirSync } from 'node:fs';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { z } from 'zod';

const run = promisify(execFile);
const program = join(import.meta.dirname, '..', 'node_modules', 'dependency-cruiser', 'bin', 'dependency-cruise.mjs');

const report = z.object({
  modules: z.array(z.object({ source: z.string() })),
  summary: z.object({
    violations: z.array(z.object({ from: z.string(), to: z.string(), rule: z.object({ name: z.string() }), comment: z.string().optional() })),
  }),
});

export interface Violation {
  readonly rule: string;
  readonly from: string;
  readonly to: string;
}

export interface Direction {
  /** Modules of ours that were looked at. */
  readonly modules: number;
  /** Modules of ours that there are. A cruiser that can't read TypeScript finds nothing wrong, and nothing at all. */
  readonly expected: number;
  readonly violations: readonly Violation[];
}

/** Tests, demo and benchmarks may import what they like; and the cruiser can not read the `using` declarations that tests have. */
const folders = ['src', 'tools'];

/** Looks at a checkout. Rejects if the cruiser can't run. */
export async function findViolations(root: string): Promise<Direction> {
  const present = folders.filter((folder) => existsSync(join(root, folder)));
  const args = [program, '--config', '.dependency-cruiser.mjs', '--output-type', 'json', ...present];
  const { stdout } = await run(process.execPath, args, { cwd: root, maxBuffer: 64 * 1024 * 1024 });
  const { modules, summary } = report.parse(JSON.parse(stdout));
  const sources = present.flatMap((folder) => readdirSync(join(root, folder), { recursive: true, encoding: 'utf8' }).map((name) => join(folder, name)));
  const ours = new Set(sources.filter((path) => path.endsWith('.ts') && !/(?:^|\/)(?:testdata|fixtures)\//.test(path)));
  return {
    modules: modules.filter(({ source }) => ours.has(source)).length,
    expected: ours.size,
    violations: summary.violations.map(({ rule, from, to }) => ({ rule: rule.name, from, to })),
  };
}

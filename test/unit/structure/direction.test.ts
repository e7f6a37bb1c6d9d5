import { appendFileSync, cpSync, mkdirSync, mkdtempSync, readdirSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { type Direction, findViolations } from '../../../tools/direction.ts';
import { root } from './tree.ts';

/** A wrong import, who makes it, and the rule that must see it. */
const plants: readonly { readonly rule: string; readonly from: string; readonly imports: string; readonly to: string }[] = [
  { rule: 'domain-alone', from: 'src/domain/fault.ts', imports: '../registry/planted.ts', to: 'src/registry/planted.ts' },
  { rule: 'domain-alone', from: 'src/domain/digest.ts', imports: 'node:crypto', to: 'crypto' },
  { rule: 'domain-alone', from: 'src/domain/glob.ts', imports: 'zod', to: 'node_modules/zod/' },
  { rule: 'rooms-apart', from: 'src/admission/planted.ts', imports: '../policy/planted.ts', to: 'src/policy/planted.ts' },
  { rule: 'rooms-apart', from: 'src/admission/planted.ts', imports: '../images/planted.ts', to: 'src/images/planted.ts' },
  { rule: 'rooms-apart', from: 'src/images/planted.ts', imports: '../registry/planted.ts', to: 'src/registry/planted.ts' },
  { rule: 'rooms-apart', from: 'src/evidence/planted.ts', imports: '../scans/index.ts', to: 'src/scans/index.ts' },
  { rule: 'rooms-apart', from: 'src/scans/planted.ts', imports: '../signatures/inside/planted.ts', to: 'src/signatures/inside/planted.ts' },
  { rule: 'rooms-apart', from: 'src/signatures/planted.ts', imports: '../registry/planted.ts', to: 'src/registry/planted.ts' },
  { rule: 'rooms-apart', from: 'src/policy/planted.ts', imports: '../audit/planted.ts', to: 'src/audit/planted.ts' },
  { rule: 'rooms-apart', from: 'src/server/planted.ts', imports: '../admission/planted.ts', to: 'src/admission/planted.ts' },
  { rule: 'rooms-apart', from: 'src/cluster/planted.ts', imports: '../config/planted.ts', to: 'src/config/planted.ts' },
  { rule: 'line-without-packages', from: 'src/admission/planted.ts', imports: 'undici', to: 'node_modules/undici/' },
  { rule: 'line-without-input-output', from: 'src/evidence/planted.ts', imports: 'node:fs/promises', to: 'fs/promises' },
  { rule: 'configuration-through-lists', from: 'src/config/planted.ts', imports: '../scans/planted.ts', to: 'src/scans/planted.ts' },
  { rule: 'front-doors', from: 'src/cli/planted.ts', imports: '../signatures/inside/planted.ts', to: 'src/signatures/inside/planted.ts' },
  { rule: 'front-doors', from: 'src/app.ts', imports: './signatures/inside/planted.ts', to: 'src/signatures/inside/planted.ts' },
  { rule: 'application-is-the-root', from: 'src/audit/planted.ts', imports: '../app.ts', to: 'src/app.ts' },
  { rule: 'main-is-the-end', from: 'src/cli/planted.ts', imports: '../main.ts', to: 'src/main.ts' },
  { rule: 'sources-without-tests', from: 'src/credentials/planted.ts', imports: '../../test/planted.ts', to: 'test/planted.ts' },
  { rule: 'shipped-packages', from: 'src/registry/planted.ts', imports: 'fast-check', to: 'node_modules/fast-check/' },
  { rule: 'resolvable', from: 'src/registry/planted.ts', imports: './nowhere.ts', to: './nowhere.ts' },
  { rule: 'no-cycles', from: 'src/registry/planted.ts', imports: './round.ts', to: 'src/registry/round.ts' },
];

describe('the direction of imports', () => {
  let real: Direction;
  let planted: Direction;
  const copy = mkdtempSync(join(tmpdir(), 'tidewaiter-direction-'));

  beforeAll(async () => {
    plant(copy);
    [real, planted] = await Promise.all([findViolations(root), findViolations(copy)]);
  }, 60_000);

  afterAll(() => rmSync(copy, { recursive: true, force: true }));

  it('holds in this tree', () => {
    expect(real.violations).toEqual([]);
  });

  it('was looked at in every module there is', () => {
    expect(real.expected).toBeGreaterThan(50);
    expect(real.modules).toBe(real.expected);
  });

  it('is ruled for every room there is', async () => {
    const { rooms }: { rooms: string[] } = await import(join(root, '.dependency-cruiser.mjs'));
    const folders = readdirSync(join(root, 'src'), { withFileTypes: true }).filter((entry) => entry.isDirectory());
    expect(rooms).toEqual(expect.arrayContaining(folders.map((entry) => entry.name)));
  });

  it.each(plants)('$rule: $from must not import $imports', ({ rule, from, to }) => {
    expect(planted.violations).toContainEqual({ rule, from, to: expect.stringMatching(new RegExp(`(?:^|/)${to.replaceAll('.', '\\.')}`)) });
  });

  it('is tested for every rule there is', async () => {
    const { default: configuration }: { default: { forbidden: { name: string }[] } } = await import(join(root, '.dependency-cruiser.mjs'));
    expect(configuration.forbidden.map(({ name }) => name).sort()).toEqual([...new Set(plants.map(({ rule }) => rule))].sort());
  });
});

/** Makes a copy of the sources with all the wrong imports in it; types alone count as much as values. */
function plant(folder: string): void {
  for (const file of ['package.json', 'tsconfig.json', '.dependency-cruiser.mjs']) cpSync(join(root, file), join(folder, file));
  cpSync(join(root, 'src'), join(folder, 'src'), { recursive: true });
  symlinkSync(join(root, 'node_modules'), join(folder, 'node_modules'));
  const write = (path: string, text: string): void => {
    mkdirSync(dirname(join(folder, path)), { recursive: true });
    writeFileSync(join(folder, path), text, { flag: 'a' });
  };
  write('test/planted.ts', 'export const it = 1;\n');
  write('src/registry/round.ts', "import './planted.ts';\n");
  const files = new Set(plants.flatMap(({ from, to }) => [from, to]).filter((path) => path.startsWith('src/') && path.endsWith('.ts')));
  for (const path of files) write(path, '\nexport type Planted = number;\n');
  for (const { from, imports } of plants) appendFileSync(join(folder, from), `import type { Planted as P${imports.replace(/\W/g, '')} } from '${imports}';\n`);
}

import { mkdir, mkdtemp, rename, rm, symlink, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { type ConfigWatch, type LoadedConfig, type LoadOutcome, loadConfig, watchConfig } from '../../../src/config/index.ts';

const head = 'apiVersion: tidewaiter.dev/v1\nkind: Configuration\n';
const quick = { settle: 5, poll: 50 };
let folder: string;
let watching: ConfigWatch | null = null;

beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'tidewaiter-watch-'));
});
afterEach(async () => {
  watching?.close();
  watching = null;
  await rm(folder, { recursive: true, force: true });
});

async function load(file: string): Promise<LoadedConfig> {
  const loaded = await loadConfig({ file, env: {}, cwd: folder });
  if (!loaded.ok) throw new Error(JSON.stringify(loaded.faults));
  return loaded.config;
}

/** Puts a new file in the old one's place, as careful editors do. */
async function replace(file: string, content: string): Promise<void> {
  await writeFile(`${file}.new`, content);
  await rename(`${file}.new`, file);
}

/** Watches, and hands out what is reported, one after the other. */
function watched(config: LoadedConfig): () => Promise<LoadOutcome> {
  const reports: LoadOutcome[] = [];
  let wake: () => void = () => {};
  watching = watchConfig(
    config,
    (outcome) => {
      reports.push(outcome);
      wake();
    },
    quick,
  );
  return async () => {
    for (;;) {
      const next = reports.shift();
      if (next !== undefined) return next;
      await new Promise<void>((resolve) => {
        wake = resolve;
      });
    }
  };
}

const modeOf = (outcome: LoadOutcome): string | null => (outcome.ok ? outcome.config.settings.mode.default : null);

describe('a configuration in use', () => {
  it('is replaced by each good edit, kept through a bad one, and taken back when the edit is undone', async () => {
    const file = join(folder, 'tidewaiter.yaml');
    await writeFile(file, `${head}mode: { default: warn }\n`);
    const next = watched(await load(file));

    await replace(file, `${head}mode: { default: observe }\n`);
    expect(modeOf(await next())).toBe('observe');

    await replace(file, `${head}mode: { default: nonsense }\n`);
    expect(await next()).toMatchObject({ ok: false, faults: [{ path: 'mode.default', line: 3 }] });

    await replace(file, `${head}mode: { default: observe }\n`);
    expect(modeOf(await next())).toBe('observe');
  });

  it('is replaced when a key that it refers to changes', async () => {
    const file = join(folder, 'tidewaiter.yaml');
    await writeFile(join(folder, 'a.pub'), 'ONE');
    await writeFile(file, `${head}signers: [{ name: a, images: [docker.io/**], kind: cosign-key, keyFile: a.pub }]\n`);
    const config = await load(file);
    const next = watched(config);
    await replace(join(folder, 'a.pub'), 'TWO');
    const outcome = await next();
    expect(outcome.ok && outcome.config.revision !== config.revision).toBe(true);
  });

  it('is replaced when a ConfigMap mount swaps its folder, which touches no file', async () => {
    for (const [version, mode] of [
      ['v1', 'warn'],
      ['v2', 'observe'],
    ] as const) {
      await mkdir(join(folder, version));
      await writeFile(join(folder, version, 'tidewaiter.yaml'), `${head}mode: { default: ${mode} }\n`);
    }
    await symlink('v1', join(folder, '..data'));
    await symlink(join('..data', 'tidewaiter.yaml'), join(folder, 'tidewaiter.yaml'));
    const next = watched(await load('tidewaiter.yaml'));
    await symlink('v2', join(folder, '..next'));
    await rename(join(folder, '..next'), join(folder, '..data'));
    expect(modeOf(await next())).toBe('observe');
  });
});

import { rmSync } from 'node:fs';
import { readdir, readFile, stat, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import type { ProgramParts } from '../../../src/cli/desk.ts';
import { good } from '../../../src/domain/fault.ts';
import { createProofDesk } from '../../../src/proofDesk.ts';
import { newSite, runProcess, type Site } from '../audit/proofRig.ts';
import { openTestDesk, type TestDesk } from './desk.ts';

let desk: TestDesk;
let site: Site;

beforeEach(async () => {
  desk = await openTestDesk();
  site = newSite();
  await runProcess(site, 2);
  await desk.put(
    'tidewaiter.yaml',
    JSON.stringify({
      apiVersion: 'tidewaiter.dev/v1',
      kind: 'Configuration',
      audit: { store: `jsonl:${site.records}`, checkpoints: { keyFile: site.keyFile } },
    }),
  );
});

afterEach(async () => {
  await desk.remove();
  rmSync(site.root, { recursive: true, force: true });
});

/** The real audit desk, and nothing else of the program. */
const create: ProgramParts['createApp'] = async (config) => {
  const none = async (): Promise<never> => {
    throw new Error('not asked for');
  };
  return good({
    check: none,
    verify: none,
    rules: none,
    serve: none,
    probe: none,
    audit: none,
    holds: none,
    proof: createProofDesk(config),
    close: async () => {},
  });
};

const run = (...argv: readonly string[]) => desk.run(['audit', ...argv], { create });

describe('audit verify', () => {
  it('says what proves what, and ends with 0', async () => {
    const { code, out } = await run('verify', '--checkpoints', site.copies, '--key', `${site.keyFile}.pub`);
    expect(out).toContain(`${site.records}: 3 entries in 1 chain, 1 content`);
    expect(out).toContain('checkpoints: 2 copies, 2 local, the newest of 2026-11-24T20:00:0');
    expect(out).toMatch(/chain [0-9A-Z]{26} of replica-0: 3 entries\n {2}0-2 {2}proven by copies of checkpoints, of 2026-11-24T20:00:0/);
    expect(out).toMatch(/\nNothing wrong was found: 3 proven by copies of checkpoints\.\n$/);
    expect(code).toBe(0);
  });

  it('without a key of its own takes the published one, and says that another copy proves more', async () => {
    const { code, out } = await run('verify');
    expect(out).toContain('note: the key was read from where it is kept: a copy of your own (--key FILE) proves more');
    expect(out).toContain('Nothing wrong was found: 3 proven by local checkpoints only.');
    expect(code).toBe(0);
  });

  it('names file, line, chain and entry of what was changed, and ends with 1', async () => {
    const [name = ''] = (await readdir(site.records)).filter((each) => each.endsWith('.jsonl'));
    const file = join(site.records, name);
    await writeFile(file, (await readFile(file, 'utf8')).replace('"decision":"deny"', '"decision":"allow"'));
    const { code, out } = await run('verify');
    expect(out).toMatch(/\naltered [0-9A-Z]{26}\.000000\.jsonl:3 chain [0-9A-Z]{26}, entry 1: the entry does not have the hash it states\nWrong: 1 fault\.\n$/);
    expect(code).toBe(1);
    const json = await run('verify', '--output', 'json');
    expect(JSON.parse(json.out)).toMatchObject({ version: 1, entries: 3, faults: [{ kind: 'altered', line: 3, sequence: 1 }] });
    expect(json.code).toBe(1);
  });

  it.each([
    [['verify', '/nowhere'], 'there is no folder of audit records at /nowhere'],
    [['verify', '--checkpoints', '/nowhere'], 'there is no folder of checkpoints at /nowhere'],
    [['verify', '--key', '/nowhere'], 'there is no key at /nowhere'],
    [['verify', '--apiserver-log', '/nowhere'], 'the audit records can not be read: ENOENT'],
    [['verify', '--checkpoints', 'oci://registry.corp/x'], 'REGISTRY_NOT_LISTED'],
  ])('%s can not look: it says why, and ends with 2', async (argv, why) => {
    const { code, err } = await run(...argv);
    expect(err).toContain(why);
    expect(code).toBe(2);
  });

  it('refuses a private key, and checkpoints without a key', async () => {
    expect((await run('verify', '--key', site.keyFile)).err).toContain('is a private key; to verify, only the public one is needed');
    const { code, err } = await run('verify', site.records);
    expect(err).toContain('give --key FILE');
    expect(code).toBe(2);
  });
});

describe('audit key', () => {
  it('prints the public key, and nothing else on standard output', async () => {
    const { code, out, err } = await run('key');
    expect(out).toBe(await readFile(`${site.keyFile}.pub`, 'utf8'));
    expect(err).toMatch(/^key id [0-9a-f]{64}\n$/);
    expect(code).toBe(0);
  });

  it('--rotate makes another, which is for its owner only, and says who introduces it', async () => {
    const before = (await run('key')).err.slice('key id '.length).trim();
    const { err, code } = await run('key', '--rotate');
    expect(err).not.toContain(`key id ${before}`);
    expect(err).toContain(`introduced by ${before} when tidewaiter serve starts next`);
    expect((await stat(site.keyFile)).mode & 0o777).toBe(0o600);
    expect((await stat(`${site.keyFile}.previous`)).mode & 0o777).toBe(0o600);
    expect(code).toBe(0);
  });

  it('where there is none says what makes one, and ends with 2', async () => {
    rmSync(site.keyFile);
    rmSync(`${site.keyFile}.pub`);
    const { err, code } = await run('key');
    expect(err).toContain('tidewaiter serve makes one at its first start');
    expect(code).toBe(2);
  });
});

import { mkdir, readFile, rename, rm, symlink, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { afterEach, describe, expect, it } from 'vitest';
import { bad, good } from '../../../src/domain/fault.ts';
import { buildPolicyBundle, createPolicies } from '../../../src/policy/index.ts';
import { writeTarGz } from '../../../src/policy/tar.ts';
import { installTool } from '../../../tools/install.ts';
import { about, cleanUp, findingsOf, folderOf, judge, never, openRoom, optionsFor, roomOf, statusWhere, unhurried } from './fixtures.ts';

afterEach(cleanUp);

const saying = (word: string): string => `package policies.p\n\ndeny contains "${word}"\n`;

describe('an edit', () => {
  it('is in force soon after it is saved', async () => {
    const directory = await folderOf({ 'p.rego': saying('before') });
    const room = await openRoom({ directory });
    const before = room.status().revision;
    await writeFile(join(directory, 'p.rego'), saying('after'));
    await statusWhere(room, (status) => status.revision !== before);
    expect((await findingsOf(room)).map((finding) => finding.msg)).toEqual(['after']);
  });

  it('that is bad leaves the last good set in force and says why; mending it clears that', async () => {
    const directory = await folderOf({ 'p.rego': saying('good') });
    const room = await openRoom({ directory });
    const { revision } = room.status();
    await writeFile(join(directory, 'p.rego'), 'package policies.p\n\ndeny contains "x" if {\n');
    const status = await statusWhere(room, ({ fault }) => fault !== null);
    expect(status.fault?.message).toMatch(/p\.rego:\d+:\d+/);
    expect(status.revision).toBe(revision);
    expect((await findingsOf(room)).map((finding) => finding.msg)).toEqual(['good']);
    await writeFile(join(directory, 'p.rego'), saying('mended'));
    await statusWhere(room, ({ fault }) => fault === null);
    expect((await findingsOf(room)).map((finding) => finding.msg)).toEqual(['mended']);
  });

  it('that loops on a sample never comes in force', async () => {
    const directory = await folderOf({ 'p.rego': saying('good') });
    const room = await openRoom({ directory });
    const range = 'numbers.range(1, 3000)';
    await writeFile(
      join(directory, 'p.rego'),
      `package policies.p\n\ndeny contains "x" if {\n  some a in ${range}\n  some b in ${range}\n  some c in ${range}\n  a + b + c == -1\n}\n`,
    );
    const status = await statusWhere(room, ({ fault }) => fault !== null);
    // Which comes first depends on the machine: evaluation leaves garbage until it ends.
    expect(status.fault?.message).toMatch(/did not get through a sample in 5000 ms: the policy \w+ was running|it ran out of memory/);
    expect((await findingsOf(room)).map((finding) => finding.msg)).toEqual(['good']);
  }, 20_000);

  it('that takes the folder away leaves the last good set in force, until it is back', async () => {
    const parent = await folderOf({ 'policies/p.rego': saying('good') });
    const directory = join(parent, 'policies');
    const room = await openRoom({ directory });
    await rm(directory, { recursive: true });
    await statusWhere(room, ({ fault }) => fault !== null);
    expect((await findingsOf(room)).map((finding) => finding.msg)).toEqual(['good']);
    await mkdir(directory);
    await writeFile(join(directory, 'p.rego'), saying('back'));
    await statusWhere(room, ({ fault }) => fault === null);
    expect((await findingsOf(room)).map((finding) => finding.msg)).toEqual(['back']);
  }, 20_000);

  it('of a ConfigMap, which swaps a symbolic link, is seen; and each file counts once', async () => {
    const directory = await folderOf({ '..one/p.rego': saying('one') });
    await symlink('..one', join(directory, '..data'));
    await symlink(join('..data', 'p.rego'), join(directory, 'p.rego'));
    const room = await openRoom({ directory });
    expect((await findingsOf(room)).map((finding) => finding.msg)).toEqual(['one']);
    const before = room.status().revision;
    await mkdir(join(directory, '..two'));
    await writeFile(join(directory, '..two', 'p.rego'), saying('two'));
    await symlink('..two', join(directory, '..data_tmp'));
    await rename(join(directory, '..data_tmp'), join(directory, '..data'));
    await statusWhere(room, (status) => status.revision !== before);
    expect((await findingsOf(room)).map((finding) => finding.msg)).toEqual(['two']);
  });
});

describe('modes and required policies', () => {
  it('warn makes warnings of denials, of ill-shaped ones too', async () => {
    const room = await roomOf('deny contains "no"\n\ndeny contains {} if input.review.namespace == "shop"', { modes: { p: 'warn' } });
    expect((await findingsOf(room)).map((finding) => finding.effect)).toEqual(['warn', 'warn']);
  });

  it('METADATA sets the mode, and the configuration overrules it', async () => {
    const policy = `# METADATA\n# custom:\n#   mode: warn\npackage policies.p\n\ndeny contains "no"\n`;
    const directory = await folderOf({ 'p.rego': policy });
    expect((await findingsOf(await openRoom({ directory }))).map((finding) => finding.effect)).toEqual(['warn']);
    expect((await findingsOf(await openRoom({ directory }, { modes: { p: 'enforce' } }))).map((finding) => finding.effect)).toEqual(['deny']);
  });

  it('off drops a policy', async () => {
    const directory = await folderOf({ 'p.rego': saying('p'), 'q.rego': 'package policies.q\n\ndeny contains "q"\n' });
    const room = await openRoom({ directory }, { modes: { p: 'off' } });
    expect((await findingsOf(room)).map((finding) => finding.msg)).toEqual(['q']);
    expect(room.status().policies.map(({ name, mode }) => `${name} ${mode}`)).toEqual(['p off', 'q enforce']);
  });

  it('all off is broken, since nothing would be judged', async () => {
    const room = await roomOf('deny contains "x"', { modes: { p: 'off' } });
    expect(room.status().fault?.code).toBe('POLICY_BROKEN');
  });

  it('an unknown mode in METADATA is broken', async () => {
    const room = await openRoom({ directory: await folderOf({ 'p.rego': `# METADATA\n# custom:\n#   mode: loud\n${saying('x')}` }) });
    expect(room.status().fault?.message).toContain('custom.mode of policy p must be one of');
  });

  it('a required policy that is missing is broken', async () => {
    const room = await roomOf('deny contains "x"', { required: ['signed'] });
    expect(await judge(room, about('shop'), never)).toMatchObject({
      ok: false,
      fault: { code: 'POLICY_BROKEN', message: 'the required policy signed is missing' },
    });
  });

  it('a required policy that its METADATA switches off is broken', async () => {
    const directory = await folderOf({ 'p.rego': `# METADATA\n# custom:\n#   mode: off\n${saying('x')}` });
    expect((await openRoom({ directory }, { required: ['p'] })).status().fault?.message).toContain('the required policy p is switched off');
  });

  it('to require a policy and to switch it off is a fault of the configuration', async () => {
    const made = await createPolicies(optionsFor({ directory: '/nowhere' }, { required: ['p'], modes: { p: 'off' } }));
    expect(made).toMatchObject({ ok: false, fault: { code: 'CONFIG_INVALID' } });
  });

  it('the revision changes with modes and with data', async () => {
    const directory = await folderOf({ 'p.rego': saying('x') });
    const revisions = await Promise.all(
      [{}, { modes: { p: 'warn' as const } }, { data: { a: 1 } }].map(async (more) => (await openRoom({ directory }, more)).status().revision),
    );
    expect(new Set(revisions).size).toBe(3);
    expect((await openRoom({ directory })).status().revision).toBe(revisions[0]);
  });
});

describe('a policy bundle', () => {
  const noOpa = async () => bad('CONFIG_INVALID', 'no opa here');

  it('judges as its folder does, without opa', async () => {
    const directory = await folderOf({ 'p.rego': saying('x'), 'p_test.rego': 'package policies.p_test\n\ntest_x if true\n' });
    const out = join(await folderOf({}), 'bundle.tar.gz');
    expect(await buildPolicyBundle(directory, out, await installTool('opa'), unhurried)).toEqual({ ok: true, value: ['p'] });
    const room = await openRoom({ bundle: out }, { opa: noOpa });
    expect((await findingsOf(room)).map((finding) => finding.msg)).toEqual(['x']);
    expect(room.status().revision).toBe((await openRoom({ directory })).status().revision);
  });

  it.each([0, 20, 200])('broken at byte %i is refused', async (at) => {
    const out = join(await folderOf({}), 'bundle.tar.gz');
    await buildPolicyBundle(await folderOf({ 'p.rego': saying('x') }), out, await installTool('opa'), unhurried);
    const bytes = await readFile(out);
    bytes[at] = (bytes[at] ?? 0) ^ 0xff;
    await writeFile(out, bytes);
    expect((await openRoom({ bundle: out }, { opa: noOpa })).status().fault?.code).toBe('POLICY_BROKEN');
  });

  it('of sources that would be written elsewhere is refused', async () => {
    const out = join(await folderOf({}), 'bundle.tar.gz');
    for (const name of ['../p.rego', 'a/../../p.rego', 'a\\..\\p.rego']) {
      await writeFile(out, await writeTarGz(new Map([[name, Buffer.from(saying('x'))]])));
      expect((await openRoom({ bundle: out }, { opa: noOpa })).status().fault?.message).toContain('leads out of it');
    }
  });

  it('that is not there is broken', async () => {
    expect((await openRoom({ bundle: '/nowhere/bundle.tar.gz' }, { opa: noOpa })).status().fault?.code).toBe('POLICY_BROKEN');
  });

  it('is not built of policies that do not compile', async () => {
    const out = join(await folderOf({}), 'bundle.tar.gz');
    const built = await buildPolicyBundle(await folderOf({ 'p.rego': 'package policies.p\n\ndeny := true\n' }), out, await installTool('opa'), unhurried);
    expect(built).toMatchObject({ ok: false, fault: { code: 'POLICY_BROKEN', message: expect.stringContaining('p.rego:3:1') } });
  });
});

describe('without opa', () => {
  it('a folder of policies is broken, and the fault says how to get one', async () => {
    const room = await openRoom({ directory: await folderOf({ 'p.rego': saying('x') }) }, { opa: async () => bad('CONFIG_INVALID', 'opa was not found') });
    expect(room.status().fault).toMatchObject({ code: 'POLICY_BROKEN', message: 'opa was not found' });
  });

  it('a folder of policies comes in force as soon as there is one, without an edit', async () => {
    let there = false;
    const opa = async () => (there ? good(await installTool('opa')) : bad('CONFIG_INVALID', 'opa was not found'));
    const room = await openRoom({ directory: await folderOf({ 'p.rego': saying('x') }) }, { opa });
    there = true;
    await statusWhere(room, ({ fault }) => fault === null);
    expect((await findingsOf(room)).map((finding) => finding.msg)).toEqual(['x']);
  });
});

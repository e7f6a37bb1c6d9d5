import { createHash } from 'node:crypto';
import { readdir, readFile, utimes, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { afterEach, describe, expect, it } from 'vitest';
import { deadlineIn } from '../../../src/domain/deadline.ts';
import { good } from '../../../src/domain/fault.ts';
import { inputDocument, openReplay } from '../../../src/policy/index.ts';
import { readTarGz, writeTarGz } from '../../../src/policy/tar.ts';
import { installTool } from '../../../tools/install.ts';
import { about, cleanUp, findingsOf, folderOf, openRoom } from './fixtures.ts';

afterEach(cleanUp);

const rules = 'package policies.p\n\ndeny contains sprintf("%s: %s", [data.config.word, data.words.own])\n';
const soon = () => deadlineIn(10_000, Date.now());

/** A room that keeps its revisions; the folder and the revision that is in force. */
async function kept(options: object = {}, state?: string): Promise<{ readonly folder: string; readonly revision: string; readonly file: string }> {
  const directory = await folderOf({ 'p.rego': rules, 'data.json': '{"words":{"own":"mine"}}' });
  const parent = state ?? (await folderOf({}));
  const room = await openRoom({ directory }, { state: parent, data: { word: 'configured' }, ...options });
  const revision = room.status().revision ?? '';
  const folder = join(parent, 'revisions');
  return { folder, revision, file: join(folder, `${revision}.tar.gz`) };
}

describe('a set that was in force', () => {
  it('judges as it did, with the modes and data it had, and without opa', async () => {
    const { folder, revision } = await kept({ modes: { p: 'warn' } });
    const replay = await openReplay({ revision, folder }, { timeout: 1_000, workers: 1 });
    if (!replay.ok) throw new Error(replay.fault.message);
    expect(replay.value.revision).toBe(revision);
    expect(await replay.value.judge(inputDocument(about('shop')), soon())).toMatchObject({ ok: true, value: [{ effect: 'warn', msg: 'configured: mine' }] });
    await replay.value.close();
  });

  it.each(['../../etc/passwd', '', 'a'.repeat(63), 'A'.repeat(64)])('is not looked for under %j, which is no revision', async (revision) => {
    expect(await openReplay({ revision, folder: '/' }, { timeout: 1_000 })).toMatchObject({
      ok: false,
      fault: { message: expect.stringContaining('64 hex digits') },
    });
  });

  it('that is not kept is a fault', async () => {
    const { folder } = await kept();
    expect(await openReplay({ revision: '0'.repeat(64), folder }, { timeout: 1_000 })).toMatchObject({
      ok: false,
      fault: { message: expect.stringContaining('are not kept') },
    });
  });

  it('that was changed on disk, in its data or its modes, is not what its revision says', async () => {
    for (const [name, from, to] of [
      ['data.json', 'mine', 'hers'],
      ['revision.json', '"enforce"', '"off"'],
      ['revision.json', 'configured', 'otherwise'],
      ['tidewaiter.json', '"p"', '"q"'],
    ] as const) {
      const { folder, revision, file } = await kept();
      const files = await readTarGz(await readFile(file), 2 ** 26);
      if (!files.ok) throw new Error(files.fault.message);
      const changed = new Map([...files.value].map(([path, content]) => [path, path === name ? Buffer.from(content.toString().replace(from, to)) : content]));
      expect(changed).not.toEqual(files.value);
      await writeFile(file, await writeTarGz(changed));
      expect({ name, ...(await openReplay({ revision, folder }, { timeout: 1_000 })) }).toMatchObject({ name, ok: false });
    }
  });

  it('is kept once; of many the oldest go, and never the one in force', async () => {
    const state = await folderOf({});
    const { folder, revision } = await kept({}, state);
    const old = Array.from({ length: 250 }, (_, i) => `${createHash('sha256').update(String(i)).digest('hex')}.tar.gz`);
    for (const [i, name] of old.entries()) {
      await writeFile(join(folder, name), 'x');
      await utimes(join(folder, name), 1_000 + i, 1_000 + i);
    }
    const next = await kept({ data: { word: 'other' } }, state);
    const names = await readdir(folder);
    expect(names).toHaveLength(200);
    expect(names).toEqual(expect.arrayContaining([`${revision}.tar.gz`, `${next.revision}.tar.gz`, old.at(-1)]));
    expect(names).not.toContain(old[0]);
  });

  it('need not be kept where the disk does not take it: the policies are in force all the same', async () => {
    const state = await folderOf({ revisions: 'a file where the folder should be' });
    const said: string[] = [];
    const room = await openRoom(
      { directory: await folderOf({ 'p.rego': 'package policies.p\n\ndeny contains "x"\n' }) },
      { state, log: (level, message) => said.push(`${level}: ${message}`) },
    );
    expect((await findingsOf(room)).map(({ msg }) => msg)).toEqual(['x']);
    expect(said).toContain('warn: what is decided under these policies can not be replayed later');
  });
});

describe('a replay', () => {
  it('runs an input through a folder of policies, as a configuration would put them in force', async () => {
    const directory = await folderOf({ 'p.rego': rules, 'data.json': '{"words":{"own":"mine"}}' });
    const options = { source: { directory }, required: [], modes: {}, data: { word: 'now' }, opa: async () => good(await installTool('opa')) };
    const replay = await openReplay(options, { timeout: 1_000, workers: 1 });
    if (!replay.ok) throw new Error(replay.fault.message);
    const judged = await Promise.all(Array.from({ length: 100 }, () => replay.value.judge(inputDocument(about('shop')), soon())));
    expect(new Set(judged.map((each) => JSON.stringify(each))).size).toBe(1);
    expect(judged[0]).toMatchObject({ ok: true, value: [{ msg: 'now: mine' }] });
    await replay.value.close();
  });

  it('of policies that are broken is a fault that says where', async () => {
    const directory = await folderOf({ 'p.rego': 'package policies.p\n\ndeny contains "x" if {\n' });
    const options = { source: { directory }, required: [], modes: {}, data: {}, opa: async () => good(await installTool('opa')) };
    expect(await openReplay(options, { timeout: 1_000 })).toMatchObject({
      ok: false,
      fault: { code: 'POLICY_BROKEN', message: expect.stringMatching(/p\.rego:\d+/) },
    });
  });
});

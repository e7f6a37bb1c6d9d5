/** Whatever is done to a log that checkpoints cover is found, and said where. test/soak does it with every byte. */
import { createHash, generateKeyPairSync } from 'node:crypto';
import { appendFileSync, cpSync, mkdirSync, readdirSync, readFileSync, renameSync, rmSync, statSync, utimesSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test, vi } from 'vitest';
import { readCheckpoint, signCheckpoint } from '../../../src/audit/checkpoints/checkpoint.ts';
import { readEnvelope } from '../../../src/audit/checkpoints/envelope.ts';
import { openSigners, rotateKey } from '../../../src/audit/index.ts';
import { canonicalJson } from '../../../src/domain/canonical.ts';
import { now } from './fixtures.ts';
import { copySite, newSite, prove, runProcess, type Site } from './proofRig.ts';
import { cuts, flips, moves, segmentsOf, unnoticed } from './tamper.ts';

vi.setConfig({ testTimeout: 60_000 });

const site = newSite();
const made: Site[] = [];
const hour = 3_600_000;

beforeAll(async () => {
  await runProcess(site, 4);
  await runProcess(site, 3, now + hour);
});

afterAll(() => {
  for (const { root } of [site, ...made]) rmSync(root, { recursive: true, force: true });
});

const kindsOf = async (changed: Site) => [...new Set((await prove(changed)).faults.map(({ kind }) => kind))];
const rangesOf = async (changed: Site, changes = {}) =>
  (await prove(changed, changes)).chains.flatMap(({ ranges }) => ranges.map(({ from, to, by }) => `${from}-${to} ${by}`));

function another(from = site): Site {
  const copy = copySite(from);
  made.push(copy);
  return copy;
}

test('an untouched log has no faults, and all of it is proven by the copies', async () => {
  const proof = await prove(site);
  expect(proof).toMatchObject({ faults: [], notes: [], entries: 9 });
  expect(proof.contents).toBeGreaterThan(0);
  expect(await rangesOf(site)).toEqual(['0-4 copies', '0-3 copies']);
  expect(await rangesOf(site, { checkpoints: [] })).toEqual(['0-4 local', '0-3 local']);
});

describe('is found, whatever else is true of it:', () => {
  test('a single byte that is changed', async () => {
    expect(await unnoticed(another(), (bytes) => flips(bytes, 181))).toEqual([]);
  });

  test('a line that is removed, repeated, or trades places with another', async () => {
    expect(await unnoticed(another(), moves)).toEqual([]);
  });

  test('a tail that is cut off', async () => {
    expect(await unnoticed(another(), (bytes) => cuts(bytes, 307))).toEqual([]);
  });

  test.each([0, 1])('a whole chain that is gone', async (i) => {
    const changed = another();
    rmSync(join(changed.records, segmentsOf(changed)[i] ?? ''));
    expect(await kindsOf(changed)).toEqual(['missing']);
  });
});

const path = (changed: Site, i: number) => join(changed.records, segmentsOf(changed)[i] ?? '');
const linesOf = (file: string) => readFileSync(file, 'utf8').trimEnd().split('\n');
const write = (file: string, lines: readonly string[]) => writeFileSync(file, `${lines.join('\n')}\n`);

/** A chain made anew by one who knows everything but the key: no link of it is broken. */
function forge(lines: readonly string[], edit: (entry: Record<string, unknown>) => void): string[] {
  let previous = '0'.repeat(64);
  return lines.map((line) => {
    const entry = JSON.parse(line);
    if ('content' in entry) return line;
    const { hash: _, ...rest } = { ...entry, previousHash: previous };
    edit(rest);
    previous = createHash('sha256').update(canonicalJson(rest)).digest('hex');
    return canonicalJson({ ...rest, hash: previous });
  });
}

const allowAll = (entry: Record<string, unknown>): void => {
  if (entry['decision'] === 'deny') entry['decision'] = 'allow';
};

describe('by whoever may write the folder, but has no key', () => {
  test('a chain that is made anew as a whole contradicts the checkpoints; without them it proves itself', async () => {
    const changed = another();
    write(path(changed, 1), forge(linesOf(path(changed, 1)), allowAll));
    const proof = await prove(changed);
    expect(proof.faults).toMatchObject([
      { kind: 'altered', sequence: 3, message: expect.stringContaining('another one than a copy of the checkpoint of 2026-11-24') },
    ]);
    expect(proof.chains[1]?.ranges).toMatchObject([
      { from: 0, to: 0, by: 'copies' },
      { from: 1, to: 3, by: 'none' },
    ]);
    rmSync(join(changed.records, 'checkpoints'), { recursive: true });
    expect(await prove(changed, { checkpoints: [], keys: [] })).toMatchObject({ faults: [], notes: [expect.stringContaining('a chain alone proves nothing')] });
  });

  test('with the checkpoints beside the records taken away as well, the copies prove it', async () => {
    const changed = another();
    rmSync(join(changed.records, 'checkpoints'), { recursive: true });
    write(path(changed, 1), forge(linesOf(path(changed, 1)), allowAll));
    expect(await kindsOf(changed)).toEqual(['altered']);
    rmSync(changed.copies, { recursive: true });
    mkdirSync(changed.copies);
    expect(await kindsOf(changed)).toEqual(['missing']);
  });

  test('a chain that is put in later is known to no checkpoint', async () => {
    const changed = another();
    const id = '01KB0000000000000000000000';
    const lines = forge(linesOf(path(changed, 0)), (entry) => {
      entry['chain'] = id;
    });
    write(join(changed.records, `${id}.000000.jsonl`), lines);
    expect(await kindsOf(changed)).toEqual(['inserted']);
  });

  test('a removal that only he appended excuses nothing', async () => {
    const changed = another();
    const [first, ...rest] = linesOf(path(changed, 0));
    const { chain, sequence, hash } = JSON.parse(rest.find((line) => line.includes('"sequence":2,')) ?? '');
    write(path(changed, 0), [first ?? '', ...rest.filter((line) => !line.includes('"sequence":2,'))]);
    const point = { chain, sequence, hash };
    const lines = linesOf(path(changed, 1));
    const last = JSON.parse(lines.at(-1) ?? '');
    const removal = { ...JSON.parse(lines[0] ?? ''), opens: undefined, sequence: last.sequence + 1, previousHash: last.hash };
    removal.removed = { segment: 'x', ranges: [{ before: null, entries: 1, first: point, last: point, reason: 'size' }] };
    const { hash: _, ...unhashed } = JSON.parse(JSON.stringify(removal));
    appendFileSync(path(changed, 1), `${canonicalJson({ ...unhashed, hash: createHash('sha256').update(canonicalJson(unhashed)).digest('hex') })}\n`);
    const { faults } = await prove(changed);
    expect(faults.map(({ kind, sequence: at }) => `${kind} ${at}`)).toContain('removed 2');
  });

  test('a changed checkpoint, and one that another key has signed, count for nothing and are named', async () => {
    const changed = another();
    const [name = ''] = readdirSync(changed.copies);
    const file = join(changed.copies, name);
    const text = readFileSync(file, 'utf8');
    for (const at of [12, 40, text.length - 20]) {
      writeFileSync(file, `${text.slice(0, at)}${text[at] === 'A' ? 'B' : 'A'}${text.slice(at + 1)}`);
      expect(await kindsOf(changed)).toEqual(['signature']);
    }
    writeFileSync(file, text);
    const other = newSite();
    made.push(other);
    await runProcess(other, 1);
    cpSync(other.copies, changed.copies, { recursive: true });
    expect((await prove(changed)).faults.map(({ message }) => message.replace(/[0-9a-f]{16}/, 'K'))).toEqual([
      'the checkpoint is not signed by a trusted key, but by K',
      'the checkpoint is not signed by a trusted key, but by K',
    ]);
  });

  test('what he changed is not signed by starting the program again', async () => {
    const changed = another();
    write(path(changed, 0), linesOf(path(changed, 0)).slice(0, -1));
    const { log } = await runProcess(changed, 1, now + 2 * hour);
    expect(log.messages).toContain('audit records are not as an earlier checkpoint says: run tidewaiter audit verify');
    for (const name of readdirSync(changed.copies)) if (!name.startsWith('20261124T22')) rmSync(join(changed.copies, name));
    expect(await kindsOf(changed)).toEqual(['truncated']);
  });
});

describe('a log that forked', () => {
  test('two entries in one place', async () => {
    const changed = another();
    const lines = linesOf(path(changed, 0));
    const forged = forge(lines, allowAll);
    write(path(changed, 0), [...lines, forged.at(-2) ?? '']);
    expect((await prove(changed)).faults).toMatchObject([{ kind: 'fork', sequence: expect.any(Number), line: lines.length + 1 }]);
  });

  test('a folder that was restored from a backup, and written to again', async () => {
    const changed = another();
    const backup = another();
    await runProcess(changed, 2, now + 2 * hour);
    const rest = segmentsOf(changed)
      .slice(-1)
      .map((name) => join(changed.records, name));
    for (const file of rest) rmSync(file);
    write(path(changed, 1), linesOf(path(backup, 1)).slice(0, -2));
    await runProcess(changed, 1, now + 3 * hour);
    const { faults } = await prove(changed);
    expect(faults.map(({ kind }) => kind).sort()).toEqual(['missing', 'truncated']);
    expect(faults.find(({ kind }) => kind === 'truncated')?.message).toContain('goes on from there, as after a restore from a backup');
  });

  test('two checkpoints in one place of their series, as of a machine that was cloned while it ran', async () => {
    const changed = another();
    const signers = await openSigners(changed.keyFile);
    const [name = ''] = readdirSync(changed.copies);
    const envelope = readEnvelope(readFileSync(join(changed.copies, name), 'utf8').trimEnd());
    const signed = envelope && readCheckpoint(envelope);
    if (!signers.ok || signed === null) throw new Error('the copy can not be read');
    const { text } = signCheckpoint({ ...signed.checkpoint, reason: 'interval' }, [signers.value.current]);
    writeFileSync(join(changed.copies, `other-${name}`), `${text}\n`);
    expect((await prove(changed)).faults).toMatchObject([{ kind: 'fork', message: expect.stringContaining('was signed twice') }]);
  });
});

describe('the key', () => {
  test('another one is introduced by the one before, and what either signed counts, whichever of them is known', async () => {
    const changed = another();
    const before = readFileSync(`${changed.keyFile}.pub`, 'utf8');
    expect(await rotateKey(changed.keyFile)).toMatchObject({ ok: true });
    await runProcess(changed, 1, now + 2 * hour);
    await runProcess(changed, 1, now + 3 * hour);
    expect(await prove(changed)).toMatchObject({ faults: [], checkpoints: { keys: [expect.any(String), expect.any(String)] } });
    const old = join(changed.root, 'old.pub');
    writeFileSync(old, before);
    expect(readFileSync(`${changed.keyFile}.pub`, 'utf8')).not.toBe(before);
    expect(await prove(changed, { keys: [old] })).toMatchObject({ faults: [] });
  });

  test('one that nobody introduced counts for nothing', async () => {
    const changed = another();
    const old = join(changed.root, 'old.pub');
    renameSync(`${changed.keyFile}.pub`, old);
    rmSync(changed.keyFile);
    await runProcess(changed, 1, now + 2 * hour);
    const { faults } = await prove(changed, { keys: [old] });
    expect(new Set(faults.map(({ kind }) => kind))).toEqual(new Set(['signature']));
  });

  test('is made for its owner only, and the public one lies beside it', () => {
    expect(statSync(site.keyFile).mode & 0o777).toBe(0o600);
    expect(readFileSync(`${site.keyFile}.pub`, 'utf8')).toContain('BEGIN PUBLIC KEY');
  });

  test('an ECDSA P-256 key signs as well; other keys, and what is none, are refused without a word of what is in the file', async () => {
    const p256 = newSite();
    made.push(p256);
    mkdirSync(p256.root, { recursive: true });
    writeFileSync(p256.keyFile, generateKeyPairSync('ec', { namedCurve: 'prime256v1' }).privateKey.export({ type: 'pkcs8', format: 'pem' }));
    await runProcess(p256, 1);
    expect(await prove(p256)).toMatchObject({ faults: [], entries: 2 });
    for (const content of ['SECRET', String(generateKeyPairSync('ec', { namedCurve: 'secp384r1' }).privateKey.export({ type: 'pkcs8', format: 'pem' }))]) {
      writeFileSync(p256.keyFile, content);
      const opened = await openSigners(p256.keyFile);
      expect(opened).toMatchObject({ ok: false, fault: { code: 'CONFIG_INVALID' } });
      expect(JSON.stringify(opened)).not.toContain('SECRET');
    }
  });
});

describe('what is removed to make room', () => {
  test('leaves a signed stub that closes the gap', async () => {
    const pruned = newSite();
    made.push(pruned);
    await runProcess(pruned, 3, now - 400 * 24 * hour);
    await runProcess(pruned, 3, now - 399 * 24 * hour);
    for (const name of segmentsOf(pruned)) utimesSync(join(pruned.records, name), 1, 1);
    await runProcess(pruned, 2);
    expect(segmentsOf(pruned)).toHaveLength(1);
    const proof = await prove(pruned);
    expect(proof.faults).toEqual([]);
    expect(proof.chains.map(({ pruned: ranges }) => ranges.map(({ from, to, reason, key }) => ({ from, to, reason, signed: key !== null })))).toEqual([
      [{ from: 0, to: 3, reason: 'retention', signed: true }],
      [{ from: 0, to: 3, reason: 'retention', signed: true }],
      [],
    ]);
    // Without it nobody says why they are gone.
    for (const folder of [pruned.copies, join(pruned.records, 'checkpoints')]) {
      for (const name of readdirSync(folder)) {
        const lines = linesOf(join(folder, name)).filter((line) => JSON.parse(Buffer.from(JSON.parse(line).payload, 'base64').toString()).reason !== 'removal');
        write(join(folder, name), lines);
        if (lines.length === 0) rmSync(join(folder, name));
      }
    }
    const unsigned = await prove(pruned);
    expect(unsigned.chains.flatMap(({ pruned: ranges }) => ranges.map(({ key }) => key))).toEqual([null, null]);
    // The chain that says so is proven itself.
    expect(unsigned.faults).toEqual([]);
  });
});

/** What is changed in a store, in whatever column of whatever row, is found. */
import { readdirSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import type { Kysely } from 'kysely';
import { ulid } from 'ulidx';
import { afterAll, afterEach, beforeEach, describe, expect, test, vi } from 'vitest';
import { createAudit, openSigners } from '../../src/audit/index.ts';
import type { Database } from '../../src/audit/store/database.ts';
import { openDatabase, type StoreSettings } from '../../src/audit/store/open.ts';
import { Shipper } from '../../src/audit/store/ship.ts';
import type { Tables } from '../../src/audit/store/tables.ts';
import { draft, logger, now, options } from '../unit/audit/fixtures.ts';
import { newSite, prove, runProcess, type Site } from '../unit/audit/proofRig.ts';
import { stopSharedPostgres, storeKinds } from './auditRig.ts';

vi.setConfig({ testTimeout: 60_000, hookTimeout: 120_000 });

afterAll(stopSharedPostgres);

describe.each(['sqlite', 'postgres'] as const)('in %s', (kind) => {
  let site: Site;
  let settings: StoreSettings;
  let db: Database;

  beforeEach(async () => {
    site = newSite();
    settings = await storeKinds[kind](site.root);
    db = openDatabase(settings, 'write', 3);
    await db.migrate();
    await runProcess(site, 4);
    await runProcess(site, 3, now + 3_600_000);
    await ship();
  });

  afterEach(async () => {
    await db.close();
    rmSync(site.root, { recursive: true, force: true });
  });

  const ship = (spool = site.records): Promise<void> =>
    new Shipper({
      directory: spool,
      db,
      log: logger(),
      committed: () => null,
      removes: true,
      clock: () => Date.now() + 3_600_000,
      removed: () => {},
      shipped: () => {},
    }).run(new AbortController().signal);

  const proven = () => prove(site, {}, settings);
  const kindsOf = async () => [...new Set((await proven()).faults.map((fault) => fault.kind))];

  /** Changes every partition, as whoever may write the database could. */
  async function change(act: (tables: Kysely<Tables>) => Promise<unknown>): Promise<void> {
    for (const partition of kind === 'postgres' ? (await db.partitions()).slice(0, 1) : await db.partitions()) {
      await db.change(false, (changes) => changes.on(partition, act));
    }
  }

  const rows = async () => {
    const found: Pick<Tables['records'], 'chain' | 'sequence' | 'line'>[] = [];
    await change(async (tables) => found.push(...(await tables.selectFrom('records').select(['chain', 'sequence', 'line']).execute())));
    return found.sort((a, b) => (a.chain === b.chain ? a.sequence - b.sequence : a.chain < b.chain ? -1 : 1));
  };

  test('an untouched log is proven, with what still lies in the spool', async () => {
    const proof = await proven();
    expect(proof).toMatchObject({ faults: [], entries: 9 });
    expect(proof.chains.flatMap(({ ranges }) => ranges.map(({ from, to, by }) => `${from}-${to} ${by}`))).toEqual(['0-4 copies', '0-3 copies']);
    await runProcess(site, 2, now + 7_200_000);
    expect(await proven()).toMatchObject({ faults: [], entries: 12 });
  });

  test("another replica's chain is no fault where its checkpoints are not at hand, and is proven where they are", async () => {
    const other = newSite();
    try {
      await runProcess(other, 2, now - 3_600_000);
      await ship(other.records);
      const alone = await proven();
      expect(alone).toMatchObject({ faults: [], entries: 12, notes: [expect.stringContaining('is named by no checkpoint that was given')] });
      const both = { checkpoints: [site.copies, other.copies], keys: [`${site.keyFile}.pub`, `${other.keyFile}.pub`] };
      expect(await prove(site, both, settings)).toMatchObject({ faults: [], notes: [], entries: 12 });
    } finally {
      rmSync(other.root, { recursive: true, force: true });
    }
  });

  test('each row that is removed, and each line that is changed', async () => {
    for (const { chain, sequence, line } of await rows()) {
      const at = (tables: Kysely<Tables>, changed: string) =>
        tables.updateTable('records').set({ line: changed }).where('chain', '=', chain).where('sequence', '=', sequence).execute();
      for (let byte = sequence; byte < line.length; byte += 997) {
        await change((tables) => at(tables, `${line.slice(0, byte)}${line[byte] === 'x' ? 'y' : 'x'}${line.slice(byte + 1)}`));
        expect(await kindsOf()).not.toEqual([]);
      }
      await change((tables) => at(tables, line));
    }
    expect(await kindsOf()).toEqual([]);
    const [, second, third] = await rows();
    for (const gone of [second, third]) {
      await change((tables) =>
        tables
          .deleteFrom('records')
          .where('chain', '=', gone?.chain ?? '')
          .where('sequence', '=', gone?.sequence ?? 0)
          .execute(),
      );
      expect(await kindsOf()).toEqual(['removed']);
    }
  });

  test('a tail, and a whole chain, that is gone', async () => {
    const last = (await rows()).at(-1);
    await change((tables) =>
      tables
        .deleteFrom('records')
        .where('chain', '=', last?.chain ?? '')
        .where('sequence', '>=', 2)
        .execute(),
    );
    // The spool has the newest segment still.
    for (const name of readdirSync(site.records).filter((each) => each.endsWith('.jsonl'))) rmSync(join(site.records, name));
    expect(await kindsOf()).toEqual(['truncated']);
    await change((tables) =>
      tables
        .deleteFrom('records')
        .where('chain', '=', last?.chain ?? '')
        .execute(),
    );
    expect(await kindsOf()).toEqual(['missing']);
  });

  test('each column that lists and filters go by', async () => {
    const changes = {
      decision: 'allow',
      namespace: 'other',
      name: 'other',
      user_name: 'mallory',
      class: 'other',
      summary: '{}',
      owner_name: 'other',
      breakglass: 1,
      policy_revision: 'x',
    };
    const [, second] = await rows();
    for (const [column, value] of Object.entries(changes)) {
      const update = (to: object) =>
        change((tables) =>
          tables
            .updateTable('records')
            .set(to)
            .where('chain', '=', second?.chain ?? '')
            .where('sequence', '=', 1)
            .execute(),
        );
      let before: Record<string, unknown> = {};
      await change(async (tables) => {
        const row = await tables
          .selectFrom('records')
          .selectAll()
          .where('chain', '=', second?.chain ?? '')
          .where('sequence', '=', 1)
          .executeTakeFirst();
        if (row !== undefined) before = Object.fromEntries(Object.entries(row).filter(([key]) => key === column));
      });
      await update({ [column]: value });
      const { faults } = await proven();
      expect(faults).toMatchObject([{ kind: 'altered', sequence: 1, message: `what the row says besides its record is not what that says: ${column}` }]);
      await update(before);
    }
    expect(await kindsOf()).toEqual([]);
  });

  test('a content that is changed, and one that is gone', async () => {
    const onMain = (act: (main: Kysely<Tables>) => Promise<unknown>) => db.change(true, (changes) => changes.onMain(act));
    const [content] = await db.main.selectFrom('contents').selectAll().orderBy('sha256').execute();
    if (content === undefined) throw new Error('there is no content');
    await onMain((main) =>
      main
        .updateTable('contents')
        .set({ text: content.text.replace('openssl', 'openssh') })
        .where('sha256', '=', content.sha256)
        .execute(),
    );
    expect(await kindsOf()).toEqual(['altered']);
    await onMain((main) => main.deleteFrom('contents').where('sha256', '=', content.sha256).execute());
    expect(await kindsOf()).toEqual(['removed']);
  });

  test('what is removed for its age is signed before it goes, and what stays between is still proven by its neighbours', async () => {
    const day = 86_400_000;
    const aged = newSite();
    const store = await storeKinds[kind](aged.root);
    try {
      const at = now - 60 * day;
      const admitted = { decision: 'allow', answered: 'allow', findings: [] } as const;
      // Admissions are too old; the denials among them are not.
      await runProcess(aged, 5, at, (i) => draft({ id: ulid(at + i), time: at, ...(i === 2 ? {} : admitted) }));
      const signers = await openSigners(aged.keyFile);
      if (!signers.ok) throw new Error(signers.fault.message);
      let retired = 0;
      const audit = await createAudit(
        options(aged.records, {
          store,
          clock: Date.now,
          onRetired: (entries) => {
            retired += entries;
          },
          checkpoints: { signers: signers.value, every: 3_600_000, copies: [] },
        }),
      );
      if (!audit.ok) throw new Error(audit.fault.message);
      await vi.waitFor(() => expect(retired).toBe(4), 20_000);
      await audit.value.close();
      // The spool keeps a segment for a while after all of it is in the store.
      const [shipped = ''] = readdirSync(aged.records).filter((name) => name.endsWith('.jsonl'));
      rmSync(join(aged.records, shipped));
      const proof = await prove(aged, { checkpoints: [] }, store);
      expect(proof.faults).toEqual([]);
      expect(proof.chains[0]?.pruned).toMatchObject([
        { from: 1, to: 2, reason: 'retention', key: signers.value.current.id },
        { from: 4, to: 5, reason: 'retention', key: signers.value.current.id },
      ]);
      expect(proof.chains[0]?.ranges).toMatchObject([
        { from: 0, to: 0, by: 'local' },
        { from: 3, to: 3, by: 'local' },
      ]);
    } finally {
      rmSync(aged.root, { recursive: true, force: true });
    }
  });
});

/** Records by the million, without judging as many Pods: two thousand real ones, and copies of them made by the database itself. */
import { sql } from 'kysely';
import { ulid } from 'ulidx';
import { createAudit } from '../src/audit/index.ts';
import type { Database } from '../src/audit/store/database.ts';
import { partitionOf } from '../src/audit/store/period.ts';
import { Shipper } from '../src/audit/store/ship.ts';
import { denial, draft, evidence, image, logger, options } from '../test/unit/audit/fixtures.ts';

const templates = 2_000;
const week = 7 * 86_400_000;

/** A record like those of a cluster: fifty namespaces, a hundred repositories, one in twenty denied. */
export function sampleDraft(i: number, time: number) {
  const denied = i % 20 === 0;
  const base = image(evidence());
  const found = {
    ...base,
    reference: { registry: 'registry.corp', repository: `team-${i % 10}/app-${i % 100}`, tag: `1.${i % 30}`, digest: base.reference?.digest ?? null },
  };
  return draft({
    id: ulid(time),
    time,
    request: {
      ...draft().request,
      namespace: `team-${i % 50}`,
      name: null,
      generateName: `app-${i % 100}-`,
      user: { username: `user-${i % 200}`, groups: [] },
    },
    owner: { kind: 'ReplicaSet', name: `app-${i % 1000}` },
    images: [found],
    findings: denied ? [{ ...denial, cves: [`CVE-2026-${1000 + (i % 300)}`] }] : [],
    decision: denied ? 'deny' : 'allow',
    answered: denied ? 'deny' : 'allow',
  });
}

/** Fills an empty store with so many records of four weeks. */
export async function fillStore(db: Database, spool: string, records: number, now: number): Promise<void> {
  await db.migrate();
  const created = await createAudit(options(spool, { clock: Date.now }));
  if (!created.ok) throw new Error(created.fault.message);
  for (let i = 0; i < templates; i += 1) created.value.keep(sampleDraft(i, now - Math.floor((i / templates) * 4 * week)));
  await created.value.close();
  const ignore = (): void => {};
  await new Shipper({ directory: spool, db, log: logger(), committed: () => null, removes: false, clock: Date.now, removed: ignore, shipped: ignore }).run(
    new AbortController().signal,
  );
  const copies = Math.ceil(records / templates) - 1;
  for (const partition of db.kind === 'postgres' ? [null] : await db.partitions()) {
    const tables = partition === null ? db.main : await db.read(partition);
    if (tables === null) continue;
    const series =
      db.kind === 'postgres'
        ? sql`generate_series(1, ${sql.lit(copies)}) as s(k)`
        : sql`(with recursive n(k) as (select 1 union all select k + 1 from n where k < ${sql.lit(copies)}) select k from n) as s`;
    // Within the week of its template: some milliseconds from the others.
    const start = sql.lit(partitionOf('allow', 0).from);
    const weekOf = sql`((r.time - ${start}) / ${sql.lit(week)} * ${sql.lit(week)} + ${start})`;
    const time = sql`(${weekOf} + (r.time - ${weekOf} + s.k * 1209600) % ${sql.lit(week)})`;
    const id = db.kind === 'postgres' ? sql`substr(r.id, 1, 16) || lpad(s.k::text, 10, '0')` : sql`substr(r.id, 1, 16) || printf('%010d', s.k)`;
    const place = db.kind === 'postgres' ? sql`lpad(${time}::text, 15, '0') || ${id}` : sql`printf('%015d', ${time}) || ${id}`;
    // Of a line as long as a hash is: what is read are the other columns.
    const same =
      'kept, hash, class, decision, answered, kind, namespace, name, user_name, owner_kind, owner_name, policy_revision, replica, breakglass, last_known_good, differs, summary, chain';
    const search = db.kind === 'postgres' ? sql.raw(', search') : sql``;
    await sql`insert into terms (kept, time, kind, term, place) select t.kept, ${time}, t.kind, t.term, ${place} from terms t join records r on r.place = t.place and r.kept = t.kept and r.time = t.time cross join ${series}`.execute(
      tables,
    );
    await sql`insert into images (kept, time, place, position, repository, tag, digest, signers, counts)
      select t.kept, ${time}, ${place}, t.position, t.repository, t.tag, t.digest, t.signers, t.counts from images t join records r on r.place = t.place and r.kept = t.kept and r.time = t.time cross join ${series}`.execute(
      tables,
    );
    await sql`insert into records (${sql.raw(same)}, time, id, place, sequence, retry, line${search})
      select ${sql.raw(
        same
          .split(', ')
          .map((name) => `r.${name}`)
          .join(', '),
      )}, ${time}, ${id}, ${place}, r.sequence * 1000000 + s.k, r.retry || '-' || s.k, r.hash${search} from records r cross join ${series} where r.id <> ''`.execute(
      tables,
    );
    if (db.kind === 'sqlite') {
      await sql`insert into words (rowid, text) select row, namespace || ' ' || name || ' ' || owner_name || ' ' || class from records where sequence >= 1000000`.execute(
        tables,
      );
    }
    await sql.raw('analyze').execute(tables);
  }
}

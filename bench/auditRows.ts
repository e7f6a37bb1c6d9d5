/** Records by the million, without judging as many Pods: two thousand real ones, and copies of them made by the database itself. */
import { type Kysely, sql } from 'kysely';
import { ulid } from 'ulidx';
import { createAudit } from '../src/audit/index.ts';
import type { Database } from '../src/audit/store/database.ts';
import { partitionOf } from '../src/audit/store/period.ts';
import { Shipper } from '../src/audit/store/ship.ts';
import type { Tables } from '../src/audit/store/tables.ts';
import { denial, draft, evidence, image, logger, options } from '../test/unit/audit/fixtures.ts';

const templates = 2_000;
/** Copies of each made by one statement. */
const atOnce = 40;
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
    // No more at a time than a statement has time for.
    for (let first = 1; first <= copies; first += atOnce) await copyRows(db.kind, tables, first, Math.min(copies, first + atOnce - 1));
    await sql.raw('analyze').execute(tables);
  }
}

/** Of a line as long as a hash: what is read are the other columns. */
const copied =
  'kept, hash, class, decision, answered, kind, namespace, name, user_name, owner_kind, owner_name, policy_revision, replica, breakglass, last_known_good, differs, summary, chain';

/** Copies of the templates, each some milliseconds from the others, within the week of its template. */
async function copyRows(kind: Database['kind'], tables: Kysely<Tables>, first: number, last: number): Promise<void> {
  const postgres = kind === 'postgres';
  const [from, to, length] = [sql.lit(first), sql.lit(last), sql.lit(week)];
  const series = postgres
    ? sql`generate_series(${from}, ${to}) as s(k)`
    : sql`(with recursive n(k) as (select ${from} union all select k + 1 from n where k < ${to}) select k from n) as s`;
  const start = sql.lit(partitionOf('allow', 0).from);
  const weekOf = sql`((r.time - ${start}) / ${length} * ${length} + ${start})`;
  const time = sql`(${weekOf} + (r.time - ${weekOf} + s.k * 1209600) % ${length})`;
  const id = postgres ? sql`substr(r.id, 1, 16) || lpad(s.k::text, 10, '0')` : sql`substr(r.id, 1, 16) || printf('%010d', s.k)`;
  const place = postgres ? sql`lpad(${time}::text, 15, '0') || ${id}` : sql`printf('%015d', ${time}) || ${id}`;
  const template = sql`r.class <> 'event' and r.sequence < 1000000`;
  const joined = sql`t join records r on r.place = t.place and r.kept = t.kept and r.time = t.time cross join ${series} where ${template}`;
  await sql`insert into terms (kept, time, kind, term, place) select t.kept, ${time}, t.kind, t.term, ${place} from terms ${joined}`.execute(tables);
  await sql`insert into images (kept, time, place, position, repository, tag, digest, signers, counts)
    select t.kept, ${time}, ${place}, t.position, t.repository, t.tag, t.digest, t.signers, t.counts from images ${joined}`.execute(tables);
  const search = sql.raw(postgres ? ', search' : '');
  const columns = sql.raw(copied.replaceAll(/(\w+)/g, 'r.$1'));
  await sql`insert into records (${sql.raw(copied)}, time, id, place, sequence, retry, line${search})
    select ${columns}, ${time}, ${id}, ${place}, r.sequence * 1000000 + s.k, r.retry || '-' || s.k, r.hash${search}
    from records r cross join ${series} where ${template}`.execute(tables);
  if (postgres) return;
  await sql`insert into words (rowid, text) select row, namespace || ' ' || name || ' ' || owner_name || ' ' || class from records
    where sequence >= 1000000 and sequence % 1000000 between ${from} and ${to}`.execute(tables);
}

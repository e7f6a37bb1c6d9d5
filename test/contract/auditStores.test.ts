/** What every store of the audit log promises: what was recorded is found, by anything that is known of it, and is as it was written. */
import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest';
import { parseFilter, type RecordFilter } from '../../src/domain/auditFilter.ts';
import type { RecordReader, Visible } from '../../src/domain/auditReader.ts';
import type { RecordDraft } from '../../src/domain/record.ts';
import { denial, digest, evidence, finding, image, scan } from '../unit/audit/fixtures.ts';
import { noon, recordId, type StoreStage, signal, stageStore, stopSharedPostgres, storeKinds } from './auditRig.ts';

const hour = 3_600_000;
const kinds = Object.keys(storeKinds).filter((kind) => kind === 'sqlite' || kind === 'postgres' || kind === 'jsonl');

afterAll(stopSharedPostgres);

function good<T>(
  outcome: { readonly ok: true; readonly value: T } | { readonly ok: false; readonly fault: { readonly message: string; readonly cause?: unknown } },
): T {
  if (!outcome.ok) throw new Error(`${outcome.fault.message} (${String(outcome.fault.cause)})`);
  return outcome.value;
}

function filterOf(query: string): RecordFilter {
  const parsed = parseFilter(new URLSearchParams(query), noon);
  if (!parsed.ok) throw new Error(JSON.stringify(parsed.faults));
  return parsed.filter;
}

const request = {
  uid: 'u',
  operation: 'CREATE',
  kind: 'v1/Pod',
  subResource: '',
  namespace: 'shop',
  name: null,
  generateName: 'web-7d-',
  user: { username: 'alice', groups: [] },
  dryRun: false,
  object: {},
  oldObject: null,
} as const;
const admitted = { decision: 'allow', answered: 'allow', findings: [] } as const;
const quay = {
  ...image(evidence({ signatures: [], lastKnownGood: [{ stage: 'signatures', source: 'ci', age: 60 }] }), 'tool'),
  reference: { registry: 'quay.io', repository: 'acme/tool', tag: '2.1', digest: digest('c') },
};
const outage = { stage: 'scans', source: 'harbor', code: 'REGISTRY_UNAVAILABLE', message: 'harbor.corp does not answer', transient: true } as const;

/** By the name of the object: everything that the filters tell apart. */
const drafts: Readonly<Record<string, Partial<RecordDraft>>> = {
  'denied-cve': { time: noon - hour, request: { ...request, name: 'denied-cve' }, owner: { kind: 'ReplicaSet', name: 'web-7d' } },
  'warned-mode': {
    time: noon - 2 * hour,
    request: { ...request, name: 'warned-mode', namespace: 'dev-a', user: { username: 'bob', groups: [] } },
    answered: 'allow',
    mode: 'warn',
  },
  admitted: { time: noon - 3 * hour, request: { ...request, name: 'admitted', namespace: 'dev-b' }, ...admitted },
  'last-known-good': {
    time: noon - 4 * hour,
    request: { ...request, name: 'last-known-good', kind: 'apps/v1/Deployment' },
    ...admitted,
    images: [quay],
    owner: null,
  },
  outage: {
    time: noon - 30 * 24 * hour,
    request: { ...request, name: 'outage' },
    images: [image(evidence({ faults: [outage], scans: [], dark: ['scans'] }))],
    findings: [{ ...denial, policy: 'tidewaiter', id: 'dark-scans', code: 'REGISTRY_UNAVAILABLE', cves: [], msg: 'no scan result could be looked at' }],
  },
};

describe.each(kinds)('the %s store', (kind) => {
  let stage: StoreStage;
  let reader: RecordReader;

  describe('with records', () => {
    beforeAll(async () => {
      stage = await stageStore(kind);
      reader = stage.reader;
      await stage.record(...Object.values(drafts));
      await stage.ship();
      return () => stage.close();
    });

    const names = async (query: string, visible: Visible = 'all'): Promise<readonly (string | null)[]> =>
      good(await reader.list({ filter: filterOf(query), visible }, { limit: 10 }, signal)).rows.map(({ name }) => name);

    it.each([
      ['', ['denied-cve', 'warned-mode', 'admitted', 'last-known-good', 'outage']],
      ['from=90m', ['denied-cve']],
      ['to=150m', ['admitted', 'last-known-good', 'outage']],
      ['from=150m&to=1h', ['warned-mode']],
      ['decision=deny', ['denied-cve', 'warned-mode', 'outage']],
      ['answered=deny', ['denied-cve', 'outage']],
      ['class=allow', ['admitted', 'last-known-good']],
      ['class=warn&class=fault', ['warned-mode', 'outage']],
      ['code=REGISTRY_UNAVAILABLE', ['outage']],
      ['code=REGISTRY_UNAVAILABLE&code=SCAN_PENDING', ['outage']],
      ['code=SCAN_PENDING', []],
      ['namespace=dev-*', ['warned-mode', 'admitted']],
      ['namespace=dev-a&namespace=dev-b', ['warned-mode', 'admitted']],
      ['namespace=nowhere', []],
      ['namespace=now*', []],
      ['kind=Deployment', ['last-known-good']],
      ['kind=apps/v1/Deployment', ['last-known-good']],
      ['kind=Deploy', []],
      ['name=admitted', ['admitted']],
      ['user=bob', ['warned-mode']],
      ['ownerKind=ReplicaSet&owner=web-7d', ['denied-cve']],
      ['image=quay.io/*/tool', ['last-known-good']],
      ['image=quay.io/*', []],
      ['image=quay.io/**', ['last-known-good']],
      ['image=quay.io/acme/tool', ['last-known-good']],
      ['image=quay.io/acme/tool:2.*', ['last-known-good']],
      ['image=quay.io/acme/tool:1.*', []],
      ['image=**:1.27', ['denied-cve', 'warned-mode', 'admitted', 'outage']],
      [`digest=${digest('c')}`, ['last-known-good']],
      ['digest=sha256:ccccccc', ['last-known-good']],
      ['digest=sha256:ccccccd', []],
      ['signer=release&decision=allow', ['admitted']],
      ['signer=nobody', []],
      ['cve=CVE-2026-0001', ['denied-cve', 'warned-mode']],
      ['cve=CVE-2026-0001&policy=scanned&user=bob', ['warned-mode']],
      ['policy=tidewaiter', ['outage']],
      ['lastKnownGood=true', ['last-known-good']],
      ['lastKnownGood=false&class=allow', ['admitted']],
      ['breakglass=true', []],
      ['differs=true', []],
      ['acknowledged=true', []],
      ['acknowledged=false&class=fault', ['outage']],
      ['exception=*', []],
      ['exception=openssl', []],
      ['replica=replica-0&class=fault', ['outage']],
      ['q=critical', ['denied-cve', 'warned-mode']],
      ['q=CRIT*+cve', ['denied-cve', 'warned-mode']],
      ['q=crit', []],
      ['q=acme+tool', ['last-known-good']],
      ["q=it's+not+there", []],
      ['q=OR+NOT+NEAR', []],
    ])('finds %s', async (query, expected) => {
      expect(await names(query)).toEqual(expected);
    });

    it('shows nobody what is not visible to them', async () => {
      expect(await names('', new Set(['dev-a']))).toEqual(['warned-mode']);
      expect(await names('namespace=shop', new Set(['dev-a']))).toEqual([]);
      expect(await names('namespace=dev-*', new Set(['dev-a', 'shop']))).toEqual(['warned-mode']);
      expect(await names('', new Set())).toEqual([]);
      const [row] = good(await reader.list({ filter: filterOf('name=admitted'), visible: 'all' }, { limit: 1 }, signal)).rows;
      expect(good(await reader.show(row?.id ?? '', new Set(['shop']), signal))).toBeNull();
      expect(
        good(await reader.timeline({ filter: {}, visible: new Set(['dev-b']) }, 10, signal))
          .buckets.map(({ counts }) => counts.allow)
          .reduce((a, b) => a + b),
      ).toBe(1);
      expect(good(await reader.policies({ filter: {}, visible: new Set(['dev-b']) }, signal))).toEqual([]);
      expect(good(await reader.images({ filter: {}, visible: new Set(['dev-b']) }, { limit: 10 }, signal)).rows).toMatchObject([{ records: 1 }]);
    });

    it('gives pages that follow each other', async () => {
      const seen: (string | null)[] = [];
      let after: string | undefined;
      do {
        const page = good(await reader.list({ filter: {}, visible: 'all' }, { limit: 2, ...(after === undefined ? {} : { after }) }, signal));
        seen.push(...page.rows.map(({ name }) => name));
        after = page.next ?? undefined;
      } while (after !== undefined);
      expect(seen).toEqual(Object.keys(drafts));
    });

    it.each(['', 'x', '../../etc/passwd', Buffer.from("000' or 1=1").toString('base64url')])('refuses the cursor %j', async (after) => {
      expect(await reader.list({ filter: {}, visible: 'all' }, { limit: 2, after }, signal)).toMatchObject({ ok: false, fault: { code: 'REVIEW_INVALID' } });
    });

    it('refuses pages that are too long', async () => {
      expect(await reader.list({ filter: {}, visible: 'all' }, { limit: 501 }, signal)).toMatchObject({ ok: false });
      expect(await reader.timeline({ filter: {}, visible: 'all' }, 501, signal)).toMatchObject({ ok: false });
    });

    it('shows a record byte for byte, with the contents it refers to', async () => {
      const [row] = good(await reader.list({ filter: filterOf('name=denied-cve'), visible: 'all' }, { limit: 1 }, signal)).rows;
      const shown = good(await reader.show(row?.id ?? '', 'all', signal));
      expect(JSON.parse(shown?.line ?? '{}')).toMatchObject({ id: row?.id, hash: row?.hash, request: { name: 'denied-cve' } });
      expect(good(await reader.show((row?.id ?? '').slice(0, 25), 'all', signal))?.row.id).toBe(row?.id);
      expect(good(await reader.show('01AAAAAAAAAAAAAAAAAAAAAAAA', 'all', signal))).toBeNull();
      expect(good(await reader.show("' or 1=1", 'all', signal))).toBeNull();
    });

    it('asks for more of an id that several have', async () => {
      expect(await reader.show(recordId(noon).slice(0, 4), 'all', signal)).toMatchObject({
        ok: false,
        fault: { message: expect.stringContaining('give more of it') },
      });
    });

    it('counts on a timeline', async () => {
      const timeline = good(await reader.timeline({ filter: filterOf('from=6h&to=2026-11-24T12:00Z'), visible: 'all' }, 10, signal));
      expect(timeline).toMatchObject({ from: noon - 6 * hour, to: noon, step: hour });
      expect(timeline.buckets.map(({ counts: { allow, warn, deny, fault } }) => [allow, warn, deny, fault].join(''))).toEqual([
        '0000',
        '0000',
        '1000',
        '1000',
        '0100',
        '0010',
      ]);
    });

    it('spans a timeline from the first record to now where no time is given', async () => {
      const timeline = good(await reader.timeline({ filter: {}, visible: 'all' }, 40, signal));
      expect(timeline.buckets.length).toBeLessThanOrEqual(40);
      expect(timeline.from).toBeLessThanOrEqual(noon - 30 * 24 * hour);
      expect(timeline.to).toBeGreaterThan(noon);
      expect(timeline.buckets.reduce((sum, { counts }) => sum + counts.allow + counts.warn + counts.deny + counts.fault, 0)).toBe(5);
    });

    it('counts what policies said', async () => {
      expect(good(await reader.policies({ filter: {}, visible: 'all' }, signal))).toEqual([
        { policy: 'scanned', denied: 2, decisive: 2, warned: 0, last: noon - hour },
        { policy: 'tidewaiter', denied: 1, decisive: 1, warned: 0, last: noon - 30 * 24 * hour },
      ]);
      expect(good(await reader.policies({ filter: filterOf('from=90m'), visible: 'all' }, signal))).toMatchObject([{ policy: 'scanned', denied: 1 }]);
    });

    it('tells when an image came first, by whom, and when last', async () => {
      const { rows } = good(await reader.images({ filter: filterOf('image=docker.io/library/nginx'), visible: 'all' }, { limit: 10 }, signal));
      expect(rows).toMatchObject([
        {
          repository: 'docker.io/library/nginx',
          digest: digest('a'),
          tags: ['1.27'],
          records: 4,
          denied: 2,
          first: { time: noon - 30 * 24 * hour, user: 'alice', namespace: 'shop', answered: 'deny', counts: null },
          last: { time: noon - hour, signers: ['release'], counts: { CRITICAL: 1 } },
        },
      ]);
    });

    it('gives every chain, entry by entry, as the spool had it', async () => {
      const chains = good(await reader.chains(signal));
      expect(chains).toMatchObject([{ replica: 'replica-0', entries: 6, first: { sequence: 0 }, last: { sequence: 5 } }]);
      const lines: string[] = [];
      for await (const entry of reader.entries(chains[0]?.chain ?? '', 0, signal)) lines.push(good(entry).line);
      const spooled = readdirSync(stage.spool).flatMap((name) => (name.endsWith('.jsonl') ? readFileSync(join(stage.spool, name), 'utf8').split('\n') : []));
      expect(lines).toEqual(spooled.filter((line) => line !== '' && !line.startsWith('{"content"')));
    });

    it('gives whole records for exports, in both orders', async () => {
      const ids = async (order: 'newest' | 'oldest'): Promise<string[]> => {
        const found: string[] = [];
        for await (const record of reader.records({ filter: filterOf('decision=deny'), visible: 'all' }, order, signal))
          found.push(JSON.parse(good(record).line).request.name);
        return found;
      };
      expect(await ids('newest')).toEqual(['denied-cve', 'warned-mode', 'outage']);
      expect(await ids('oldest')).toEqual(['outage', 'warned-mode', 'denied-cve']);
    });

    it('stops when it is told to', async () => {
      const aborted = AbortSignal.abort();
      expect(await reader.list({ filter: {}, visible: 'all' }, { limit: 1 }, aborted)).toMatchObject({ ok: false, fault: { code: 'AUDIT_UNAVAILABLE' } });
    });
  });

  describe('with retries', () => {
    afterEach(() => stage.close());

    it('makes one row of what one owner tried again and again', async () => {
      stage = await stageStore(kind);
      const retry = (minutes: number, owner: string): Partial<RecordDraft> => ({
        time: noon - minutes * 60_000,
        owner: { kind: 'ReplicaSet', name: owner },
        request: { ...request },
      });
      const minutes = Array.from({ length: 120 }, (_, i) => i);
      await stage.record(...minutes.flatMap((each) => [retry(each, 'web'), ...(each % 10 === 5 ? [retry(each, `other-${each}`)] : [])]), retry(26 * 60, 'web'));
      await stage.ship();
      const collapse = async (limit: number, query = ''): Promise<(readonly [string | undefined, number])[]> => {
        const rows: (readonly [string | undefined, number])[] = [];
        let after: string | undefined;
        do {
          const page = good(
            await stage.reader.collapse({ filter: filterOf(query), visible: 'all' }, { limit, ...(after === undefined ? {} : { after }) }, signal),
          );
          expect(page.rows.length).toBeLessThanOrEqual(limit);
          rows.push(...page.rows.map(({ owner, count }) => [owner?.name, count] as const));
          after = page.next ?? undefined;
        } while (after !== undefined);
        return rows;
      };
      const others = minutes.filter((each) => each % 10 === 5).map((each) => [`other-${each}`, 1] as const);
      const expected = [['web', 120], ...others, ['web', 1]];
      expect(await collapse(500)).toEqual(expected);
      expect(await collapse(1)).toEqual(expected);
      expect(await collapse(5)).toEqual(expected);
      expect(await collapse(500, 'from=30m')).toEqual([['web', 31], ...others.slice(0, 3)]);
      const { rows } = good(await stage.reader.collapse({ filter: {}, visible: 'all' }, { limit: 1 }, signal));
      expect(rows).toMatchObject([{ count: 120, first: noon - 119 * 60_000, last: noon }]);
    });
  });

  it('keeps a content once, and gives it to every record that refers to it', async () => {
    stage = await stageStore(kind);
    const many = Array.from({ length: 40 }, (_, i) => finding({ id: `CVE-2026-${1000 + i}` }));
    const images = [image(evidence({ scans: [scan(many)] }))];
    await stage.record({ images, time: noon - hour }, { images });
    await stage.record({ images, time: noon - 2 * hour });
    await stage.ship();
    const { rows } = good(await stage.reader.list({ filter: {}, visible: 'all' }, { limit: 5 }, signal));
    const shown = await Promise.all(rows.map(async ({ id }) => good(await stage.reader.show(id, 'all', signal))?.contents));
    expect(shown.map((contents) => [...(contents?.keys() ?? [])].length)).toEqual([1, 1, 1]);
    const [sha256 = ''] = shown[0]?.keys() ?? [];
    expect(JSON.parse(good(await stage.reader.contents([sha256, 'f'.repeat(64)], signal)).get(sha256) ?? '')).toHaveLength(40);
    await stage.close();
  });

  it('has everything once, however often it is shipped', async () => {
    stage = await stageStore(kind);
    await stage.record({ time: noon - hour }, { time: noon });
    await stage.ship();
    await stage.db.main.deleteFrom('shipped').execute();
    await stage.ship();
    await stage.record({ time: noon - 3 * hour, id: recordId(noon - 3 * hour) });
    await stage.ship();
    expect(good(await stage.reader.list({ filter: {}, visible: 'all' }, { limit: 10 }, signal)).rows).toHaveLength(3);
    expect(
      good(await stage.reader.chains(signal))
        .map(({ entries }) => entries)
        .sort(),
    ).toEqual([2, 3]);
    expect(good(await stage.reader.policies({ filter: {}, visible: 'all' }, signal))).toMatchObject([{ denied: 3 }]);
    expect(good(await stage.reader.list({ filter: filterOf('q=critical'), visible: 'all' }, { limit: 10 }, signal)).rows).toHaveLength(3);
    await stage.close();
  });
});

/** Candidate policies: judged beside those in force, told in record, metric and log, and of no consequence to anybody's Pod. */
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { verifyChain } from '../../src/audit/verify.ts';
import { deadlineIn } from '../../src/domain/deadline.ts';
import { openReplay } from '../../src/policy/index.ts';
import { type ConfigMapVolume, mountConfigMap } from '../rig/configMapVolume.ts';
import { waitFor } from '../rig/wait.ts';
import { podWith } from './calls.ts';
import { readSpoolLines, type Stage, setStage, type Webhook } from './stage.ts';

const policy = (name: string, rules: string): Record<string, string> => ({ [`${name}.rego`]: `package policies.${name}\n\n${rules}\n` });
const allowing = 'deny contains "never" if input.review.namespace == "nowhere"';
const denying = 'deny contains {"msg": "web is not wanted", "id": "unwanted", "container": "web"} if input.review.namespace == "shop"';

let stage: Stage;
let inForce: ConfigMapVolume;
let candidate: ConfigMapVolume;
let webhook: Webhook;
let image: string;

beforeAll(async () => {
  stage = await setStage();
  image = `${stage.registry.host}/acme/web@${(await stage.publish('acme/web')).digest}`;
  inForce = mountConfigMap(join(stage.folder, 'policies'), policy('p', allowing));
  candidate = mountConfigMap(join(stage.folder, 'policies-next'), policy('p', denying));
  webhook = await stage.serve({ policy: { candidate: 'policies-next', timeout: '300ms' } });
  await stateWhere(/^1 judge beside those in force/);
});
afterAll(() => stage.close());

/** The readiness detail of the candidate, once it says this. */
function stateWhere(pattern: RegExp): Promise<string> {
  return waitFor(`the candidate's state ${pattern}`, async () => {
    const { checks } = JSON.parse((await webhook.ops('/readyz')).body) as { checks: { name: string; ready: boolean; reason: string }[] };
    const check = checks.find(({ name }) => name === 'candidate policies');
    return check?.ready && pattern.test(check.reason) ? check.reason : null;
  });
}

async function change(volume: ConfigMapVolume, files: Record<string, string>): Promise<void> {
  const loads = (): number => webhook.log().split(/policies are in force|candidate policies judge beside/).length;
  const before = loads();
  volume.update(files);
  await waitFor('the new policies', async () => (loads() > before ? true : null));
}

interface Entry {
  readonly sequence: number;
  readonly id?: string;
  readonly input?: unknown;
  readonly policyRevision?: string;
  readonly otherwise?: {
    readonly record: { readonly id: string; readonly hash: string };
    readonly candidate: string;
    readonly outcome: string;
    readonly decision: string | null;
    readonly fault: { readonly code: string } | null;
    readonly added: readonly { readonly policy: string; readonly container: string | null; readonly msg: string }[];
    readonly removed: readonly { readonly policy: string }[];
  };
}

const entries = (): readonly Entry[] => readSpoolLines(webhook.running.about.spool).map((line) => JSON.parse(line) as Entry);

async function ask(): Promise<{ allowed: boolean; warnings: readonly string[]; record: string; hash: string }> {
  const answer = await webhook.validate(podWith([image]));
  return {
    allowed: answer.allowed,
    warnings: answer.warnings ?? [],
    record: answer.auditAnnotations?.['record'] ?? '',
    hash: answer.auditAnnotations?.['hash'] ?? '',
  };
}

/** What is in the record of a difference to this decision. A denial hurries what is chained before it to the disk. */
function differenceOf(record: string): Promise<NonNullable<Entry['otherwise']>> {
  return waitFor(`the comparison with ${record}`, async () => {
    await webhook.validate(podWith([`${stage.registry.host}/acme/missing:1`]));
    return entries().find((entry) => entry.otherwise?.record.id === record)?.otherwise ?? null;
  });
}

async function count(metric: string, ...labels: string[]): Promise<number> {
  const lines = (await webhook.ops('/metrics')).body.split('\n').filter((line) => line.startsWith(`tidewaiter_${metric}{`));
  return Number(
    lines
      .find((line) => labels.every((label) => line.includes(label)))
      ?.split(' ')
      .at(-1) ?? 0,
  );
}

describe('candidate policies', () => {
  test('that would deny what is allowed change no answer; the difference is recorded after the record, counted, and logged once', async () => {
    const first = await ask();
    const second = await ask();
    expect([first, second]).toMatchObject([
      { allowed: true, warnings: [] },
      { allowed: true, warnings: [] },
    ]);
    const difference = await differenceOf(first.record);
    expect(difference).toMatchObject({
      record: { id: first.record, hash: first.hash },
      outcome: 'stricter',
      decision: 'deny',
      fault: null,
      added: [{ policy: 'p', container: 'web', msg: 'web is not wanted' }],
      removed: [],
    });
    await differenceOf(second.record);
    expect(await count('candidate_decisions_total', 'outcome="stricter"')).toBe(2);
    expect(await count('candidate_findings_total', 'policy="p"', 'change="added"')).toBeGreaterThanOrEqual(2);
    const told = webhook
      .log()
      .split('\n')
      .filter((line) => line.includes('would have judged otherwise') && line.includes('"stricter"'));
    expect(told).toHaveLength(1);
    expect(told[0]).toContain('"added":["p"]');
  });

  test('put in force are the ones that were compared: by revision; and a set is not compared with itself', async () => {
    const before = await ask();
    const { candidate: revision } = await differenceOf(before.record);
    await change(inForce, policy('p', denying));
    await stateWhere(/the same as in force: nothing is compared/);
    const compared = await count('candidate_decisions_total', 'outcome="same"');
    const denied = await ask();
    expect(denied.allowed).toBe(false);
    const record = entries().find(({ id }) => id === denied.record);
    expect(record?.policyRevision).toBe(revision);
    expect(await count('candidate_decisions_total', 'outcome="same"')).toBe(compared);
  });

  test('that would allow what is denied change no answer either', async () => {
    await change(candidate, policy('p', allowing));
    const denied = await ask();
    expect(denied.allowed).toBe(false);
    // On disk before the answer, as every denial, whatever the candidate does.
    expect(entries().some(({ id }) => id === denied.record)).toBe(true);
    expect(await differenceOf(denied.record)).toMatchObject({ outcome: 'milder', decision: 'allow', added: [], removed: [{ policy: 'p' }] });
  });

  test('that give the same decision for another reason are a difference in findings', async () => {
    await change(candidate, policy('p', denying.replace('web is not wanted', 'nobody wants web')));
    const denied = await ask();
    expect(await differenceOf(denied.record)).toMatchObject({
      outcome: 'findings',
      decision: 'deny',
      added: [{ msg: 'nobody wants web' }],
      removed: [{ policy: 'p' }],
    });
  });

  test('that are broken leave the last good ones the candidate, and say so', async () => {
    const before = await ask();
    const { candidate: revision } = await differenceOf(before.record);
    candidate.update({ 'p.rego': 'package policies.p\n\ndeny contains "x" if {\n' });
    expect(await stateWhere(/the newest edit is not judged/)).toMatch(/p\.rego:\d+:\d+/);
    const after = await ask();
    expect(after.allowed).toBe(false);
    expect((await differenceOf(after.record)).candidate).toBe(revision);
  });

  test('that loop are stopped, and hold up nobody', async () => {
    // Comparing leaves no garbage behind: time runs out before memory does.
    const names = `names := split("${'abcdefghijklmnopqrstuvwxyz'.repeat(8)}", "")`;
    const loop = `${names}\n\ndeny contains "x" if {\n  input.review.namespace == "shop"\n  some a in names\n  some b in names\n  some c in names\n  some d in names\n  a != b\n  c != d\n  a == c\n  b == d\n  a == d\n}`;
    await change(candidate, policy('p', loop));
    const began = performance.now();
    const denied = await ask();
    // The candidate runs for 300 ms at least.
    expect(performance.now() - began).toBeLessThan(300);
    expect(await differenceOf(denied.record)).toMatchObject({ outcome: 'failed', decision: null, fault: { code: 'POLICY_TIMEOUT' } });
  });

  test('and what was in force are kept by revision: the decision can be made again from them', async () => {
    const denied = await ask();
    const record = entries().find(({ id }) => id === denied.record);
    const folder = join(stage.folder, 'state', 'policies', 'revisions');
    const replay = await openReplay({ revision: record?.policyRevision ?? '', folder }, { timeout: 1_000, workers: 1 });
    if (!replay.ok) throw new Error(replay.fault.message);
    const findings = await replay.value.judge(JSON.stringify(record?.input), deadlineIn(10_000, Date.now()));
    await replay.value.close();
    expect(findings).toMatchObject({ ok: true, value: [{ policy: 'p', id: 'unwanted', effect: 'deny' }] });
    expect(await openReplay({ revision: '0'.repeat(64), folder }, { timeout: 1_000 })).toMatchObject({ ok: false, fault: { code: 'POLICY_BROKEN' } });
  });

  test('leave a chain that is unbroken', () => {
    expect(verifyChain(readSpoolLines(webhook.running.about.spool)).faults).toEqual([]);
  });
});

import { mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { startWebhook } from '../../demo/webhook.ts';
import { openCommandReader } from '../../src/audit/index.ts';
import { verifyChain } from '../../src/audit/verify.ts';
import { admissionReview, callWebhook, podObject } from '../fakes/review.ts';

const rounds = 100;
const callers = 16;

/** Posts denials from several callers until the webhook is gone; gives the records of those that were answered. */
async function denyUntilKilled(config: string, round: number): Promise<string[]> {
  const webhook = await startWebhook(config);
  const caller = callWebhook(webhook.address, readFileSync(join(config, '..', 'state', 'tls', 'ca.crt'), 'utf8'));
  const answered: string[] = [];
  const enough = 20 + ((round * 37) % 200);
  const body = admissionReview({ object: podObject({ containers: [{ name: 'web', image: `unlisted.example/app@sha256:${'a'.repeat(64)}` }] }) });
  const call = async (): Promise<void> => {
    try {
      for (;;) {
        const { allowed, auditAnnotations } = await caller.review('/validate', body);
        expect(allowed).toBe(false);
        answered.push(auditAnnotations?.['record'] ?? 'no record');
        if (answered.length === enough) process.kill(webhook.pid, 'SIGKILL');
      }
    } catch (error) {
      // The connection breaks when the process is gone; anything before that is a failure of the test.
      if (answered.length < enough) throw error;
    }
  };
  await Promise.all(Array.from({ length: callers }, call));
  caller.close();
  await webhook.stop();
  return answered;
}

test(`every denial that was answered is in the record, whenever the process is killed (${rounds} times)`, async () => {
  const folder = mkdtempSync(join(tmpdir(), 'tidewaiter-kills-'));
  const config = join(folder, 'tidewaiter.yaml');
  writeFileSync(
    config,
    JSON.stringify({
      apiVersion: 'tidewaiter.dev/v1',
      kind: 'Configuration',
      server: { listen: '127.0.0.1:0', ops: '127.0.0.1:0' },
      registries: [{ host: 'registry.example' }],
      audit: { sinks: [] },
    }),
  );
  const answered: string[] = [];
  for (let round = 0; round < rounds; round += 1) answered.push(...(await denyUntilKilled(config, round)));

  const kept = new Set<string>();
  for (const name of readdirSync(join(folder, 'state', 'audit'))) {
    const lines = readFileSync(join(folder, 'state', 'audit', name), 'utf8').split('\n');
    expect(verifyChain(lines).faults.filter(({ kind }) => kind !== 'torn')).toEqual([]);
    for (const line of lines.slice(0, -1)) kept.add(JSON.parse(line).id);
  }
  // What the spool has no more is in the store.
  const opened = await openCommandReader({
    settings: { kind: 'sqlite', file: join(folder, 'state', 'audit.db') },
    retention: { allow: 86_400_000, deny: 86_400_000, bytes: 2 ** 33 },
    log: { info: () => {}, warn: () => {}, error: () => {} },
  });
  if (!opened.ok) throw new Error(opened.fault.message);
  for await (const record of opened.value.records({ filter: {}, visible: 'all' }, 'oldest', new AbortController().signal)) {
    if (!record.ok) throw new Error(record.fault.message);
    kept.add(record.value.row.id);
  }
  await opened.value.close();
  expect(answered.length).toBeGreaterThan(rounds * 20);
  expect(answered.filter((id) => !kept.has(id))).toEqual([]);
  rmSync(folder, { recursive: true });
});

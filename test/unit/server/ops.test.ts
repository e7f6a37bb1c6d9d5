import { afterEach, describe, expect, it } from 'vitest';
import type { RunningServer } from '../../../src/server/listen.ts';
import { createMetrics } from '../../../src/server/metrics.ts';
import { createOpsServer, type OpsServerOptions, type ReadinessCheck } from '../../../src/server/ops.ts';
import { keepLog } from './calls.ts';

const running: RunningServer[] = [];
afterEach(async () => {
  await Promise.all(running.splice(0).map((server) => server.close()));
});

async function start(more: Partial<OpsServerOptions> = {}) {
  const log = keepLog();
  const started = await createOpsServer({
    listen: { host: '127.0.0.1', port: 0 },
    checks: () => [],
    metrics: createMetrics({ version: '1.2.3' }),
    log,
    ...more,
  });
  if (!started.ok) throw new Error(started.fault.message);
  running.push(started.value);
  const { port } = started.value.address;
  return { log, get: (path: string, init: RequestInit = {}) => fetch(`http://127.0.0.1:${port}${path}`, { headers: { connection: 'close' }, ...init }) };
}

describe('the ops listener', () => {
  it('is not ready when one check is not, and names each with its reason', async () => {
    let checks: ReadinessCheck[] = [
      { name: 'policies', ready: true, reason: 'revision abc' },
      { name: 'registration', ready: false, reason: 'not looked at yet' },
    ];
    const { get } = await start({ checks: () => checks });
    const unready = await get('/readyz');
    expect(unready.status).toBe(503);
    expect(await unready.json()).toEqual({ ready: false, checks });
    checks = checks.map((check) => ({ ...check, ready: true }));
    const ready = await get('/readyz');
    expect(ready.status).toBe(200);
    expect(await ready.json()).toMatchObject({ ready: true });
  });

  it('is alive whether ready or not', async () => {
    const { get } = await start({ checks: () => [{ name: 'x', ready: false, reason: 'y' }] });
    expect((await get('/healthz')).status).toBe(200);
    expect((await get('/healthz', { method: 'HEAD' })).status).toBe(200);
  });

  it('answers nothing else, in plain words', async () => {
    const { get } = await start();
    expect((await get('/')).status).toBe(404);
    expect((await get('/%zz')).status).toBe(404);
    const posted = await get('/readyz', { method: 'POST' });
    expect([posted.status, posted.headers.get('allow')]).toEqual([405, 'GET, HEAD']);
    expect(posted.headers.get('x-powered-by')).toBeNull();
  });

  it('survives a check and a metric that throw', async () => {
    const { get, log } = await start({
      checks: () => {
        throw new Error('the inside');
      },
      metrics: { contentType: 'text/plain', text: () => Promise.reject(new Error('the inside')) },
    });
    for (const path of ['/readyz', '/metrics']) {
      const answer = await get(path);
      expect(answer.status).toBe(500);
      expect(await answer.text()).not.toContain('the inside');
    }
    expect(log.lines).toHaveLength(2);
  });

  it('refuses an address it can’t have', async () => {
    const started = await createOpsServer({
      listen: { host: '192.0.2.1', port: 0 },
      checks: () => [],
      metrics: createMetrics({ version: '1' }),
      log: keepLog(),
    });
    expect(started).toMatchObject({ ok: false, fault: { code: 'CONFIG_INVALID' } });
  });
});

describe('metrics', () => {
  it('tell what was counted, with bounded labels', async () => {
    const metrics = createMetrics({ version: '1.2.3' });
    metrics.admission.began('validate');
    metrics.admission.began('mutate');
    metrics.admission.ended('validate', 0.003);
    metrics.admission.refused(503);
    metrics.answered('validate', 'deny', 'enforce', 'CREATE');
    metrics.answered('validate', 'deny', 'enforce', 'CREATE');
    metrics.answered('validate', 'allow', 'warn', 'A made-up operation');
    metrics.stage('resolve', 0.5);
    metrics.fault('REGISTRY_UNAVAILABLE');
    metrics.policyLoaded(true, 'first');
    metrics.policyLoaded(true, 'second');
    metrics.policyLoaded(false, null);
    metrics.configLoaded(true, 'c1');
    metrics.auditQueue(7);
    metrics.auditLost(2);
    metrics.certificateExpires(1_800_000_000_000);
    for (let i = 0; i < 60; i++) metrics.registryRequest(`host-${i}.example`, 'ok');
    const text = await metrics.text();
    for (const line of [
      'tidewaiter_admissions_total{route="validate",decision="deny",mode="enforce",operation="CREATE"} 2',
      'tidewaiter_admissions_total{route="validate",decision="allow",mode="warn",operation="other"} 1',
      'tidewaiter_admissions_in_flight 1',
      'tidewaiter_admission_duration_seconds_bucket{le="0.005",route="validate"} 1',
      'tidewaiter_admission_duration_seconds_bucket{le="0.002",route="validate"} 0',
      'tidewaiter_requests_refused_total{status="503"} 1',
      'tidewaiter_stage_duration_seconds_count{stage="resolve"} 1',
      'tidewaiter_faults_total{code="REGISTRY_UNAVAILABLE"} 1',
      'tidewaiter_revision_info{what="policy",revision="second"} 1',
      'tidewaiter_revision_info{what="config",revision="c1"} 1',
      'tidewaiter_reloads_total{what="policy",outcome="ok"} 2',
      'tidewaiter_reloads_total{what="policy",outcome="bad"} 1',
      'tidewaiter_audit_queue_records 7',
      'tidewaiter_audit_lost_records_total 2',
      'tidewaiter_certificate_expires_seconds 1800000000',
      'tidewaiter_build_info{version="1.2.3"} 1',
      'tidewaiter_registry_requests_total{host="other",outcome="ok"} 10',
    ]) {
      expect(text).toContain(line);
    }
    expect(text).not.toContain('revision="first"');
    expect(text).toContain('process_cpu_seconds_total');
    expect(metrics.contentType).toContain('text/plain');
  });
});

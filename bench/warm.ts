import { admissionReview, podObject, type WebhookCaller } from '../test/fakes/review.ts';
import { admitOnce } from './admit.ts';
import { type Measured, putLoad } from './load.ts';
import type { Report } from './report.ts';
import type { World } from './world.ts';

const seconds = 6;
const connectionCounts = [1, 8, 32];

/** Warm admissions: everything is known already. */
export async function measureWarm(world: World, caller: WebhookCaller, report: Report): Promise<void> {
  const byTag = `${world.registry.host}/acme/warm:1.0`;
  const byDigest = `${byTag}@${world.imageOf('warm').digest}`;
  const url = `https://127.0.0.1:${world.webhook.address.port}`;
  report.head(
    'connections',
    'webhook',
    'admissions/s',
    'of trivial',
    'p50 ms',
    'p99 ms',
    'p99 of trivial',
    'CPU ms/admission',
    'registry requests/1,000',
    'failed',
  );
  for (const connections of connectionCounts) {
    const trivialReview = JSON.stringify(admissionReview({ object: podObject({ containers: [{ name: 'web', image: byDigest }] }) }));
    const base = await putLoad({ ...world.trivial, connections, seconds, mutate: trivialReview, validate: trivialReview });
    row(report, connections, 'trivial', base, base, 0);
    for (const [what, written] of [
      ['by digest', byDigest],
      ['by tag', byTag],
    ] as const) {
      const { mutate, validate } = await admitOnce(caller, [written]);
      world.registry.forgetRequests();
      const measured = await putLoad({ url, pid: world.webhook.pid, connections, seconds, mutate, validate });
      row(report, connections, what, measured, base, (world.registry.count() * 1000) / (measured.admissionsPerSecond * seconds));
    }
  }
}

function row(report: Report, connections: number, what: string, measured: Measured, base: Measured, requests: number): void {
  const percent = (value: number): string => `${Math.round(value * 100)} %`;
  report.row(
    connections,
    what,
    measured.admissionsPerSecond.toFixed(0),
    percent(measured.admissionsPerSecond / base.admissionsPerSecond),
    measured.p50.toFixed(2),
    measured.p99.toFixed(2),
    `${(measured.p99 / base.p99).toFixed(1)} x`,
    measured.cpuPerAdmission.toFixed(3),
    requests.toFixed(1),
    measured.failed,
  );
}

/**
 * `make bench`: what one admission costs, beside a trivial webhook in the same run. Absolute times depend on the machine and on what
 * else it does; the ratios are what counts. With --write the table goes to bench/RESULTS.md.
 */
import { writeFileSync } from 'node:fs';
import { cpus } from 'node:os';
import { join } from 'node:path';
import { applyPatch, type Operation } from 'rfc6902';
import { admissionReview, callWebhook, podObject, type WebhookCaller } from '../test/fakes/review.ts';
import { installTool } from '../tools/install.ts';
import { type Measured, putLoad } from './load.ts';
import { openWorld } from './world.ts';

const seconds = 6;
const connectionCounts = [1, 8, 32];
const coldRuns = 7;
const lines: string[] = [];
const say = (line = ''): void => {
  lines.push(line);
  process.stdout.write(`${line}\n`);
};

await installTool('opa', (line) => process.stderr.write(`${line}\n`));
const coldNames = Array.from({ length: coldRuns }, (_, i) => i);
const world = await openWorld([
  { name: 'warm', layout: 'bundle' },
  ...coldNames.flatMap((i) => [
    { name: `legacy-${i}`, layout: 'legacy' as const },
    { name: `bundle-${i}`, layout: 'bundle' as const },
    { name: `eight-${i}`, layout: 'legacy' as const },
  ]),
]);
const caller = callWebhook(world.webhook.address, world.ca);
try {
  say(`Node ${process.version}, ${cpus().length} x ${cpus()[0]?.model ?? 'unknown processor'}, ${new Date().toISOString().slice(0, 10)}`);
  say();
  await warm();
  say();
  await cold();
} finally {
  caller.close();
  await world.close();
}
if (process.argv.includes('--write')) {
  writeFileSync(
    join(import.meta.dirname, 'RESULTS.md'),
    `# Results of \`make bench\`\n\nOne run. One admission is the mutate call and then the validate call, an AdmissionReview of about 3 kB each, over HTTPS keep-alive; the\nload generator runs on the same cores.\n\n${lines.join('\n')}\n`,
  );
}

/** Warm admissions: everything is known already. */
async function warm(): Promise<void> {
  const image = world.images.get('warm');
  if (image === undefined) throw new Error('no image');
  const byTag = `${world.registry.host}/acme/warm:1.0`;
  const byDigest = `${byTag}@${image.digest}`;
  const url = `https://127.0.0.1:${world.webhook.address.port}`;
  say('| connections | webhook | admissions/s | of trivial | p50 ms | p99 ms | p99 of trivial | CPU ms/admission | registry requests/1,000 | failed |');
  say('|---|---|---|---|---|---|---|---|---|---|');
  for (const connections of connectionCounts) {
    const trivialReview = JSON.stringify(admissionReview({ object: podObject({ containers: [{ name: 'web', image: byDigest }] }) }));
    const base = await putLoad({ ...world.trivial, connections, seconds, mutate: trivialReview, validate: trivialReview });
    row(connections, 'trivial', base, base, 0);
    for (const [what, written] of [
      ['by digest', byDigest],
      ['by tag', byTag],
    ] as const) {
      const { mutate, validate } = await rehearse(caller, [written]);
      world.registry.forgetRequests();
      const measured = await putLoad({ url, pid: world.webhook.pid, connections, seconds, mutate, validate });
      row(connections, what, measured, base, (world.registry.count() * 1000) / (measured.admissionsPerSecond * seconds));
    }
  }
}

function row(connections: number, what: string, measured: Measured, base: Measured, requests: number): void {
  const percent = (value: number): string => `${Math.round(value * 100)} %`;
  const cells = [
    String(connections),
    what,
    measured.admissionsPerSecond.toFixed(0),
    percent(measured.admissionsPerSecond / base.admissionsPerSecond),
    measured.p50.toFixed(2),
    measured.p99.toFixed(2),
    `${(measured.p99 / base.p99).toFixed(1)} x`,
    measured.cpuPerAdmission.toFixed(3),
    requests.toFixed(1),
    String(measured.failed),
  ];
  say(`| ${cells.join(' | ')} |`);
}

/** Cold admissions by tag, with a registry that takes its time. */
async function cold(): Promise<void> {
  world.registry.delay = 50;
  say('Cold, by tag, registry answers after 50 ms; median and worst of runs, each with an image of its own:');
  say();
  say('| admission | median ms | worst ms | registry requests |');
  say('|---|---|---|---|');
  await coldRow('legacy signature', (i) => [`legacy-${i}`]);
  await coldRow('bundle', (i) => [`bundle-${i}`]);
  await coldRow('8 containers of one image, legacy', (i) => Array.from({ length: 8 }, () => `eight-${i}`));
  world.registry.delay = 0;
}

async function coldRow(what: string, names: (run: number) => string[]): Promise<void> {
  const times: number[] = [];
  let requests = 0;
  for (const run of coldNames) {
    world.registry.forgetRequests();
    const began = performance.now();
    await rehearse(
      caller,
      names(run).map((name) => `${world.registry.host}/acme/${name}:1.0`),
    );
    times.push(performance.now() - began);
    requests = world.registry.count();
  }
  times.sort((a, b) => a - b);
  say(`| ${what} | ${times[Math.floor(times.length / 2)]?.toFixed(0)} | ${times.at(-1)?.toFixed(0)} | ${requests} |`);
}

/** One admission; gives the two bodies that were posted. Rejects unless the Pod is admitted. */
async function rehearse(webhook: WebhookCaller, images: readonly string[]): Promise<{ mutate: string; validate: string }> {
  const object = podObject({ containers: images.map((image, i) => ({ name: `c${i}`, image })) });
  const mutate = admissionReview({ object });
  const text = JSON.stringify(mutate);
  const { patch } = await webhook.review('/mutate', mutate);
  const operations: Operation[] = patch === undefined ? [] : JSON.parse(Buffer.from(patch, 'base64').toString('utf8'));
  for (const error of applyPatch(object, operations)) if (error !== null) throw error;
  const validate = admissionReview({ object });
  const { allowed, status } = await webhook.review('/validate', validate);
  if (!allowed) throw new Error(`denied: ${status?.message}`);
  return { mutate: text, validate: JSON.stringify(validate) };
}

import type { WebhookCaller } from '../test/fakes/review.ts';
import { admitOnce } from './admit.ts';
import { putLoad } from './load.ts';
import type { Report } from './report.ts';
import type { World, WorldImage } from './world.ts';

const runs = 7;
const replicas = 100;
const beside = 60;
const delays = [0, 50];
const each = Array.from({ length: runs }, (_, i) => i);

interface ColdCase {
  readonly what: string;
  readonly name: string;
  readonly layout: WorldImage['layout'];
  /** Containers of one Pod. */
  readonly containers: number;
  /** Pods that are created at the same time. */
  readonly pods: number;
}

const cases: readonly ColdCase[] = [
  { what: 'legacy signature', name: 'legacy', layout: 'legacy', containers: 1, pods: 1 },
  { what: 'bundle', name: 'bundle', layout: 'bundle', containers: 1, pods: 1 },
  { what: 'keyless bundle', name: 'keyless', layout: 'keyless', containers: 1, pods: 1 },
  { what: '8 containers of one image, legacy', name: 'eight', layout: 'legacy', containers: 8, pods: 1 },
  { what: `${replicas} Pods of one image at once, legacy`, name: 'replicas', layout: 'legacy', containers: 1, pods: replicas },
];

/** The images that measureCold wants: each is admitted once. */
export const coldImages: readonly WorldImage[] = [
  ...delays.flatMap((delay) => cases.flatMap(({ name, layout }) => each.map((i) => ({ name: `${name}-${delay}-${i}`, layout })))),
  ...Array.from({ length: beside }, (_, i): WorldImage => ({ name: `beside-${i}`, layout: 'keyless' })),
];

/** Cold admissions by tag, with a registry that answers at once and one that takes its time. */
export async function measureCold(world: World, caller: WebhookCaller, report: Report): Promise<void> {
  report.say(`Cold, by tag; median and worst of ${runs} runs, each with an image of its own:`);
  report.say();
  report.head('admission', 'registry answers after', 'median ms', 'worst ms', 'registry requests');
  for (const delay of delays) {
    world.registry.delay = delay;
    for (const { what, name, containers, pods } of cases) {
      const times: number[] = [];
      let requests = 0;
      for (const run of each) {
        world.registry.forgetRequests();
        const written = `${world.registry.host}/acme/${name}-${delay}-${run}:1.0`;
        const images = Array.from({ length: containers }, () => written);
        const began = performance.now();
        await Promise.all(Array.from({ length: pods }, () => admitOnce(caller, images)));
        times.push(performance.now() - began);
        requests = Math.max(requests, world.registry.count());
      }
      times.sort((a, b) => a - b);
      report.row(what, `${delay} ms`, times[Math.floor(times.length / 2)]?.toFixed(0) ?? '', times.at(-1)?.toFixed(0) ?? '', requests);
    }
  }
  world.registry.delay = 0;
}

/** What those notice whose images are known, while keyless signatures of new images are verified one after the other. */
export async function measureBeside(world: World, caller: WebhookCaller, report: Report): Promise<void> {
  const known = `${world.registry.host}/acme/warm:1.0@${world.imageOf('warm').digest}`;
  const { mutate, validate } = await admitOnce(caller, [known]);
  const url = `https://127.0.0.1:${world.webhook.address.port}`;
  const load = () => putLoad({ url, pid: world.webhook.pid, connections: 8, seconds: 3, mutate, validate });
  const alone = await load();
  let verified = 0;
  const verifyOthers = async (): Promise<void> => {
    for (let i = 0; i < beside; i += 1) {
      await admitOnce(caller, [`${world.registry.host}/acme/beside-${i}:1.0`]);
      verified += 1;
    }
  };
  const [while_] = await Promise.all([load(), verifyOthers()]);
  report.say(`Warm admissions at 8 connections, alone and while ${verified} new images with keyless signatures are admitted:`);
  report.say();
  report.head('beside', 'admissions/s', 'p50 ms', 'p99 ms');
  for (const [what, { admissionsPerSecond, p50, p99 }] of [
    ['nothing', alone],
    ['keyless verification', while_],
  ] as const) {
    report.row(what, admissionsPerSecond.toFixed(0), p50.toFixed(2), p99.toFixed(2));
  }
}

/**
 * `make bench`: what one admission costs, beside a trivial webhook in the same run. Absolute times depend on the machine and on what
 * else it does; the ratios are what counts. With --write the tables go to bench/RESULTS.md; with names (warm, cold, beside, facts, audit) only
 * those are measured.
 */
import { execFileSync } from 'node:child_process';
import { writeFileSync } from 'node:fs';
import { cpus } from 'node:os';
import { join } from 'node:path';
import { callWebhook, type WebhookCaller } from '../test/fakes/review.ts';
import { installTool } from '../tools/install.ts';
import { measureAudit } from './audit.ts';
import { coldImages, measureBeside, measureCold } from './cold.ts';
import type { FactCosts } from './facts.ts';
import { createReport, type Report } from './report.ts';
import { measureWarm } from './warm.ts';
import { openWorld, type World } from './world.ts';

const report = createReport();
const asked = process.argv.slice(2).filter((argument) => !argument.startsWith('-'));
const isAsked = (name: string): boolean => asked.length === 0 || asked.includes(name);

await installTool('opa', (line) => process.stderr.write(`${line}\n`));
report.say(`Node ${process.version}, ${cpus().length} x ${cpus()[0]?.model ?? 'unknown processor'}, ${new Date().toISOString().slice(0, 10)}`);
report.say();
const sections: readonly (readonly [string, (world: World, caller: WebhookCaller, to: Report) => Promise<void>])[] = [
  ['warm', measureWarm],
  ['cold', measureCold],
  ['beside', measureBeside],
];
if (sections.some(([name]) => isAsked(name))) {
  const world = await openWorld([{ name: 'warm', layout: 'bundle' }, ...coldImages]);
  const caller = callWebhook(world.webhook.address, world.ca);
  try {
    for (const [name, measure] of sections) {
      if (!isAsked(name)) continue;
      await measure(world, caller, report);
      report.say();
    }
  } finally {
    caller.close();
    await world.close();
  }
}
if (isAsked('facts')) measureFacts();
if (isAsked('audit')) {
  report.say();
  await measureAudit(report);
}
if (process.argv.includes('--write')) {
  writeFileSync(
    join(import.meta.dirname, 'RESULTS.md'),
    `# Results of \`make bench\`\n\nOne run. One admission is the mutate call and then the validate call, an AdmissionReview of about 3 kB each, over HTTPS keep-alive; the\nload generator runs on the same cores.\n\n${report.text().trimEnd()}\n`,
  );
}

/** In a process of its own, whose memory is its own. */
function measureFacts(): void {
  const printed = execFileSync(process.execPath, ['--expose-gc', join(import.meta.dirname, 'facts.ts')], { stdio: ['ignore', 'pipe', 'inherit'] });
  const { memory, facts, hits }: FactCosts = JSON.parse(printed.toString('utf8'));
  report.say(`${facts.toLocaleString('en')} facts take ${memory.toFixed(0)} MiB of heap. One hit, the median:`);
  report.say();
  report.head('in memory', 'SQLite', 'Redis');
  report.row(...[hits.memory, hits.sqlite, hits.redis].map((milliseconds) => `${milliseconds.toFixed(3)} ms`));
}

/** `make demo`: the story of a few Pods, told by a real registry and the real webhook on the loopback interface. */
import { mkdtempSync, readFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { styleText } from 'node:util';
import { startRealRegistry } from '../test/fakes/realRegistry.ts';
import { installTool } from '../tools/install.ts';
import { type Admission, playCluster } from './cluster.ts';
import { setStage } from './story.ts';
import { startWebhook } from './webhook.ts';

const say = (text = ''): void => void process.stdout.write(`${text}\n`);
const paint = (style: 'green' | 'red' | 'dim' | 'bold', text: string): string => (process.stdout.isTTY ? styleText(style, text) : text);

for (const tool of ['opa', 'registry'] as const) await installTool(tool, say);
const folder = mkdtempSync(join(tmpdir(), 'tidewaiter-demo-'));
const source = await startRealRegistry();
const mirror = await startRealRegistry();
const story = await setStage({ source: source.host, mirror: mirror.host, folder });
const webhook = await startWebhook(join(folder, 'tidewaiter.yaml'));
const cluster = playCluster(webhook.address, readFileSync(join(folder, 'state', 'tls', 'ca.crt'), 'utf8'));

say(paint('bold', 'Tidewaiter decides which images may run. Nine Pods ask to come in:'));
say(paint('dim', `source registry ${source.host}, mirror ${mirror.host}/hub, webhook https://${webhook.address.host}:${webhook.address.port}`));
say();
let surprises = 0;
const tell = (name: string, about: string, expected: string, outcome: Admission): void => {
  const became = outcome.admitted ? 'admitted' : 'denied';
  if (became !== expected) surprises += 1;
  say(
    `${paint(outcome.admitted ? 'green' : 'red', became.toUpperCase().padEnd(8))}  ${paint('bold', name.padEnd(7))} ${about} ${paint('dim', `(${outcome.milliseconds.toFixed(0)} ms)`)}`,
  );
  if (outcome.admitted) for (const image of outcome.images) say(`          runs as ${image}`);
  else for (const line of outcome.message.split('\n').slice(1)) for (const part of wrap(shorten(line), 110)) say(`          ${part}`);
};

/** Digests cut to what tells them apart here; the message itself has them whole. */
function shorten(text: string): string {
  return text.replace(/(sha256:[0-9a-f]{12})[0-9a-f]{52}/g, '$1…');
}

/** Lines of at most so many characters, broken at spaces, the later ones indented. */
function wrap(text: string, width: number): string[] {
  const lines: string[] = [];
  for (const word of text.split(' ')) {
    const last = lines.at(-1);
    if (last !== undefined && last.length + 1 + word.length <= width) lines[lines.length - 1] = `${last} ${word}`;
    else lines.push(lines.length === 0 ? word : `  ${word}`);
  }
  return lines;
}
for (const { about, pod, expected } of story.chapters) tell(pod.name, about, expected, await cluster.create(pod));

say();
say(paint('bold', 'Both registries go down. The first Pod is created again, as a controller would:'));
say();
await Promise.all([source.stop(), mirror.stop()]);
tell('web', 'its facts are known: no outage', 'admitted', await cluster.create({ name: 'web', image: story.pinned }));
cluster.close();
await webhook.stop();

say();
say('Where to look next:');
say(`  the record of every decision   node_modules/.bin/node src/main.ts audit list --config ${join(folder, 'tidewaiter.yaml')}`);
say(`  the configuration it ran on    ${join(folder, 'tidewaiter.yaml')}`);
say('  the policies                   policies/ (and policies/README.md: write your own)');
say('  your own manifests             node_modules/.bin/node src/main.ts check FILE');
say('  how it works                   docs/ARCHITECTURE.md');
if (surprises > 0) {
  say();
  say(`${surprises} outcomes were not as the story has them: please report this.`);
}
process.exitCode = surprises > 0 ? 1 : 0;

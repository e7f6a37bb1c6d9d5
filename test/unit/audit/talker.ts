/** Sends more to standard output than a pipe holds, and says on standard error how it fared: `node talker.ts MILLISECONDS-TO-END`. */
import { setTimeout as delay } from 'node:timers/promises';
import { sinkKinds } from '../../../src/audit/index.ts';
import { SinkQueue } from '../../../src/audit/sinks/queue.ts';

const sink = await sinkKinds.stdout.create({ kind: 'stdout' }, { resolvePath: (path) => path });
if (!sink.ok) throw new Error(sink.fault.message);
const say = (): void => {};
const queue = new SinkQueue(sink.value, { info: say, warn: say, error: say }, 4 << 20);

let longest = 0;
for (let i = 0; i < 200; i += 1) {
  const before = performance.now();
  queue.send(Buffer.from(`${'x'.repeat(9999)}\n`), 1);
  longest = Math.max(longest, performance.now() - before);
  if (i % 20 === 0) await delay(1);
}
await queue.close(Number(process.argv[2]));
process.stderr.write(`${JSON.stringify({ longest, lost: queue.lost })}\n`);
// As the program ends: it must not wait for a thread that still writes.
process.exit(0);

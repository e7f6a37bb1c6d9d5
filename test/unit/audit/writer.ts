/** Keeps denials as fast as it can, and says on stdout which are durable: `node writer.ts DIRECTORY`. It runs until it is killed. */
import { writeSync } from 'node:fs';
import { ulid } from 'ulidx';
import { createAudit } from '../../../src/audit/index.ts';
import { draft, options } from './fixtures.ts';

const created = await createAudit(options(process.argv[2] ?? '', { clock: Date.now }));
if (!created.ok) throw new Error(created.fault.message);
const audit = created.value;

async function deny(): Promise<void> {
  for (;;) {
    const kept = audit.keep(draft({ id: ulid() }));
    if ((await kept.durable).ok) writeSync(1, `${kept.id} ${kept.hash}\n`);
  }
}

await Promise.all(Array.from({ length: 16 }, deny));

/**
 * Keeps denials as fast as it can, and says on stdout which are durable: `node writer.ts DIRECTORY [STORE]`, with the settings of a
 * store as JSON. It runs until it is killed.
 */
import { writeSync } from 'node:fs';
import { ulid } from 'ulidx';
import { createAudit, type StoreSettings } from '../../../src/audit/index.ts';
import { draft, options } from './fixtures.ts';

const store: StoreSettings | null = JSON.parse(process.argv[3] ?? 'null');
const created = await createAudit(options(process.argv[2] ?? '', { clock: Date.now, store }));
if (!created.ok) throw new Error(created.fault.message);
const audit = created.value;

async function deny(): Promise<void> {
  for (;;) {
    const kept = audit.keep(draft({ id: ulid(), time: Date.now() }));
    if ((await kept.durable).ok) writeSync(1, `${kept.id} ${kept.hash}\n`);
  }
}

await Promise.all(Array.from({ length: 16 }, deny));

import { randomUUID } from 'node:crypto';
import { mkdir, readFile, rename, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { property, text } from '../../domain/json.ts';
import { parseRoot, type Root } from './root.ts';

/** A root, and when its repository last confirmed it, in milliseconds since the epoch. */
export interface ConfirmedRoot {
  readonly root: Root;
  readonly confirmedAt: number;
}

const fileName = 'confirmed.json';

/** The root that was confirmed last, by this process or by one before it; null when there is none that can be read. */
export async function readConfirmed(directory: string): Promise<ConfirmedRoot | null> {
  try {
    const kept: unknown = JSON.parse(await readFile(join(directory, fileName), 'utf8'));
    const confirmedAt = Date.parse(text(property(kept, 'confirmedAt')) ?? '');
    const root = parseRoot(Buffer.from(text(property(kept, 'trustedRoot')) ?? ''));
    return root.ok && Number.isFinite(confirmedAt) ? { root: root.value, confirmedAt } : null;
  } catch {
    return null;
  }
}

/** Keeps a root for the processes to come; whole or not at all. Rejects when the folder can't be written. */
export async function keepConfirmed(directory: string, bytes: Uint8Array, confirmedAt: number): Promise<void> {
  await mkdir(directory, { recursive: true });
  const draft = join(directory, `${fileName}.${randomUUID()}`);
  try {
    await writeFile(draft, JSON.stringify({ confirmedAt: new Date(confirmedAt).toISOString(), trustedRoot: Buffer.from(bytes).toString('utf8') }));
    await rename(draft, join(directory, fileName));
  } finally {
    await rm(draft, { force: true });
  }
}

/** The distribution's containerd, unpacked beside the other tools, for the test that pulls what was admitted. */
import { execFile } from 'node:child_process';
import { existsSync, mkdirSync, mkdtempSync, readdirSync, renameSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { aptGet } from './debian.ts';
import { toolCache } from './install.ts';

const run = promisify(execFile);

/** The folder of containerd, its shims, ctr and runc; nothing of the machine but that folder is changed. Rejects, saying what to do. */
export async function installContainerd(say: (line: string) => void): Promise<string> {
  const kept = join(toolCache, 'containerd-debian');
  const programs = join(kept, 'usr', 'bin');
  if (existsSync(join(programs, 'containerd'))) return programs;
  say('unpacking containerd');
  mkdirSync(toolCache, { recursive: true });
  const folder = mkdtempSync(join(toolCache, 'containerd-'));
  try {
    // A machine that never asked for the lists of packages finds nothing; only root may ask.
    if (process.getuid?.() === 0) await aptGet(['update']);
    await aptGet(['-o', 'APT::Sandbox::User=root', 'download', 'containerd', 'runc'], folder);
    const unpacked = join(folder, 'unpacked');
    for (const name of readdirSync(folder).filter((each) => each.endsWith('.deb'))) await run('dpkg-deb', ['-x', join(folder, name), unpacked]);
    // Another process may have been as quick.
    if (!existsSync(kept)) renameSync(unpacked, kept);
  } catch (cause) {
    throw new Error('containerd could not be fetched with apt-get download; set up a Debian mirror, or put containerd and runc there by hand', { cause });
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
  return programs;
}

import { mkdirSync, mkdtempSync, readdirSync, renameSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { basename, join } from 'node:path';

export interface ConfigMapVolume {
  readonly path: string;
  /** Puts new content in the old one's place, in one step. */
  update(data: Readonly<Record<string, string>>): void;
}

/**
 * A ConfigMap as the kubelet mounts it: every file a link through `..data`, which is swapped for another folder.
 * https://github.com/kubernetes/kubernetes/blob/v1.37.2/pkg/volume/util/atomic_writer.go
 */
export function mountConfigMap(path: string, data: Readonly<Record<string, string>>): ConfigMapVolume {
  mkdirSync(path, { recursive: true });
  const update = (content: Readonly<Record<string, string>>): void => {
    const before = readdirSync(path);
    const folder = mkdtempSync(join(path, '..version-'));
    for (const [name, text] of Object.entries(content)) writeFileSync(join(folder, name), text);
    const swap = join(path, '..data_tmp');
    symlinkSync(basename(folder), swap);
    renameSync(swap, join(path, '..data'));
    for (const name of Object.keys(content)) if (!before.includes(name)) symlinkSync(join('..data', name), join(path, name));
    for (const name of before) {
      if (name.startsWith('..version-') || (!name.startsWith('..') && !(name in content))) rmSync(join(path, name), { recursive: true });
    }
  };
  update(data);
  return { path, update };
}

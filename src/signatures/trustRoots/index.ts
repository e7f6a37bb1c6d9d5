import { createHash } from 'node:crypto';
import { good, type Outcome } from '../../domain/fault.ts';
import type { Log } from '../../domain/log.ts';
import { fixedRoot, parseRoot, type TrustRoot } from './root.ts';
import type { TrustedRootSettings, TufSettings } from './settings.ts';

export type { Root, TrustRoot } from './root.ts';
export { publicGood, type TrustedRootSettings, trustedRootSettings } from './settings.ts';

export interface TrustRootParts {
  /** A file that the configuration names. */
  file(path: string): Promise<Outcome<Uint8Array>>;
  /** Folder where roots that were fetched are kept. */
  readonly directory: string;
  readonly log: Log;
  /** Milliseconds since the epoch. */
  readonly clock: () => number;
}

/** The trusted roots of a configuration: one for each distinct setting, however many signers share it. */
export interface TrustRoots {
  /** CONFIG_INVALID for a file that is none. A root that must be fetched first need not be there yet. */
  open(settings: TrustedRootSettings): Promise<Outcome<TrustRoot>>;
}

export function createTrustRoots(parts: TrustRootParts): TrustRoots {
  const opened = new Map<string, Promise<Outcome<TrustRoot>>>();
  return {
    open(settings) {
      const key = JSON.stringify(settings);
      const root = opened.get(key) ?? openRoot(settings, parts);
      opened.set(key, root);
      return root;
    },
  };
}

async function openRoot({ file, tuf }: TrustedRootSettings, parts: TrustRootParts): Promise<Outcome<TrustRoot>> {
  if (tuf !== undefined) return openTufRoot(tuf, parts);
  const bytes = await parts.file(file ?? '');
  if (!bytes.ok) return bytes;
  const root = parseRoot(bytes.value);
  return root.ok ? good(fixedRoot(root.value)) : root;
}

async function openTufRoot({ mirror, root, maxAge }: TufSettings, { file, directory, log, clock }: TrustRootParts): Promise<Outcome<TrustRoot>> {
  const first = root === undefined ? good(null) : await file(root);
  if (!first.ok) return first;
  const id = createHash('sha256')
    .update(JSON.stringify(mirror))
    .update(first.value ?? '')
    .digest('hex')
    .slice(0, 16);
  // Loaded here and nowhere else: who trusts keys alone has no use for TUF, and never loads it.
  const { openTuf } = await import('./tuf.ts');
  return good(await openTuf({ mirror, firstRoot: first.value, maxAge, directory: `${directory}/${id}`, log, clock }));
}

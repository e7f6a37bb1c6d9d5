/** What signs the audit log, and where that is copied to, from a configuration. */
import { type CheckpointCopy, type CheckpointOptions, type CopyKind, copyKinds, openSigners } from './audit/index.ts';
import type { LoadedConfig } from './config/index.ts';
import { openOwnRegistry } from './core.ts';
import { bad, good, type Outcome } from './domain/fault.ts';
import type { Log } from './domain/log.ts';
import type { ArtifactStore } from './domain/registry.ts';

interface OpenedCheckpoints {
  /** null where there is no key, and none can be made: as with the records themselves, that stops nobody unless they are required. */
  readonly options: CheckpointOptions | null;
  close(): Promise<void>;
}

/** Faults: CONFIG_INVALID for a key or a copy that can't be used, AUDIT_UNAVAILABLE where records are required and no key can be made. */
export async function openCheckpoints(config: LoadedConfig, log: Log): Promise<Outcome<OpenedCheckpoints>> {
  const { checkpoints, required } = config.settings.audit;
  const signers = await openSigners(config.resolvePath(checkpoints.keyFile));
  if (!signers.ok) {
    if (required || signers.fault.code === 'CONFIG_INVALID') return signers;
    log.error({ code: signers.fault.code }, `${signers.fault.message}: audit records are not signed`);
    return good({ options: null, close: async () => {} });
  }
  const registry = checkpoints.copies.some(({ kind }) => kind === 'oci') ? await openOwnRegistry(config) : null;
  if (registry !== null && !registry.ok) return registry;
  const close = async (): Promise<void> => {
    await registry?.value.close();
  };
  const copies: CheckpointCopy[] = [];
  for (const settings of checkpoints.copies) {
    const kind: CopyKind = copyKinds[settings.kind];
    const copy = kind.create(settings, { resolvePath: config.resolvePath, artifacts: registry?.value.artifacts ?? noRegistry });
    if (!copy.ok) {
      await close();
      return copy;
    }
    copies.push(copy.value);
  }
  return good({ options: { signers: signers.value, every: checkpoints.every, copies }, close });
}

const unasked = bad('REGISTRY_NOT_LISTED', 'no registry is asked for this');

/** Where no copy is in a registry. */
const noRegistry: ArtifactStore = {
  push: async () => unasked,
  tags: async () => unasked,
  pull: async () => unasked,
};

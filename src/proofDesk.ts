/** The commands that prove the audit log, put together from a configuration. */
import { readPublishedKey, rotateKey } from './audit/index.ts';
import { verifyAudit } from './audit/proof/index.ts';
import { auditStoreOf, spoolOf } from './auditStore.ts';
import type { ProofDesk } from './cli/desk.ts';
import type { LoadedConfig } from './config/index.ts';
import { openOwnRegistry } from './core.ts';
import { bad, good } from './domain/fault.ts';

export function createProofDesk(config: LoadedConfig): ProofDesk {
  const { audit } = config.settings;
  const keyFile = config.resolvePath(audit.checkpoints.keyFile);
  return {
    async verify(request) {
      // Whoever names a folder may mean another one than ours, which another key signs.
      const published = request.folder === null ? await readPublishedKey(keyFile) : good(null);
      if (!published.ok) return published;
      const store = await auditStoreOf(config, process.env);
      if (!store.ok) return store;
      const registry = await openOwnRegistry(config);
      if (!registry.ok) return registry;
      try {
        return await verifyAudit(request, { folder: spoolOf(config), store: store.value, published: published.value, artifacts: registry.value.artifacts });
      } finally {
        await registry.value.close();
      }
    },
    async key() {
      const key = await readPublishedKey(keyFile);
      if (!key.ok) return key;
      if (key.value === null) return bad('CONFIG_INVALID', `there is no key at audit.checkpoints.keyFile; tidewaiter serve makes one at its first start`);
      return good({ id: key.value.id, pem: key.value.pem, previous: null });
    },
    async rotate() {
      const signers = await rotateKey(keyFile);
      if (!signers.ok) return signers;
      const { current, previous } = signers.value;
      return good({ id: current.id, pem: current.pem, previous: previous?.id ?? null });
    },
  };
}

/** A configuration tried out: the line is built as the webhook builds it, and ended at once. */
import type { LoadedConfig, Settings } from './config/index.ts';
import { buildCore } from './core.ts';
import { good, type Outcome } from './domain/fault.ts';
import { property } from './domain/json.ts';
import type { Log } from './domain/log.ts';
import type { RecordKeeper } from './domain/record.ts';
import { createFacts } from './evidence/cache.ts';
import { createIds } from './identifiers.ts';

/** The fault is returned: said twice, it would look like two. */
const silent: Log = { info: () => {}, warn: () => {}, error: () => {} };

/** CONFIG_INVALID for what can't be used, POLICY_BROKEN for policies that would not go in force. */
export async function probe(config: LoadedConfig, keeper: RecordKeeper): Promise<Outcome<null>> {
  const core = await buildCore(
    { ...config, settings: withoutReach(config.settings) },
    {
      log: silent,
      facts: createFacts({ entries: 1, askFor: 1000, asking: 1, lastKnownGoodFor: 0 }, Date.now),
      keeper,
      newId: createIds(),
    },
  );
  if (!core.ok) return core;
  const { fault } = core.value.policies.status();
  await core.value.close();
  return fault === null ? good(null) : { ok: false, fault };
}

/** What asks somebody as soon as it is opened is left out: a cluster for its reports, a TUF repository for its root. */
function withoutReach(settings: Settings): Settings {
  return {
    ...settings,
    scans: settings.scans.filter(({ kind }) => kind !== 'trivy-operator'),
    signers: settings.signers.filter((signer) => signer.kind !== 'cosign-keyless' || property(property(signer, 'trustedRoot'), 'file') !== undefined),
  };
}

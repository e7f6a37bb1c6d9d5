/** The rights that Pods bring with their pull secrets, where the configuration wants them looked at. */
import type { LoadedConfig } from './config/index.ts';
import { createPullRights, createPullSecrets, type PullPlace, type PullRights, type PullSecretSource } from './credentials/index.ts';
import { good, type Outcome } from './domain/fault.ts';
import { parseReference } from './domain/image.ts';
import type { MirrorTable } from './domain/mirror.ts';
import type { Keychain } from './domain/registry.ts';

export type ConnectPullSecrets = (config: LoadedConfig) => Promise<Outcome<PullSecretSource>>;

export interface PullRightsNeeds {
  readonly configured: Keychain;
  readonly mirrors: MirrorTable;
  /** null: there is no cluster here. */
  readonly connect: ConnectPullSecrets | null;
}

/** null: images are read with the configuration's right alone. Fault: CONFIG_INVALID. */
export async function openPullRights(config: LoadedConfig, { configured, mirrors, connect }: PullRightsNeeds): Promise<Outcome<PullRights | null>> {
  if (config.settings.cluster?.pullSecrets !== true || connect === null) return good(null);
  const source = await connect(config);
  if (!source.ok) return source;
  return good(createPullRights({ configured, secrets: createPullSecrets(source.value), places: (written, how) => placesOf(mirrors, written, how) }));
}

/** The repositories that the resolver may ask about an image. */
function placesOf(mirrors: MirrorTable, written: string, how: 'place' | 'identify'): readonly PullPlace[] {
  const parsed = parseReference(written);
  if (!parsed.ok) return [];
  const itself: PullPlace = { repository: parsed.value, pullSecret: null };
  const forward = how === 'place' ? mirrors.forward(parsed.value) : [];
  const there = forward.map(({ reference, target }) => ({ repository: reference, pullSecret: target.pullSecret }));
  const origin = forward.length === 0 ? mirrors.backward(parsed.value) : null;
  return [itself, ...there, ...(origin === null ? [] : [{ repository: origin.source, pullSecret: null }])];
}

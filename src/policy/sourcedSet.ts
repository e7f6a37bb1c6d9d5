import { join } from 'node:path';
import { setTimeout as pause } from 'node:timers/promises';
import { publicFault } from '../domain/fault.ts';
import { BundleFollower, type FollowOptions } from './bundleFollower.ts';
import { type LiveOptions, LiveSet } from './live.ts';
import type { PolicyOptions, SourceOptions } from './options.ts';
import type { FollowStatus } from './origin.ts';
import { keepRevision } from './revisions.ts';
import type { PolicySource } from './source.ts';

/** A set of policies with what brings it here. */
export interface SourcedSet {
  readonly live: LiveSet;
  /** null: it is not fetched. */
  fetched(): FollowStatus | null;
  /** Loads it, and goes on following its source. Until then there is no set. */
  begin(): Promise<void>;
  freeze(): void;
  close(): Promise<void>;
}

type Shared = Pick<PolicyOptions, 'opa' | 'required' | 'modes' | 'data' | 'memoryPages' | 'timeout' | 'state' | 'fetched'>;
type Own = Pick<LiveOptions, 'words' | 'workers' | 'log' | 'changed'>;

/** Milliseconds that the first look at an origin is waited for, where there is a bundle from before. */
const longestFirstLook = 5_000;

/** Puts a set together with its source: a folder or file that is watched, or an origin that is asked. */
export function sourceSet(source: SourceOptions, options: Shared, own: Own): SourcedSet {
  const { data, fetched, memoryPages, modes, opa, required, state = null, timeout } = options;
  const { place, follower } = openPlace(source, {
    folder: state === null ? null : join(state, 'fetched'),
    log: own.log,
    clock: Date.now,
    changed: () => void live.refresh(),
    ...(fetched === undefined ? {} : { looked: fetched }),
  });
  const live: LiveSet = new LiveSet({
    ...own,
    source: place,
    data,
    modes,
    opa,
    required,
    timeout,
    ...(memoryPages === undefined ? {} : { memoryPages }),
    async keep(set, compiled) {
      if (state === null) return;
      const kept = await keepRevision(join(state, 'revisions'), set, compiled, data);
      if (!kept.ok) own.log('warn', 'what is decided under these policies can not be replayed later', { fault: publicFault(kept.fault) });
    },
  });
  return {
    live,
    fetched: () => follower?.status() ?? null,
    async begin() {
      await follower?.recall();
      // What was kept is in force before the network is asked: it may not answer.
      if (follower?.current().ok) await live.refresh();
      const looked = follower?.begin();
      // What is new comes in force when it comes: it need not hold up what can judge already.
      await (live.set === null ? looked : Promise.race([looked, pause(longestFirstLook, undefined, { ref: false })]));
      await live.refresh();
    },
    freeze() {
      follower?.freeze();
      live.freeze();
    },
    async close() {
      await follower?.close();
      await live.close();
    },
  };
}

type Following = Omit<FollowOptions, 'origin' | 'checks' | 'every' | 'allowOlder'>;

function openPlace(source: SourceOptions, following: Following): { readonly place: PolicySource; readonly follower: BundleFollower | null } {
  if (!('origin' in source)) return { place: source, follower: null };
  const { origin, checks, every, allowOlder } = source;
  const follower = new BundleFollower({ ...following, origin, checks, every, allowOlder });
  return { place: { remote: follower }, follower };
}

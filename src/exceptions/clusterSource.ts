import type { Outcome } from '../domain/fault.ts';
import { type ExceptionTimes, type Held, holdObject } from './held.ts';
import type { SealKeys } from './seal.ts';
import type { ExceptionSource } from './source.ts';

/** Tells of every exception of the cluster, and of each change. */
export type FollowExceptions = (heard: {
  put(key: string, object: unknown): void;
  drop(key: string): void;
}) => Promise<Outcome<{ state(): Outcome<void>; close(): void }>>;

export interface ClusterSourceParts {
  readonly follow: FollowExceptions;
  readonly keys: SealKeys & { onChange(listener: () => void): void };
  readonly times: ExceptionTimes;
}

/** Exceptions of the cluster as the webhook sealed them. Only those that can be used are held whole. Fault: CONFIG_INVALID. */
export async function openClusterExceptions({ follow, keys, times }: ClusterSourceParts): Promise<Outcome<ExceptionSource>> {
  const listeners = new Set<() => void>();
  let held = new Map<string, Held>();
  let telling = false;
  let closed = false;
  // A list of many is one change.
  const tell = (): void => {
    if (telling) return;
    telling = true;
    setImmediate(() => {
      telling = false;
      for (const listener of listeners) listener();
    });
  };
  const open = (into: Map<string, Held>) =>
    follow({
      put(key, object) {
        into.set(key, holdObject(object, keys, times));
        tell();
      },
      drop(key) {
        into.delete(key);
        tell();
      },
    });
  const first = await open(held);
  if (!first.ok) return first;
  let followed = first.value;
  // Under another key other seals open: everything is looked at again.
  keys.onChange(() => {
    const next = new Map<string, Held>();
    void open(next).then((opened) => {
      if (!opened.ok) return;
      if (closed) return opened.value.close();
      followed.close();
      followed = opened.value;
      held = next;
      tell();
    });
  });
  return {
    ok: true,
    value: {
      get held() {
        return [...held.values()];
      },
      get stale() {
        const state = followed.state();
        return state.ok ? null : state.fault.message;
      },
      onChange: (listener) => void listeners.add(listener),
      close() {
        closed = true;
        followed.close();
        listeners.clear();
      },
    },
  };
}

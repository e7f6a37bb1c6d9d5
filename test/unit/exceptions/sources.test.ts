import { describe, expect, it, vi } from 'vitest';
import { bad, good, type Outcome } from '../../../src/domain/fault.ts';
import { openClusterExceptions } from '../../../src/exceptions/clusterSource.ts';
import { createExceptionRoom } from '../../../src/exceptions/room.ts';
import { type KeyStore, openSecretKeys } from '../../../src/exceptions/secretKeys.ts';
import { key, objectOf, type Plain, sealed, spec, times } from './objects.ts';

const noon = Date.parse('2026-11-24T12:00:00Z');
const soon = { timeout: 5_000, interval: 1 };

function logger() {
  const lines: string[] = [];
  const say = (fields: object, message?: string): void => void lines.push(`${message} ${JSON.stringify(fields)}`);
  return { lines, info: say, warn: say, error: say };
}

/** A cluster that a test writes to, and keys that it changes. */
function setUp() {
  const world = {
    objects: new Map<string, Plain>(),
    state: good(undefined) as Outcome<void>,
    keys: [key] as readonly Uint8Array[],
    opened: 0,
    closed: 0,
    heard: null as { put(key: string, object: unknown): void; drop(key: string): void } | null,
    rekey: (): void => {},
  };
  const countClosing = (): void => {
    world.closed += 1;
  };
  const source = openClusterExceptions({
    follow: async (heard) => {
      world.opened += 1;
      world.heard = heard;
      for (const [name, object] of world.objects) heard.put(name, object);
      return good({ state: () => world.state, close: () => countClosing() });
    },
    keys: {
      keys: () => world.keys,
      onChange: (listener) => {
        world.rekey = listener;
      },
    },
    times,
  });
  return { world, source };
}

async function openRoom() {
  const { world, source } = setUp();
  const opened = await source;
  if (!opened.ok) throw new Error(opened.fault.message);
  const log = logger();
  const room = createExceptionRoom([opened.value], log);
  const inForce = (namespace = 'shop', now = noon) => room.inForce(namespace, now).map(({ exception }) => exception.name);
  return { world, log, room, inForce };
}

describe('exceptions of the cluster', () => {
  it('count from when they are heard of until they are gone, and in their time', async () => {
    const { world, inForce } = await openRoom();
    expect(inForce()).toEqual([]);
    world.heard?.put('a', sealed(objectOf()));
    await vi.waitFor(() => expect(inForce()).toEqual(['web']), soon);
    expect(inForce('pay')).toEqual([]);
    expect(inForce('shop', Date.parse(spec.expires) - 1)).toEqual(['web']);
    expect(inForce('shop', Date.parse(spec.expires))).toEqual([]);
    world.heard?.drop('a');
    await vi.waitFor(() => expect(inForce()).toEqual([]), soon);
  });

  it('that are void or pending never count, and the void are logged once', async () => {
    const { world, log, room, inForce } = await openRoom();
    for (let i = 0; i < 3; i += 1) world.heard?.put('void', objectOf());
    world.heard?.put('pending', sealed(objectOf(spec, { name: 'later' }), { approvedBy: null }));
    await vi.waitFor(() => expect(room.status(noon)).toMatchObject({ counts: { void: 1, pending: 1, inForce: 0 } }), soon);
    expect(inForce()).toEqual([]);
    expect(log.lines.filter((line) => line.includes('an exception is void'))).toHaveLength(1);
  });

  it('count as they were last known while the cluster can not be followed, and are marked', async () => {
    const { world, room } = await openRoom();
    world.heard?.put('a', sealed(objectOf()));
    await vi.waitFor(() => expect(room.inForce('shop', noon)[0]?.exception).toMatchObject({ stale: false }), soon);
    world.state = bad('REGISTRY_UNAVAILABLE', 'the ImageExceptions of the cluster: HTTP 500');
    expect(room.inForce('shop', noon)[0]?.exception).toMatchObject({ name: 'web', stale: true });
    expect(room.status(noon).stale).toContain('HTTP 500');
    world.state = good(undefined);
    expect(room.inForce('shop', noon)[0]?.exception).toMatchObject({ stale: false });
  });

  it('are looked at again when the key changes', async () => {
    const { world, inForce } = await openRoom();
    world.objects.set('a', sealed(objectOf(), {}, undefined, Buffer.alloc(32, 9)));
    world.heard?.put('a', world.objects.get('a'));
    await vi.waitFor(() => expect(inForce()).toEqual([]), soon);
    world.keys = [Buffer.alloc(32, 9), key];
    world.rekey();
    await vi.waitFor(() => expect(inForce()).toEqual(['web']), soon);
    expect({ opened: world.opened, closed: world.closed }).toEqual({ opened: 2, closed: 1 });
  });

  it('of which a breakglass is told of in the log, and stays open until it is acknowledged', async () => {
    const { world, log, room } = await openRoom();
    const glass = objectOf({ breakglass: true, reason: 'the signer is gone', expires: '2026-11-24T13:00:00Z' });
    world.heard?.put('a', sealed(glass, { approvedBy: null }));
    await vi.waitFor(() => expect(room.status(noon)).toMatchObject({ breakglass: 1, unacknowledged: [{ name: 'web' }], ending: [] }), soon);
    expect(room.status(noon + 50 * 60_000)).toMatchObject({ ending: [{ name: 'web' }] });
    expect(room.status(noon + 3_600_000)).toMatchObject({ breakglass: 0, unacknowledged: [{ name: 'web' }] });
    expect(log.lines.join('\n')).toContain('the signer is gone');
    world.heard?.put('a', sealed(glass, { approvedBy: null, acknowledgedBy: 'bob' }));
    await vi.waitFor(() => expect(room.status(noon).unacknowledged).toEqual([]), soon);
  });

  it('that end soon are told of in the log, once', async () => {
    const { world, log, room } = await openRoom();
    world.heard?.put('a', sealed(objectOf()));
    await vi.waitFor(() => expect(room.inForce('shop', noon)).toHaveLength(1), soon);
    const late = Date.parse(spec.expires) - 1000;
    for (let i = 0; i < 3; i += 1) expect(room.status(late).ending).toHaveLength(1);
    expect(log.lines.filter((line) => line.includes('an exception ends soon'))).toHaveLength(1);
  });
});

describe('the key of the seal', () => {
  const store = (data: { key: string | null; previous: string | null } | null) => {
    const state = { data, version: 1, fills: 0, first: true };
    const made: KeyStore = {
      read: async () => good(state.data === null ? null : { version: String(state.version), ...state.data }),
      fill: async (version, made) => {
        state.fills += 1;
        if (version !== String(state.version) || state.data === null) return good(false);
        state.data = { ...state.data, key: made };
        state.version += 1;
        return good(true);
      },
    };
    return { state, made };
  };

  it('is made where there is none, and then is the one that all replicas read', async () => {
    const { state, made } = store({ key: null, previous: null });
    const first = await openSecretKeys({ store: made, log: logger() });
    const second = await openSecretKeys({ store: made, log: logger() });
    expect(state.fills).toBe(1);
    expect(first.keys()).toHaveLength(1);
    expect(second.keys()).toEqual(first.keys());
    first.close();
    second.close();
  });

  it('can be replaced: the one before still opens, and whoever asked is told', async () => {
    const { state, made } = store({ key: 'a'.repeat(64), previous: null });
    const keys = await openSecretKeys({ store: made, log: logger(), every: 5 });
    let told = 0;
    keys.onChange(() => {
      told += 1;
    });
    state.data = { key: null, previous: 'a'.repeat(64) };
    await vi.waitFor(() => expect(keys.keys()).toHaveLength(2), soon);
    expect(Buffer.from(keys.keys()[1] ?? []).toString()).toBe('a'.repeat(64));
    expect(told).toBe(1);
    keys.close();
  });

  it.each<[string, { key: string | null; previous: string | null } | null, RegExp]>([
    ['the Secret is not there', null, /there is no such Secret/],
    ['it is too short', { key: 'short', previous: null }, /less than 32 bytes/],
  ])('is missed, without an end to the webhook, when %s, and taken once it is there', async (_, data, reason) => {
    const { state, made } = store(data);
    const log = logger();
    const keys = await openSecretKeys({ store: made, log, retry: 5 });
    expect(keys.keys()).toEqual([]);
    expect(log.lines.join('\n')).toMatch(reason);
    state.data = { key: 'b'.repeat(64), previous: null };
    await vi.waitFor(() => expect(keys.keys()).toHaveLength(1), soon);
    expect(log.lines).toHaveLength(1);
    keys.close();
  });
});

import { createHash, generateKeyPairSync } from 'node:crypto';
import { readdir, readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { afterEach, beforeAll, describe, expect, it } from 'vitest';
import { bad, good, type Outcome } from '../../../src/domain/fault.ts';
import { buildPolicyBundle, type PolicyOptions, type PolicyRoom } from '../../../src/policy/index.ts';
import type { BundleOrigin, FetchedBundle } from '../../../src/policy/origin.ts';
import { installTool } from '../../../tools/install.ts';
import { waitFor } from '../../rig/wait.ts';
import { cleanUp, findingsOf, folderOf, openRoom, unhurried } from './fixtures.ts';

const { privateKey, publicKey } = generateKeyPairSync('ec', { namedCurve: 'P-256' });
const checks = { verification: { key: publicKey, keyId: null, scope: '' }, revoked: new Set<string>() };
const bundles = new Map<string, Buffer>();

beforeAll(async () => {
  const build = async (name: string, built: string | null, rules: string, signed = true): Promise<void> => {
    const out = join(await folderOf({}), 'b.tar.gz');
    const directory = await folderOf({ 'p.rego': `package policies.p\n\n${rules}\n` });
    const signing = signed ? { key: privateKey, keyId: null, scope: '' } : null;
    const made = await buildPolicyBundle(directory, out, await installTool('opa'), unhurried, {
      signing,
      ...(built === null ? {} : { built: Date.parse(built) }),
    });
    if (!made.ok) throw new Error(made.fault.message);
    bundles.set(name, await readFile(out));
  };
  await Promise.all([
    build('one', '2026-11-01T00:00:00Z', 'deny contains "one"'),
    build('two', '2026-11-02T00:00:00Z', 'deny contains "two"'),
    build('unsigned', '2026-11-03T00:00:00Z', 'deny contains "unsigned"', false),
  ]);
});
afterEach(cleanUp);

/** An origin that gives what a test wants, and knows what it was asked. */
function originOf(first: string | null, more: Partial<BundleOrigin> = {}) {
  const state = {
    gives: first === null ? bad('REGISTRY_UNAVAILABLE', 'it is down') : of(first),
    asked: [] as (string | null)[],
    name: 'https://origin/policies',
    pinned: false,
    trust: '',
    ...more,
    async fetch(known: string | null): Promise<Outcome<FetchedBundle | 'unchanged'>> {
      state.asked.push(known);
      const { gives } = state;
      return gives.ok && known !== null && gives.value.version === known ? good('unchanged') : gives;
    },
  };
  return state;
}

function of(name: string): Outcome<FetchedBundle> {
  const bytes = bundles.get(name) ?? Buffer.from(name);
  return good({ bytes, version: `"${createHash('sha256').update(bytes).digest('hex')}"` });
}

interface Following extends Partial<Pick<PolicyOptions, 'state' | 'required' | 'fetched'>> {
  readonly allowOlder?: boolean;
  readonly checks?: typeof checks;
}

function follow(origin: BundleOrigin, { allowOlder = false, checks: own = checks, ...more }: Following = {}): Promise<PolicyRoom> {
  return openRoom({ origin, checks: own, every: 10, allowOlder }, { opa: async () => bad('CONFIG_INVALID', 'no opa here'), ...more });
}

const says = async (room: PolicyRoom): Promise<readonly string[]> => (await findingsOf(room)).map(({ msg }) => msg);
const saysSoon = (room: PolicyRoom, word: string) => waitFor(word, async () => ((await says(room)).includes(word) ? true : null));
const faultSoon = (room: PolicyRoom, pattern: RegExp) =>
  waitFor(String(pattern), async () => (pattern.test(room.status().fetched?.fault?.message ?? '') ? true : null));
/** Every look that begins from now on is over when this resolves. */
const looks = (origin: { readonly asked: readonly unknown[] }) => {
  const before = origin.asked.length;
  return waitFor('two looks', async () => (origin.asked.length >= before + 2 ? true : null));
};

describe('a bundle that is fetched', () => {
  it('is in force once the room is open', async () => {
    const room = await follow(originOf('one'));
    expect(await says(room)).toEqual(['one']);
    expect(room.status().fetched).toMatchObject({ origin: 'https://origin/policies', fault: null });
  });

  it('is asked for by its version, and gives way to a newer one', async () => {
    const origin = originOf('one');
    const room = await follow(origin);
    await looks(origin);
    expect(origin.asked.slice(0, 2)).toEqual([null, expect.stringMatching(/^"[0-9a-f]{64}"$/)]);
    origin.gives = of('two');
    await saysSoon(room, 'two');
  });

  it.each<[string, string, RegExp]>([
    ['unsigned', 'unsigned', /it is not signed/],
    ['older', 'one', /was made at 2026-11-01T00:00:00\.000Z, and the one in force at 2026-11-02T00:00:00\.000Z/],
    ['no bundle at all', '<html>', /no gzip archive/],
  ])('and is %s is refused each time it is looked at; the old one stays', async (_what, next, why) => {
    const origin = originOf('two');
    const outcomes: string[] = [];
    const room = await follow(origin, { fetched: (outcome) => outcomes.push(outcome) });
    origin.gives = of(next);
    await faultSoon(room, why);
    await looks(origin);
    expect(outcomes.at(-1)).toBe('refused');
    expect(room.status().fetched?.fault?.message).toMatch(why);
    expect(await says(room)).toEqual(['two']);
    origin.gives = of('two');
    await waitFor('no fault', async () => (room.status().fetched?.fault === null ? true : null));
  });

  it('and can not be had changes nothing, and is taken up again', async () => {
    const origin = originOf('one');
    const room = await follow(origin);
    origin.gives = bad('REGISTRY_UNAVAILABLE', 'it is down');
    await faultSoon(room, /it is down/);
    expect(await says(room)).toEqual(['one']);
    origin.gives = of('two');
    await saysSoon(room, 'two');
    expect(room.status().fetched?.fault).toBeNull();
  });

  it('may be older where that is allowed, or where it is named by its digest', async () => {
    for (const [more, options] of [
      [{}, { allowOlder: true }],
      [{ pinned: true }, {}],
    ] as const) {
      const origin = originOf('two', more);
      const room = await follow(origin, options);
      origin.gives = of('one');
      await saysSoon(room, 'one');
    }
  });

  it('and was never had leaves nothing in force, and says why', async () => {
    const room = await follow(originOf(null));
    expect(room.status()).toMatchObject({ revision: null, fault: { message: 'it is down' } });
  });

  describe('and is good, but whose policies can not be used', () => {
    /** In force is `one`; a newer bundle lacks the required policy. */
    async function followUseless(state: string) {
      const origin = originOf('one');
      const room = await follow(origin, { state, required: ['p'] });
      bundles.set('other', await otherPolicy());
      origin.gives = of('other');
      await waitFor('the fault', async () => (room.status().fault?.message.includes('required policy p is missing') ? true : null));
      expect(await says(room)).toEqual(['one']);
      return { origin, room };
    }

    it('is not what the next start falls back on', async () => {
      const state = await folderOf({});
      const { origin, room } = await followUseless(state);
      await looks(origin);
      await room.close();
      expect(await says(await follow(originOf(null), { state, required: ['p'] }))).toEqual(['one']);
    });

    it('keeps out none that is newer than what is in force', async () => {
      const { origin, room } = await followUseless(await folderOf({}));
      origin.gives = of('two');
      await saysSoon(room, 'two');
    });
  });
});

async function otherPolicy(): Promise<Buffer> {
  const out = join(await folderOf({}), 'b.tar.gz');
  const directory = await folderOf({ 'q.rego': 'package policies.q\n\ndeny contains "other" if input.version\n' });
  const made = await buildPolicyBundle(directory, out, await installTool('opa'), unhurried, { signing: { key: privateKey, keyId: null, scope: '' } });
  if (!made.ok) throw new Error(made.fault.message);
  return readFile(out);
}

describe('at a start without an answer, what was kept', () => {
  async function kept(origin: Partial<BundleOrigin> = {}): Promise<string> {
    const state = await folderOf({});
    const room = await follow(originOf('two', origin), { state });
    expect(await says(room)).toEqual(['two']);
    await room.close();
    return state;
  }

  it('is in force, with the time at which it was confirmed', async () => {
    const before = Date.now();
    const room = await follow(originOf(null), { state: await kept() });
    expect(await says(room)).toEqual(['two']);
    const { confirmedAt, fault } = room.status().fetched ?? {};
    expect(confirmedAt).toBeGreaterThanOrEqual(before);
    expect(fault?.message).toBe('it is down');
  });

  it('still keeps an older one out', async () => {
    const room = await follow(originOf('one'), { state: await kept() });
    expect(await says(room)).toEqual(['two']);
    expect(room.status().fetched?.fault?.message).toContain('was made at 2026-11-01');
  });

  it.each<[string, Partial<BundleOrigin>]>([
    ['of another origin', { name: 'https://elsewhere/policies' }],
    ['under another trust', { trust: 'other' }],
  ])('%s is not used', async (_what, other) => {
    const room = await follow(originOf(null, other), { state: await kept() });
    expect(room.status().revision).toBeNull();
  });

  it('and is revoked now is not used', async () => {
    const digest = `sha256:${createHash('sha256')
      .update(bundles.get('two') ?? '')
      .digest('hex')}`;
    const room = await follow(originOf(null), { state: await kept(), checks: { ...checks, revoked: new Set([digest]) } });
    expect(room.status().revision).toBeNull();
  });

  it.each([
    ['the bundle', '.tar.gz'],
    ['what is said of it', '.json'],
  ])('and was changed on disk (%s) is not used', async (_what, ending) => {
    const state = await kept();
    const folder = join(state, 'fetched');
    for (const name of (await readdir(folder)).filter((each) => each.endsWith(ending))) await writeFile(join(folder, name), bundles.get('one') ?? '');
    const room = await follow(originOf(null), { state });
    expect(room.status().revision).toBeNull();
  });

  it('is one bundle, however many there were', async () => {
    const state = await folderOf({});
    const origin = originOf('one');
    const room = await follow(origin, { state });
    origin.gives = of('two');
    await saysSoon(room, 'two');
    await waitFor('one bundle', async () => ((await readdir(join(state, 'fetched'))).filter((name) => name.endsWith('.tar.gz')).length === 1 ? true : null));
    expect((await readdir(join(state, 'revisions'))).length).toBe(2);
  });
});

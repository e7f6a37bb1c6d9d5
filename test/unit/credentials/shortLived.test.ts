import { inspect } from 'node:util';
import { describe, expect, it } from 'vitest';
import { createShortLived, type Issued, issueFault } from '../../../src/credentials/shortLived.ts';
import { bad, good, type Outcome } from '../../../src/domain/fault.ts';

const signal = new AbortController().signal;
const hour = 3_600_000;

/** An issuer that numbers what it issues, on a clock that a test moves. */
function issuer(issue: (n: number, now: number) => Promise<Outcome<Issued>> = async (n, now) => good(issued(n, now + hour))) {
  const state = { now: 1_000_000, asked: 0 };
  const current = createShortLived({
    issuer: 'the cloud',
    clock: () => state.now,
    patience: 30,
    issue: () => {
      state.asked += 1;
      return issue(state.asked, state.now);
    },
  });
  const ask = async (): Promise<string> => {
    const outcome = await current(signal);
    if (!outcome.ok) return outcome.fault.code;
    return outcome.value.kind === 'bearer' ? outcome.value.token : outcome.value.kind;
  };
  return { state, current, ask };
}

function issued(n: number, until: number): Issued {
  return { credential: { kind: 'bearer', token: `token-${n}` }, until };
}

describe('no credential comes', () => {
  it('from an issuer that fails, and it is not asked again at once', async () => {
    const { ask, state } = issuer(async () => bad('REGISTRY_UNAUTHORIZED', 'no'));
    expect([await ask(), await ask()]).toEqual(['REGISTRY_UNAUTHORIZED', 'REGISTRY_UNAUTHORIZED']);
    expect(state.asked).toBe(1);
    state.now += 1_000;
    await ask();
    expect(state.asked).toBe(2);
  });

  it('from an issuer that does not answer, nor to a caller who can’t wait', async () => {
    const { ask, current } = issuer(() => new Promise(() => {}));
    expect(await ask()).toBe('REGISTRY_UNAVAILABLE');
    expect(await issuer(() => new Promise(() => {})).current(AbortSignal.abort())).toMatchObject({ ok: false, fault: { transient: true } });
    expect(await current(signal)).toMatchObject({ ok: false, fault: { message: 'no credential came from the cloud in time' } });
  });

  it('from an issuer that throws, and nothing of what it threw is told', async () => {
    const thrown = Object.assign(new Error('assertion=hunter2'), { config: { data: 'hunter2' }, response: { status: 400, data: 'hunter2' } });
    const { current } = issuer(() => Promise.reject(thrown));
    const outcome = await current(signal);
    expect(outcome).toMatchObject({
      ok: false,
      fault: { code: 'REGISTRY_UNAUTHORIZED', message: 'no credential could be had from the cloud: Error, HTTP 400' },
    });
    expect(inspect(outcome, { depth: 9 })).not.toContain('hunter2');
  });

  it.each([
    [Object.assign(new Error('x'), { status: 401 }), 'REGISTRY_UNAUTHORIZED'],
    [Object.assign(new Error('x'), { statusCode: 403 }), 'REGISTRY_UNAUTHORIZED'],
    [Object.assign(new Error('x'), { $metadata: { httpStatusCode: 400 } }), 'REGISTRY_UNAUTHORIZED'],
    [Object.assign(new Error('x'), { status: 429 }), 'REGISTRY_UNAVAILABLE'],
    [Object.assign(new Error('x'), { response: { status: 503 } }), 'REGISTRY_UNAVAILABLE'],
    [Object.assign(new Error('x'), { name: 'CredentialsProviderError' }), 'REGISTRY_UNAUTHORIZED'],
    [Object.assign(new Error('x'), { name: 'evil\nname' }), 'REGISTRY_UNAVAILABLE'],
    ['text', 'REGISTRY_UNAVAILABLE'],
    [null, 'REGISTRY_UNAVAILABLE'],
  ])('whatever is thrown: %o is %s', (error, code) => {
    expect(issueFault('the cloud', error)).toMatchObject({ ok: false, fault: { code, message: expect.not.stringContaining('\n') } });
  });
});

describe('a short-lived credential', () => {
  it('is fetched once for all who need it at the same time', async () => {
    const { ask, state } = issuer();
    expect(new Set(await Promise.all(Array.from({ length: 50 }, ask)))).toEqual(new Set(['token-1']));
    expect(state.asked).toBe(1);
  });

  it('is renewed before it ends, and nobody waits for that', async () => {
    const { ask, state } = issuer();
    await ask();
    state.now += 0.74 * hour;
    expect([await ask(), state.asked]).toEqual(['token-1', 1]);
    state.now += 0.02 * hour;
    expect([await ask(), state.asked]).toEqual(['token-1', 2]);
    await expect.poll(ask).toBe('token-2');
  });

  it('goes on being used while its renewal fails, which is tried every ten seconds, and never when it has ended', async () => {
    const { ask, state } = issuer(async (n, now) => (n === 1 ? good(issued(1, now + hour)) : bad('REGISTRY_UNAVAILABLE', 'down')));
    await ask();
    state.now += 0.8 * hour;
    for (let i = 0; i < 5; i += 1) expect(await ask()).toBe('token-1');
    expect(state.asked).toBe(2);
    state.now += 10_000;
    expect([await ask(), state.asked]).toEqual(['token-1', 3]);
    state.now += 0.2 * hour;
    expect(await ask()).toBe('REGISTRY_UNAVAILABLE');
  });

  it('is not used in its last minute', async () => {
    const { ask, state } = issuer();
    await ask();
    state.now += hour - 59_000;
    expect(await ask()).toBe('token-2');
  });
});

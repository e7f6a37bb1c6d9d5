import { describe, expect, it } from 'vitest';
import { bad } from '../../../src/domain/fault.ts';
import { at, call, client, codeOf, fake, keychain, messageOf, nobody, plain, repository } from './fixture.ts';

const pat = { kind: 'basic', username: 'pat', password: 'pässword' } as const;

describe('a registry that wants a password', () => {
  const auth = { kind: 'basic', username: 'pat', password: 'pässword' } as const;

  it('refuses an anonymous request as REGISTRY_UNAUTHORIZED, saying 401 and anonymously, and never that nothing was found', async () => {
    const registry = await fake({ auth });
    const outcome = await client([plain(registry)]).manifest(at(registry), { tag: '1' }, call());
    expect(outcome).toMatchObject({ fault: { code: 'REGISTRY_UNAUTHORIZED', transient: false } });
    expect(messageOf(outcome)).toMatch(/401 .*acme\/app.*anonymously/);
    expect(messageOf(outcome)).not.toMatch(/not found|has no/);
  });

  it('refuses a wrong one once, and the password is not shown', async () => {
    const registry = await fake({ auth });
    const wrong = keychain({ kind: 'basic', username: 'pat', password: 'wr0ng' });
    const outcome = await client([plain(registry)], { keychain: wrong }).manifest(at(registry), { tag: '1' }, call());
    expect(messageOf(outcome)).toMatch(/401 .*with a user name and password/);
    expect(JSON.stringify(outcome)).not.toMatch(/wr0ng|d3IwbmcK|Basic/);
    expect(registry.count()).toBe(2);
  });

  it('gets it, and from the second request on at once', async () => {
    const registry = await fake({ auth });
    registry.pushImage({ repository, tag: '1' });
    const ours = client([plain(registry)], { keychain: keychain(pat) });
    for (let i = 0; i < 2; i += 1) expect(codeOf(await ours.manifest(at(registry), { tag: '1' }, call()))).toBe('ok');
    expect(registry.requests.map(({ authorization }) => authorization?.split(' ')[0] ?? null)).toEqual([null, 'Basic', 'Basic']);
  });

  it('is a fault of the keychain where that can not be asked', async () => {
    const registry = await fake({ auth });
    const broken = { credential: async () => bad('INTERNAL', 'no keys') };
    expect(codeOf(await client([plain(registry)], { keychain: broken }).manifest(at(registry), { tag: '1' }, call()))).toBe('INTERNAL');
  });
});

describe('a registry that wants a token', () => {
  const open = { kind: 'token', username: null, password: null } as const;
  const closed = { kind: 'token', username: 'pat', password: 'pässword', identityToken: 'refresh' } as const;

  it('gives one to anybody, once for a repository', async () => {
    const registry = await fake({ auth: open });
    registry.pushImage({ repository, tag: '1' });
    registry.pushImage({ repository: 'acme/other', tag: '1' });
    const ours = client([plain(registry)]);
    for (let i = 0; i < 3; i += 1) expect(codeOf(await ours.manifest(at(registry), { tag: '1' }, call()))).toBe('ok');
    expect(registry.requests.map(({ path }) => path.split('?')[0])).toEqual([
      '/v2/acme/app/manifests/1',
      '/token',
      ...Array(3).fill('/v2/acme/app/manifests/1'),
    ]);
    expect(registry.requests[1]?.path).toBe('/token?service=fake&scope=repository%3Aacme%2Fapp%3Apull');
    // The next repository's token is had before it is asked for.
    registry.forgetRequests();
    expect(codeOf(await ours.manifest(at(registry, 'acme/other'), { tag: '1' }, call()))).toBe('ok');
    expect(registry.requests.map(({ path }) => path.split('?')[0])).toEqual(['/token', '/v2/acme/other/manifests/1']);
  });

  it('is asked once by requests that come together', async () => {
    const registry = await fake({ auth: open, delay: 5 });
    registry.pushImage({ repository, tag: '1' });
    const ours = client([plain(registry)]);
    const outcomes = await Promise.all(Array.from({ length: 8 }, () => ours.manifest(at(registry), { tag: '1' }, call())));
    expect(outcomes.map(codeOf)).toEqual(Array(8).fill('ok'));
    expect(registry.count('/token')).toBe(1);
  });

  it('takes user name and password at its realm only; the registry sees the token', async () => {
    const registry = await fake({ auth: closed });
    registry.pushImage({ repository, tag: '1' });
    expect(codeOf(await client([plain(registry)], { keychain: keychain(pat) }).manifest(at(registry), { tag: '1' }, call()))).toBe('ok');
    for (const { path, authorization } of registry.requests) {
      if (path.startsWith('/token')) expect(authorization).toMatch(/^Basic /);
      else expect(authorization ?? 'Bearer ').toMatch(/^Bearer /);
    }
  });

  it('takes an identity token by POST', async () => {
    const registry = await fake({ auth: closed });
    registry.pushImage({ repository, tag: '1' });
    const keys = keychain({ kind: 'identityToken', token: 'refresh' });
    expect(codeOf(await client([plain(registry)], { keychain: keys }).manifest(at(registry), { tag: '1' }, call()))).toBe('ok');
    const asked = registry.requests.find(({ method }) => method === 'POST');
    expect(Object.fromEntries(new URLSearchParams(asked?.body))).toMatchObject({ grant_type: 'refresh_token', refresh_token: 'refresh', service: 'fake' });
    expect(asked?.path).toBe('/token');
  });

  it('takes a registry token as it is', async () => {
    const registry = await fake({ auth: closed });
    const outcome = await client([plain(registry)], { keychain: keychain({ kind: 'bearer', token: 'mine' }) }).manifest(at(registry), { tag: '1' }, call());
    expect(messageOf(outcome)).toMatch(/401 .*with a registry token/);
    expect(registry.requests.map(({ authorization }) => authorization)).toEqual([null, 'Bearer mine']);
  });

  it('refuses who is not known, at its realm', async () => {
    const registry = await fake({ auth: closed });
    const outcome = await client([plain(registry)]).manifest(at(registry), { tag: '1' }, call());
    expect(codeOf(outcome)).toBe('REGISTRY_UNAUTHORIZED');
    expect(messageOf(outcome)).toMatch(/token realm of .* answered 401 .*anonymously/);
  });

  it('is asked for a new token when the old one ran out, and when it is refused before its time', async () => {
    const registry = await fake({ auth: { ...open, expiresIn: 100 } });
    registry.pushImage({ repository, tag: '1' });
    let now = 0;
    const ours = client([plain(registry)], { clock: () => now });
    const ask = async (): Promise<string> => codeOf(await ours.manifest(at(registry), { tag: '1' }, call()));
    expect(await ask()).toBe('ok');
    now = 89_000;
    expect(await ask()).toBe('ok');
    expect(registry.count('/token')).toBe(1);
    now = 91_000;
    expect(await ask()).toBe('ok');
    expect(registry.count('/token')).toBe(2);
    registry.revokeTokens();
    expect(await ask()).toBe('ok');
    expect(registry.count('/token')).toBe(3);
  });

  it('keeps tokens of one right apart from those of another', async () => {
    const registry = await fake({ auth: open });
    registry.pushImage({ repository, tag: '1' });
    const keys = keychain(null);
    const ours = client([plain(registry)], { keychain: keys });
    for (const key of ['', 'pod', 'pod']) expect(codeOf(await ours.manifest(at(registry), { tag: '1' }, call({ access: { key } })))).toBe('ok');
    expect(registry.count('/token')).toBe(2);
    expect(keys.asked).toEqual([`${registry.host} acme/app `, `${registry.host} acme/app pod`]);
  });

  it.each([
    ['garbage', { kind: 'garbage' }, 'RESPONSE_INVALID'],
    ['no token', { kind: 'status', status: 200, body: '{}' }, 'RESPONSE_INVALID'],
    ['a token that would split a header', { kind: 'status', status: 200, body: '{"token":"a\\r\\nx: y"}' }, 'RESPONSE_INVALID'],
    ['a flood', { kind: 'huge', bytes: 10_000_000 }, 'LIMIT_EXCEEDED'],
    ['403', { kind: 'status', status: 403 }, 'REGISTRY_UNAUTHORIZED'],
    ['404', { kind: 'status', status: 404 }, 'RESPONSE_INVALID'],
    ['429', { kind: 'status', status: 429 }, 'REGISTRY_RATE_LIMITED'],
    ['500', { kind: 'status', status: 500 }, 'REGISTRY_UNAVAILABLE'],
    ['a redirect', { kind: 'redirect', location: '/elsewhere' }, 'RESPONSE_INVALID'],
  ] as const)('that answers with %s instead is a fault', async (_name, does, code) => {
    const registry = await fake({ auth: closed });
    registry.inject({ match: '/token', does });
    expect(codeOf(await client([plain(registry)], { keychain: keychain(pat) }).manifest(at(registry), { tag: '1' }, call()))).toBe(code);
  });
});

describe('a challenge', () => {
  it('is believed with commas in its quotes and another scheme before it', async () => {
    const challenge = 'Negotiate, Basic realm="a, b", Bearer realm="{realm}",error="x, y=\\"z\\"",scope="{scope}"';
    const registry = await fake({ auth: { kind: 'token', username: null, password: null, challenge } });
    registry.pushImage({ repository, tag: '1' });
    expect(codeOf(await client([plain(registry)]).manifest(at(registry), { tag: '1' }, call()))).toBe('ok');
  });

  it('with the scope that a registry uses for all repositories is followed', async () => {
    const challenge = 'Bearer realm="{realm}",service="s",scope="aws"';
    const registry = await fake({ auth: { kind: 'token', username: null, password: null, challenge } });
    await client([plain(registry)]).manifest(at(registry), { tag: '1' }, call());
    expect(registry.requests[1]?.path).toBe('/token?service=s&scope=aws');
  });

  it('for nothing we can do is REGISTRY_UNAUTHORIZED', async () => {
    const registry = await fake();
    registry.inject({ match: '', does: { kind: 'status', status: 401, headers: { 'www-authenticate': 'Negotiate' } } });
    expect(codeOf(await client([plain(registry)], { keychain: keychain(pat) }).manifest(at(registry), { tag: '1' }, call()))).toBe('REGISTRY_UNAUTHORIZED');
  });

  it('that comes again and again ends', async () => {
    const registry = await fake({ auth: { kind: 'token', username: null, password: null } });
    registry.inject({ match: '/v2/', does: { kind: 'status', status: 401, headers: { 'www-authenticate': `Bearer realm="${registry.origin}/token"` } } });
    expect(codeOf(await client([plain(registry)]).manifest(at(registry), { tag: '1' }, call()))).toBe('REGISTRY_UNAUTHORIZED');
    expect(registry.count('/v2/')).toBe(3);
  });

  it.each([
    ['http://127.0.0.1:1/token', 'REGISTRY_NOT_LISTED'],
    ['https://evil.test/token', 'REGISTRY_NOT_LISTED'],
    ['https://169.254.169.254/latest', 'REGISTRY_NOT_LISTED'],
    ['https://user:password@evil.test/', 'REGISTRY_NOT_LISTED'],
    ['file:///etc/passwd', 'REGISTRY_NOT_LISTED'],
    ['token', 'RESPONSE_INVALID'],
    ['', 'RESPONSE_INVALID'],
  ])('that sends credentials to %j is refused as %s before the keychain is asked', async (realm, code) => {
    const registry = await fake({ auth: { kind: 'token', username: null, password: null, realm } });
    const keys = keychain(pat);
    const outcome = await client([plain(registry)], { keychain: keys }).manifest(at(registry), { tag: '1' }, call());
    expect(codeOf(outcome)).toBe(code);
    expect(keys.asked).toEqual([]);
    expect(messageOf(outcome)).not.toContain('password');
  });

  it('names the realm to list', async () => {
    const registry = await fake({ auth: { kind: 'token', username: null, password: null, realm: 'https://auth.corp/token' } });
    const outcome = await client([plain(registry)], { keychain: nobody }).manifest(at(registry), { tag: '1' }, call());
    expect(messageOf(outcome)).toMatch(/https:\/\/auth\.corp.*alsoHosts/);
  });
});

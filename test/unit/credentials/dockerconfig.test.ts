import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { createKeychain, credentialKinds } from '../../../src/credentials/index.ts';
import { readDockerConfig } from '../../../src/credentials/readDockerConfig.ts';
import { bad, good, type Outcome } from '../../../src/domain/fault.ts';
import { type Credential, type Keychain, ownAccess } from '../../../src/domain/registry.ts';

const { dockerconfig } = credentialKinds;
const signal = new AbortController().signal;

function read(auth: unknown): unknown {
  const outcome = readDockerConfig(Buffer.from(JSON.stringify({ auths: { 'registry.corp': auth } })));
  return outcome.ok ? (outcome.value[0]?.credential ?? null) : outcome.fault.code;
}

const base64 = (text: string): string => Buffer.from(text).toString('base64');

describe('an entry of a Docker configuration', () => {
  it.each([
    ['auth', { auth: base64('pat:a:b') }, { kind: 'basic', username: 'pat', password: 'a:b' }],
    ['auth with the padding of old dockers', { auth: base64('pat:secret\0\0') }, { kind: 'basic', username: 'pat', password: 'secret' }],
    ['user name and password', { username: 'pat', password: 'secret' }, { kind: 'basic', username: 'pat', password: 'secret' }],
    ['auth and another user name', { auth: base64('pat:secret'), username: 'x', password: 'y' }, { kind: 'basic', username: 'pat', password: 'secret' }],
    ['an identity token', { auth: base64('00000000:'), identitytoken: 'it' }, { kind: 'identityToken', token: 'it' }],
    ['an identity token as password', { auth: base64('<token>:it') }, { kind: 'identityToken', token: 'it' }],
    ['a registry token', { registrytoken: 'rt', auth: base64('pat:secret') }, { kind: 'bearer', token: 'rt' }],
    ['nothing, since a helper has it', {}, null],
    ['auth that is no base64', { auth: '§' }, 'CONFIG_INVALID'],
    ['auth without a colon', { auth: base64('secret') }, 'CONFIG_INVALID'],
    ['a registry token that would split a header', { registrytoken: 'a\r\nb' }, 'CONFIG_INVALID'],
    ['no object', 'secret', 'CONFIG_INVALID'],
  ])('with %s', (_name, auth, credential) => {
    expect(read(auth)).toEqual(credential);
  });
});

describe('a Docker configuration', () => {
  it.each(['', '{', '[]', 'null', '{"auths":[]}', '{"auths":"secret"}'])('that is %j is CONFIG_INVALID', (text) => {
    const outcome = readDockerConfig(Buffer.from(text));
    expect(outcome).toMatchObject({ ok: false, fault: { code: 'CONFIG_INVALID' } });
  });

  it('that is too large or has too many entries is CONFIG_INVALID', () => {
    expect(readDockerConfig(Buffer.alloc(1024 * 1024 + 1, 0x20)).ok).toBe(false);
    const auths = Object.fromEntries(Array.from({ length: 1_001 }, (_, i) => [`r${i}.corp`, {}]));
    expect(readDockerConfig(Buffer.from(JSON.stringify({ auths }))).ok).toBe(false);
  });

  it('without auths has no credentials', () => {
    expect(readDockerConfig(Buffer.from('{"credsStore":"desktop"}'))).toEqual(good([]));
  });

  it('shows nothing of itself in a fault', () => {
    for (const text of ['{"auths":{"r":{"auth":"c2VjcmV0"}}}', '{"auths":{"r":{"auth":"hunter2', '{"auths":{"r":"hunter2"}}']) {
      expect(JSON.stringify(readDockerConfig(Buffer.from(text)))).not.toMatch(/hunter2|secret|c2VjcmV0/);
    }
  });

  it('never throws, whatever it is', () => {
    fc.assert(
      fc.property(
        fc.oneof(
          fc.json(),
          fc.json().map((auth) => `{"auths":{"r":${auth}}}`),
        ),
        (text) => typeof readDockerConfig(Buffer.from(text)).ok === 'boolean',
      ),
    );
  });
});

describe('credentials of the kind dockerconfig', () => {
  const open = (file: (path: string) => Promise<Outcome<Uint8Array>>): Promise<Outcome<Keychain>> =>
    dockerconfig.create({ kind: 'dockerconfig', file: 'config.json' }, { file });

  it('are refused with settings that nobody knows', () => {
    expect(dockerconfig.settings.safeParse({ kind: 'dockerconfig', file: 'x', extra: 1 }).success).toBe(false);
    expect(dockerconfig.settings.safeParse({ kind: 'ecr', file: 'x' }).success).toBe(false);
    expect(dockerconfig.settings.safeParse({ kind: 'dockerconfig' }).success).toBe(false);
    expect(dockerconfig.settings.safeParse({ kind: 'dockerconfig', file: 'x' }).success).toBe(true);
  });

  it('are a fault when the file can not be read', async () => {
    expect(await open(async () => bad('CONFIG_INVALID', 'no such file'))).toMatchObject({ fault: { code: 'CONFIG_INVALID' } });
  });

  it('come from the file that the settings name', async () => {
    const paths: string[] = [];
    const made = await open(async (path) => {
      paths.push(path);
      return good(Buffer.from(JSON.stringify({ auths: { 'registry.corp': { auth: base64('pat:secret') } } })));
    });
    expect(paths).toEqual(['config.json']);
    expect(made.ok && (await made.value.credential('registry.corp', 'acme/app', ownAccess, signal))).toEqual(
      good({ kind: 'basic', username: 'pat', password: 'secret' }),
    );
    expect(made.ok && (await made.value.credential('other.corp', 'acme/app', ownAccess, signal))).toEqual(good(null));
  });
});

describe('the keychain of the configuration', () => {
  const one = (token: string): Keychain => ({ credential: async () => good<Credential>({ kind: 'bearer', token }) });
  const keychain = createKeychain([
    { host: '*.corp', keychain: one('below') },
    { host: '*.b.corp', keychain: one('further below') },
    { host: 'registry.corp', keychain: one('exact') },
    { host: 'open.corp', keychain: null },
  ]);
  const ask = async (host: string, key = ''): Promise<string | null> => {
    const outcome = await keychain.credential(host, 'acme/app', { key }, signal);
    if (!outcome.ok) return outcome.fault.code;
    return outcome.value?.kind === 'bearer' ? outcome.value.token : null;
  };

  it('never serves the right of a Pod', async () => {
    expect(await ask('registry.corp', 'pod')).toBe('REGISTRY_UNAUTHORIZED');
  });

  it('asks the entry that says how the host is reached, whatever their order', async () => {
    expect(await Promise.all(['registry.corp', 'a.corp', 'a.b.corp', 'open.corp', 'corp', 'evilcorp', 'registry.corp:5000'].map((host) => ask(host)))).toEqual([
      'exact',
      'below',
      'further below',
      null,
      null,
      null,
      null,
    ]);
  });
});

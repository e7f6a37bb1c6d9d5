import { beforeAll, describe, expect, it } from 'vitest';
import type { Resolve } from '../../../src/registry/address.ts';
import type { HostRule } from '../../../src/registry/index.ts';
import { allowsDerived, compileReach } from '../../../src/registry/reach.ts';
import { type Authority, makeAuthority } from '../../fakes/registry/authority.ts';
import { call, client, codeOf, fake, keychain, messageOf, plain, repository, unwrap } from './fixture.ts';

let authority: Authority;
let tls: { key: string; cert: string };
beforeAll(() => {
  authority = makeAuthority();
  tls = authority.issue(['registry.test', 'a.corp.test', 'blobs.test', 'localhost', '127.0.0.1']);
});

const pat = { kind: 'basic', username: 'pat', password: 'secret' } as const;

function rule(host: string, more: Partial<HostRule> = {}): HostRule {
  return { host, plainHTTP: false, ca: authority.ca, alsoHosts: [], ...more };
}

/** DNS in which every name has these addresses; it counts who asked. */
function dns(...addresses: string[]): { readonly resolve: Resolve; readonly names: string[] } {
  const names: string[] = [];
  return {
    names,
    resolve: (name, done) => {
      names.push(name);
      done(
        null,
        addresses.map((address) => ({ address, family: address.includes(':') ? 6 : 4 })),
      );
    },
  };
}

function port(host: string): string {
  return host.slice(host.indexOf(':'));
}

describe('a registry that is not listed', () => {
  it.each([
    '127.0.0.1:1',
    'evil.test',
    '169.254.169.254',
    'localhost:5000',
    '[::1]:5000',
    'corp.test',
    'acorp.test',
    'registry.test.evil.test',
    'registry.test:444',
  ])('%s is REGISTRY_NOT_LISTED, without a packet or a DNS question', async (registry) => {
    const { resolve, names } = dns('127.0.0.1');
    const ours = client([rule('registry.test'), rule('*.corp.test')], { resolve });
    const outcome = await ours.manifest({ registry, repository: 'a' }, { tag: '1' }, call());
    expect(codeOf(outcome)).toBe('REGISTRY_NOT_LISTED');
    expect(messageOf(outcome)).toContain('list it under registries');
    expect(names).toEqual([]);
  });

  it.each(['evil@registry.test', 'registry.test/x', 'registry.test#', 'registry.test:99999', 'REGISTRY.test'])('%s is no registry at all', async (registry) => {
    const { resolve, names } = dns('127.0.0.1');
    const outcome = await client([rule('registry.test'), rule('*.test')], { resolve }).manifest({ registry, repository: 'a' }, { tag: '1' }, call());
    expect(['REFERENCE_INVALID', 'REGISTRY_NOT_LISTED']).toContain(codeOf(outcome));
    expect(names).toEqual([]);
  });
});

describe('an address found by DNS', () => {
  it.each([
    ['*.corp.test', '127.0.0.1'],
    ['*.corp.test', '::1'],
    ['*.corp.test', '::ffff:127.0.0.1'],
    ['*.corp.test', '169.254.169.254'],
    ['*.corp.test', '0.0.0.0'],
    ['a.corp.test', '169.254.169.254'],
    ['a.corp.test', 'fe80::1'],
    ['a.corp.test', '::'],
    ['a.corp.test', '224.0.0.1'],
  ])('of a host listed as %s is not connected to when it is %s', async (host, address) => {
    const { resolve, names } = dns(address);
    const outcome = await client([rule(host)], { resolve }).manifest({ registry: 'a.corp.test', repository: 'a' }, { tag: '1' }, call());
    expect(codeOf(outcome)).toBe('REGISTRY_NOT_LISTED');
    expect(messageOf(outcome)).toContain('internal addresses');
    expect(names).toEqual(['a.corp.test']);
  });

  it.each(['docker.io', 'ghcr.io', 'evil.pkg.dev'])('of the public registry %s is not connected to when it is private', async (registry) => {
    const { resolve, names } = dns('10.0.0.1');
    const outcome = await client(null, { resolve }).manifest({ registry, repository: 'a/b' }, { tag: '1' }, call());
    expect(codeOf(outcome)).toBe('REGISTRY_NOT_LISTED');
    expect(names).toEqual([registry === 'docker.io' ? 'registry-1.docker.io' : registry]);
  });

  it('of a host listed by name may be loopback, and the addresses that may not be are passed over', async () => {
    const registry = await fake({ tls });
    registry.pushImage({ repository, tag: '1' });
    const host = `registry.test${port(registry.host)}`;
    const { resolve } = dns('169.254.169.254', '127.0.0.1');
    expect(codeOf(await client([rule(host)], { resolve }).manifest({ registry: host, repository }, { tag: '1' }, call()))).toBe('ok');
  });
});

describe('an address written as host', () => {
  it('that a wildcard happens to match is not connected to', async () => {
    const registry = await fake({ tls });
    const outcome = await client([rule(`*.0.0.1${port(registry.host)}`)]).manifest({ registry: registry.host, repository }, { tag: '1' }, call());
    expect(codeOf(outcome)).toBe('REGISTRY_NOT_LISTED');
    expect(registry.count()).toBe(0);
  });
});

describe('TLS', () => {
  it('by an authority that is not trusted is REGISTRY_UNAVAILABLE, pointing at caFile', async () => {
    const registry = await fake({ tls });
    const outcome = await client([rule(registry.host, { ca: null })]).manifest({ registry: registry.host, repository }, { tag: '1' }, call());
    expect(codeOf(outcome)).toBe('REGISTRY_UNAVAILABLE');
    expect(messageOf(outcome)).toContain('caFile');
  });

  it('for another name is refused', async () => {
    const registry = await fake({ tls });
    const host = `other.test${port(registry.host)}`;
    const { resolve } = dns('127.0.0.1');
    expect(messageOf(await client([rule(host)], { resolve }).manifest({ registry: host, repository }, { tag: '1' }, call()))).toContain('ALTNAME');
  });

  it('is never left out by itself', async () => {
    const registry = await fake();
    const outcome = await client([rule(registry.host)]).manifest({ registry: registry.host, repository }, { tag: '1' }, call());
    expect(codeOf(outcome)).toBe('REGISTRY_UNAVAILABLE');
    expect(registry.count()).toBe(0);
  });
});

describe('a redirect', () => {
  it.each([
    'http://127.0.0.1:1/x',
    'https://evil.test/x',
    'https://169.254.169.254/latest/meta-data',
    'https://[::1]/x',
    'https://user:pass@blobs.test/x',
    'gopher://blobs.test/x',
    '//evil.test/x',
  ])('to %s is not followed', async (location) => {
    const registry = await fake();
    const image = registry.pushImage({ repository, tag: '1' });
    registry.inject({ match: '/blobs/', does: { kind: 'redirect', location } });
    const { resolve, names } = dns('127.0.0.1');
    const ours = client([plain(registry, { alsoHosts: ['blobs.test'] })], { resolve });
    const outcome = await ours.blob({ registry: registry.host, repository }, { digest: image.imageId, size: 10 }, 100, call());
    expect(codeOf(outcome)).toBe('REGISTRY_NOT_LISTED');
    expect(messageOf(outcome)).not.toContain('pass');
    expect(names).toEqual([]);
  });

  it('without a location, or with one that is none, is RESPONSE_INVALID', async () => {
    const registry = await fake();
    registry.inject({ match: 'manifests/1', does: { kind: 'status', status: 302 } });
    registry.inject({ match: 'manifests/2', does: { kind: 'redirect', location: 'http://[' } });
    for (const tag of ['1', '2']) {
      expect(codeOf(await client([plain(registry)]).manifest({ registry: registry.host, repository }, { tag }, call()))).toBe('RESPONSE_INVALID');
    }
  });

  it('that never ends is LIMIT_EXCEEDED', async () => {
    const registry = await fake();
    registry.inject({ match: '', does: { kind: 'redirect', location: '{path}' } });
    expect(codeOf(await client([plain(registry)]).manifest({ registry: registry.host, repository }, { tag: '1' }, call()))).toBe('LIMIT_EXCEEDED');
    expect(registry.count()).toBe(6);
  });

  it('to a listed host is followed without the credentials, and what it brings is checked', async () => {
    const store = await fake({ tls });
    const registry = await fake({ tls, auth: { kind: 'basic', username: 'pat', password: 'secret' }, content: store.content });
    const image = registry.pushImage({ repository, tag: '1', config: { author: 'x' } });
    const size = store.content.find(repository)?.blobs.get(image.imageId)?.length ?? 0;
    const host = `registry.test${port(registry.host)}`;
    const blobs = `blobs.test${port(store.host)}`;
    registry.inject({ match: '/blobs/', does: { kind: 'redirect', location: `https://${blobs}{path}` } });
    const { resolve } = dns('127.0.0.1');
    const ours = client([rule(host, { alsoHosts: [blobs] })], { resolve, keychain: keychain(pat) });
    await ours.manifest({ registry: host, repository }, { tag: '1' }, call());
    const blob = unwrap(await ours.blob({ registry: host, repository }, { digest: image.imageId, size }, 10_000, call()));
    expect(Buffer.from(blob).toString()).toContain('"author":"x"');
    expect(store.requests.map(({ authorization }) => authorization)).toEqual([null]);
    store.inject({ match: '/blobs/', does: { kind: 'wrongDigest' } });
    expect(
      codeOf(
        await client([rule(host, { alsoHosts: [blobs] })], { resolve, keychain: keychain(pat) }).blob(
          { registry: host, repository },
          { digest: image.imageId, size },
          10_000,
          call(),
        ),
      ),
    ).toBe('RESPONSE_INVALID');
  });

  it('does not take the credentials along to the pages behind it', async () => {
    const store = await fake({ tls });
    const registry = await fake({ tls, auth: { kind: 'basic', username: 'pat', password: 'secret' } });
    const image = store.pushImage({ repository });
    for (const content of ['a', 'b']) {
      store.pushArtifact({ repository, subject: image, artifactType: 'text/plain', layers: [{ bytes: Buffer.from(content), mediaType: 'text/plain' }] });
    }
    store.referrersPage = 1;
    const host = `registry.test${port(registry.host)}`;
    const pages = `blobs.test${port(store.host)}`;
    registry.inject({ match: '/referrers/', does: { kind: 'redirect', location: `https://${pages}{path}` } });
    const { resolve } = dns('127.0.0.1');
    const ours = client([rule(host, { alsoHosts: [pages] })], { resolve, keychain: keychain(pat) });
    // So that the password is known to be wanted.
    await ours.manifest({ registry: host, repository }, { tag: '1' }, call());
    expect(unwrap(await ours.referrers({ registry: host, repository }, image.digest, call())).descriptors).toHaveLength(2);
    expect(store.requests.map(({ authorization }) => authorization)).toEqual([null, null]);
  });

  it('to a host that then demands credentials gets none', async () => {
    const store = await fake({ tls, auth: { kind: 'basic', username: 'pat', password: 'secret' } });
    const registry = await fake({ tls });
    const host = `registry.test${port(registry.host)}`;
    const blobs = `blobs.test${port(store.host)}`;
    registry.inject({ match: '', does: { kind: 'redirect', location: `https://${blobs}{path}` } });
    const keys = keychain(pat);
    const { resolve } = dns('127.0.0.1');
    const outcome = await client([rule(host, { alsoHosts: [blobs] })], { resolve, keychain: keys }).manifest(
      { registry: host, repository },
      { tag: '1' },
      call(),
    );
    expect(codeOf(outcome)).toBe('REGISTRY_UNAUTHORIZED');
    expect(keys.asked).toEqual([]);
    expect(store.requests.map(({ authorization }) => authorization)).toEqual([null]);
  });
});

describe('who a registry may lead to', () => {
  const place = (hosts: HostRule[] | null, registry: string) => unwrap(compileReach(hosts).place({ registry, repository: 'a/b' }));

  it('is, below a wildcard, the others for content but not for tokens', () => {
    const a = place([rule('*.corp.test', { alsoHosts: ['auth.test'] })], 'a.corp.test');
    expect(allowsDerived(a, new URL('https://b.corp.test/'), 'redirect')).toBe(true);
    expect(allowsDerived(a, new URL('https://b.corp.test/'), 'realm')).toBe(false);
    expect(allowsDerived(a, new URL('https://auth.test/'), 'realm')).toBe(true);
    expect(allowsDerived(a, new URL('http://auth.test/'), 'realm')).toBe(false);
    expect(allowsDerived(a, new URL('https://auth.test:8443/'), 'realm')).toBe(false);
    expect(allowsDerived(a, new URL('http://a.corp.test/'), 'redirect')).toBe(false);
  });

  it('is, for Docker Hub, what belongs to it, whether it is listed by name or not', () => {
    for (const hosts of [null, [rule('docker.io', { ca: null })]]) {
      const hub = place(hosts, 'docker.io');
      expect(hub.origin).toBe('https://registry-1.docker.io');
      expect(allowsDerived(hub, new URL('https://auth.docker.io/token'), 'realm')).toBe(true);
      expect(allowsDerived(hub, new URL('https://production.cloudflare.docker.com/x'), 'redirect')).toBe(true);
      expect(allowsDerived(hub, new URL('https://ghcr.io/token'), 'realm')).toBe(false);
    }
  });

  it('is, for a name that only nodes can reach, its endpoint', () => {
    const near = place([rule('localhost:30081', { endpoint: 'Agents.test:80', plainHTTP: true })], 'localhost:30081');
    expect(near).toMatchObject({ registry: 'localhost:30081', origin: 'http://agents.test' });
    expect(allowsDerived(near, new URL('http://agents.test/x'), 'redirect')).toBe(true);
    expect(allowsDerived(near, new URL('https://auth.test/token'), 'realm')).toBe(false);
  });

  it('is decided by the exact rule before a wildcard', () => {
    const hosts = [rule('*.test'), rule('*.corp.test', { alsoHosts: ['x.test'] }), rule('a.corp.test', { plainHTTP: true })];
    expect(place(hosts, 'a.corp.test').origin).toBe('http://a.corp.test');
    expect(place(hosts, 'b.corp.test').rule.also).toHaveLength(1);
  });

  it.each(['docker.io', 'ghcr.io', 'quay.io', 'gcr.io', 'eu.gcr.io', 'europe-docker.pkg.dev', 'registry.k8s.io', 'public.ecr.aws', 'mcr.microsoft.com'])(
    'without a list is known for %s',
    (registry) => {
      expect(compileReach(null).place({ registry, repository: 'a/b' }).ok).toBe(true);
    },
  );
});

import { describe, expect, it } from 'vitest';
import { matchCredential } from '../../../src/credentials/match.ts';
import type { Credential } from '../../../src/domain/registry.ts';

function pick(keys: readonly string[], host: string, repository = 'acme/app'): string | null {
  const entries = keys.map((key) => ({ key, credential: { kind: 'basic', username: key, password: '' } satisfies Credential }));
  const found = matchCredential(entries, host, repository);
  return found?.kind === 'basic' ? found.username : null;
}

describe('no credential is found', () => {
  it.each([
    ['another host', 'registry.corp', 'registry.corp.evil'],
    ['a host that only ends alike', 'registry.corp', 'evil-registry.corp'],
    ['a star that would have to span two labels', '*.corp', 'a.b.corp'],
    ['a star that would have to be no label', '*.corp', 'corp'],
    ['another port', 'registry.corp:5000', 'registry.corp:5001'],
    ['a port where the entry has none', 'registry.corp', 'registry.corp:5000'],
    ['no port where the entry has one', 'registry.corp:5000', 'registry.corp'],
    ['another path', 'registry.corp/other', 'registry.corp'],
    ['the longer path', 'registry.corp/acme/app/deep', 'registry.corp'],
    ['a malformed pattern', 'registry.[corp', 'registry.corp'],
    ['another registry by the entry of Docker Hub', 'https://index.docker.io/v1/', 'ghcr.io'],
  ])('for %s', (_name, key, host) => {
    expect(pick([key], host)).toBeNull();
  });
});

describe('a credential is found as the kubelet finds it', () => {
  it.each([
    ['registry.corp', 'registry.corp'],
    ['https://registry.corp', 'registry.corp'],
    ['http://registry.corp/', 'registry.corp'],
    ['https://registry.corp/v2/', 'registry.corp'],
    ['https://registry.corp/v1/acme', 'registry.corp'],
    ['registry.corp:5000', 'registry.corp:5000'],
    ['registry.corp/acme', 'registry.corp'],
    ['registry.corp/acme/app', 'registry.corp'],
    ['*.corp', 'registry.corp'],
    ['*.*.corp', 'a.registry.corp'],
    ['reg*.corp:5000', 'registry.corp:5000'],
    ['registr[x-z].corp', 'registry.corp'],
    ['docker.io', 'docker.io'],
    ['https://index.docker.io/v1/', 'docker.io'],
    ['index.docker.io', 'docker.io'],
  ])('%s for %s', (key, host) => {
    expect(pick([key], host)).toBe(key);
  });

  it('the longer path first, whatever the order of the file', () => {
    const keys = ['registry.corp', 'registry.corp/acme/app', 'registry.corp/acme', '*.corp'];
    for (const order of [keys, keys.toReversed()]) {
      expect(pick(order, 'registry.corp')).toBe('registry.corp/acme/app');
      expect(pick(order, 'registry.corp', 'acme/other')).toBe('registry.corp/acme');
      expect(pick(order, 'registry.corp', 'other')).toBe('registry.corp');
      expect(pick(order, 'other.corp')).toBe('*.corp');
    }
  });

  it('the entry of Docker Hub only where no other serves', () => {
    expect(pick(['https://index.docker.io/v1/', 'docker.io/acme'], 'docker.io')).toBe('docker.io/acme');
    expect(pick(['https://index.docker.io/v1/', 'docker.io/acme'], 'docker.io', 'library/nginx')).toBe('https://index.docker.io/v1/');
  });
});

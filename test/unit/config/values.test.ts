import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { z } from 'zod';
import { kinded } from '../../../src/config/schema/kinded.ts';
import { imageGlob, isLoopback, listenAddress, registryHost, registryPrefix } from '../../../src/config/values.ts';
import { glob } from '../../../src/domain/glob.ts';
import { parseReference, repositoryName } from '../../../src/domain/image.ts';
import { covers } from '../../../src/domain/mirror.ts';

const segment = fc.stringMatching(/^[a-z0-9]{1,6}([._-][a-z0-9]{1,4})?$/);
const host = fc.oneof(
  fc.constantFrom('docker.io', 'localhost', 'ghcr.io', 'r.corp:5000', '[fd00::1]:5000'),
  segment.map((name) => `${name}.corp`),
);
const repository = fc.tuple(host, fc.array(segment, { minLength: 2, maxLength: 4 })).map(([registry, path]) => `${registry}/${path.join('/')}`);

describe('an image glob', () => {
  it('may be the name of any repository, and matches it', () => {
    fc.assert(
      fc.property(repository, (text) => {
        const parsed = parseReference(text);
        fc.pre(parsed.ok);
        const name = parsed.ok ? repositoryName(parsed.value) : '';
        expect(imageGlob.safeParse(name).success).toBe(true);
        expect(glob(name)(name)).toBe(true);
      }),
    );
  });

  it.each(['**', '*/**', '*.corp/**', 'docker.io/library/*', 'ghcr.io/acme/app-*', 'localhost/x', 'r.corp:5000/a/**', 'docker.io/**'])(
    'may be %s',
    (pattern) => {
      expect(imageGlob.safeParse(pattern).success).toBe(true);
    },
  );

  it.each([
    '',
    'nginx',
    'library/nginx',
    'docker.io',
    'docker.io/nginx',
    'docker.io/nginx:1',
    'index.docker.io/**',
    'r.corp/a/',
    'r.corp/***',
    'R.corp/a',
    'r.corp/a@sha256:x',
    'r.corp/*/*/*/*/*',
    'r.corp/[ab]',
    'r.corp/a b',
    '*',
  ])('that matches nothing, or more than it shows, is refused: %s', (pattern) => {
    expect(imageGlob.safeParse(pattern).success).toBe(false);
  });
});

describe('a registry prefix', () => {
  it('covers what it is the beginning of, and is read the same twice', () => {
    fc.assert(
      fc.property(repository, (text) => {
        const read = registryPrefix.safeParse(text);
        fc.pre(read.success);
        expect(covers(read.data ?? '', `${read.data}/more`)).toBe(true);
        expect(registryPrefix.parse(read.data)).toBe(read.data);
      }),
    );
  });

  it.each([
    ['docker.io', 'docker.io'],
    ['index.docker.io', 'docker.io'],
    ['docker.io/library', 'docker.io/library'],
    ['Harbor.Corp/a', 'harbor.corp/a'],
    ['localhost:5000', 'localhost:5000'],
  ])('%s is %s', (text, prefix) => {
    expect(registryPrefix.parse(text)).toBe(prefix);
  });

  it.each(['', 'library', 'docker.io/', 'docker.io/A', 'docker.io/a:1', 'https://docker.io', 'r.corp:99999', '/a', '.'])('is not %j', (text) => {
    expect(registryPrefix.safeParse(text).success).toBe(false);
  });
});

describe('a host', () => {
  it.each(['docker.io', 'r.corp:5000', '*.corp', '*.gcr.io:443', '[::1]:5000', 'localhost', '10.0.0.1:5000'])('may be %s', (text) => {
    expect(registryHost.safeParse(text).success).toBe(true);
  });

  it.each(['', '*', '*.', '**.corp', 'a.*.corp', 'https://a', 'a/b', 'a b', 'a:0', 'a:70000', '*.1', '[x]:1', '*.[::1]', '-a.corp'])('is not %j', (text) => {
    expect(registryHost.safeParse(text).success).toBe(false);
  });
});

describe('an address to listen on', () => {
  it.each([
    ['127.0.0.1:0', '127.0.0.1', 0, true],
    ['127.9.9.9:1', '127.9.9.9', 1, true],
    ['localhost:8443', 'localhost', 8443, true],
    ['[::1]:8443', '::1', 8443, true],
    ['0.0.0.0:8443', '0.0.0.0', 8443, false],
    ['[::]:8443', '::', 8443, false],
    ['127.0.0.1.corp:8443', '127.0.0.1.corp', 8443, false],
  ])('%s', (text, expectedHost, port, loopback) => {
    const address = listenAddress.parse(text);
    expect(address).toEqual({ host: expectedHost, port });
    expect(isLoopback(address)).toBe(loopback);
  });

  it('of any text is an address or a fault', () => {
    fc.assert(
      fc.property(fc.string(), (text) => {
        const read = listenAddress.safeParse(text);
        expect(!read.success || read.data.port <= 65_535).toBe(true);
      }),
    );
  });
});

describe('a list of kinds', () => {
  const loose = z.object({ file: z.string(), depth: z.number().default(3) });
  const entry = kinded('store', { loose: { settings: loose } }, { name: z.string() }, ['gone']);

  it('gives an entry its common keys, its kind and what the kind brings', () => {
    expect(entry.parse({ name: 'a', kind: 'loose', file: 'f' })).toEqual({ name: 'a', kind: 'loose', file: 'f', depth: 3 });
  });

  it('refuses keys that nobody knows, even where the kind itself would not', () => {
    const read = entry.safeParse({ name: 'a', kind: 'loose', file: 'f', fiel: 'g' });
    expect(read.error?.issues).toEqual([expect.objectContaining({ code: 'unrecognized_keys', keys: ['fiel'] })]);
  });

  it.each([null, [], 'loose', { kind: 1 }, { kind: 'gone' }, { kind: 'toString' }, { kind: '__proto__' }])('refuses %j', (value) => {
    expect(entry.safeParse(value).success).toBe(false);
  });
});

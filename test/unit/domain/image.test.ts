import { parseFamiliarName } from '@swimlane/docker-reference';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { formatReference, type ImageReference, isPinned, parseReference, parseRepository, repositoryName } from '../../../src/domain/image.ts';

const digest = `sha256:${'ab'.repeat(32)}`;
const sha512 = `sha512:${'cd'.repeat(64)}`;

function parsed(text: string): ImageReference {
  const outcome = parseReference(text);
  if (!outcome.ok) throw new Error(`${text}: ${outcome.fault.message}`);
  return outcome.value;
}

describe('an image reference is refused', () => {
  it.each([
    ['when it is empty', ''],
    ['when it is blank', ' '],
    ['with a space around it', ' nginx'],
    ['with a line break in it', 'nginx\n'],
    ['with a terminal escape in it', 'nginx\u001b[2J'],
    ['with a NUL in it', 'nginx\u0000'],
    ['when it is a URL', 'https://docker.io/nginx'],
    ['when it has user and password', 'user:secret@registry.corp/app'],
    ['with a query', 'registry.corp/app?x=1'],
    ['with a fragment', 'registry.corp/app#x'],
    ['with an escape', 'registry.corp/%61pp'],
    ['when it climbs up', 'registry.corp/../app'],
    ['when it climbs up inside', 'registry.corp/a/../b'],
    ['with an empty segment', 'registry.corp//app'],
    ['with a slash at its end', 'registry.corp/app/'],
    ['with a slash at its beginning', '/app'],
    ['with a backslash', 'registry.corp\\app'],
    ['in upper case', 'registry.corp/App'],
    ['as a short name in upper case', 'Nginx'],
    ['with letters that look Latin', 'ngіnx'],
    ['with a tag that is empty', 'nginx:'],
    ['with a tag that is too long', `nginx:${'a'.repeat(129)}`],
    ['with a tag that begins with a dash', 'nginx:-a'],
    ['with two tags', 'nginx:1:2'],
    ['with a digest that is empty', 'nginx@'],
    ['with a digest that is too short', 'nginx@sha256:abcd'],
    ['with a digest in upper case', `nginx@sha256:${'AB'.repeat(32)}`],
    ['with two digests', `nginx@${digest}@${digest}`],
    ['with a tag behind its digest', `nginx@${digest}:1`],
    ['with a digest of an algorithm that nobody should pin by', `nginx@md5:${'a'.repeat(32)}`],
    ['with a digest whose algorithm is the name of a property of objects', `nginx@constructor:${'a'.repeat(64)}`],
    ['when it is only a digest', `@${digest}`],
    ['when it is an image ID', 'a'.repeat(64)],
    ['with three dots in a row', 'registry.corp/a..b'],
    ['with a registry that has an empty label', 'registry..corp/app'],
    ['with a registry that begins with a dash', '-registry.corp/app'],
    ['with a port that is no number', 'registry.corp:http/app'],
    ['when it is longer than any reference can be', `registry.corp/${'a'.repeat(600)}`],
  ])('%s', (_, text) => {
    expect(parseReference(text)).toMatchObject({ ok: false, fault: { code: 'REFERENCE_INVALID', transient: false } });
  });

  it.each([
    ['a Docker Hub user in upper case', 'Acme/app'],
    ['a hexadecimal address', '0x7f.0.0.1/app'],
    ['an address in one number', '2130706433:5000/app'],
    ['an address with a part left out', '127.1/app'],
    ['an address in octal', '0177.0.0.1/app'],
    ['a port with a zero before it', 'registry.corp:05000/app'],
    ['a port that does not exist', 'registry.corp:99999/app'],
    ['an IPv6 address in another than its short form', '[0:0:0:0:0:0:0:1]:5000/app'],
    ['an IPv6 address in upper case and with a zero too many', '[2001:0DB8::1]/app'],
    ['brackets around no address', '[:::]/app'],
  ])('when its registry would be read as another host further on: %s', (_, text) => {
    expect(parseReference(text)).toMatchObject({ ok: false, fault: { message: expect.stringContaining('registry') } });
  });

  it('without repeating what was written', () => {
    const outcome = parseReference('nginx:\u202esecret');
    expect(JSON.stringify(outcome)).not.toContain('secret');
  });
});

describe('an image reference is read', () => {
  it.each([
    ['nginx', 'docker.io/library/nginx:latest'],
    ['nginx:1.27', 'docker.io/library/nginx:1.27'],
    ['acme/app', 'docker.io/acme/app:latest'],
    ['docker.io/nginx', 'docker.io/library/nginx:latest'],
    ['docker.io/library/nginx', 'docker.io/library/nginx:latest'],
    ['index.docker.io/nginx', 'docker.io/library/nginx:latest'],
    ['DOCKER.IO/nginx', 'docker.io/library/nginx:latest'],
    ['localhost/app', 'localhost/app:latest'],
    ['localhost:5000/app', 'localhost:5000/app:latest'],
    ['registry:5000/app', 'registry:5000/app:latest'],
    ['registry.corp/app', 'registry.corp/app:latest'],
    ['Registry.Corp/a/b/c:V1', 'registry.corp/a/b/c:V1'],
    ['127.0.0.1:5000/app', '127.0.0.1:5000/app:latest'],
    ['[::1]:5000/app', '[::1]:5000/app:latest'],
    ['[2001:db8::1]/app', '[2001:db8::1]/app:latest'],
    ['registry.corp:80/app', 'registry.corp:80/app:latest'],
    ['registry.corp:443/app', 'registry.corp:443/app:latest'],
    ['a__b/c---d/e.f_g', 'docker.io/a__b/c---d/e.f_g:latest'],
    [`nginx@${digest}`, `docker.io/library/nginx@${digest}`],
    [`nginx:1.27@${digest}`, `docker.io/library/nginx:1.27@${digest}`],
    [`nginx@${sha512}`, `docker.io/library/nginx@${sha512}`],
    ['registry.corp/name.with.dots:tag_with-all.kinds', 'registry.corp/name.with.dots:tag_with-all.kinds'],
  ])('%s is %s', (text, whole) => {
    expect(formatReference(parsed(text))).toBe(whole);
  });

  it('with a digest and no tag as having no tag: what is pulled is the digest', () => {
    expect(parsed(`nginx@${digest}`)).toEqual({ registry: 'docker.io', repository: 'library/nginx', tag: null, digest });
  });

  it('as pinned only when it has a digest', () => {
    expect(isPinned(parsed('nginx:1.27'))).toBe(false);
    expect(isPinned(parsed(`nginx:1.27@${digest}`))).toBe(true);
  });

  it('up to the longest that there can be', () => {
    const name = `registry.corp/${'a'.repeat(255 - 'registry.corp/'.length)}`;
    const longest = `${name}:${'t'.repeat(128)}@${sha512}`;
    expect(formatReference(parsed(longest))).toBe(longest);
    expect(parseReference(`${name}a`)).toMatchObject({ ok: false });
  });
});

const hosts = fc.constantFrom(
  'docker.io',
  'index.docker.io',
  'ghcr.io',
  'Registry.Corp:5000',
  'localhost',
  'localhost:5000',
  '127.0.0.1:5000',
  '[::1]',
  'a',
  'x-y.z',
);
const segment = fc.stringMatching(/^[a-z0-9]{1,6}(?:(?:\.|_|__|-{1,3})[a-z0-9]{1,4}){0,2}$/);
const wellFormed = fc
  .record({
    host: fc.option(hosts),
    path: fc.array(segment, { minLength: 1, maxLength: 4 }),
    tag: fc.option(fc.stringMatching(/^[A-Za-z0-9_][A-Za-z0-9_.-]{0,20}$/)),
    digest: fc.option(fc.constant(digest)),
  })
  .map(({ host, path, tag, digest: d }) => {
    // A first segment with a dot would be a host.
    const name = host === null ? path.map((part, i) => (i === 0 ? part.replaceAll('.', '_') : part)).join('/') : `${host}/${path.join('/')}`;
    return `${name}${tag === null ? '' : `:${tag}`}${d === null ? '' : `@${d}`}`;
  });
/** Things that look nearly like references. */
const nearly = fc
  .array(fc.oneof(wellFormed, fc.constantFrom('/', ':', '@', '.', '..', '[', ']', 'A', digest, ' ', '\u202e', '%2f', 'sha256:')), { maxLength: 4 })
  .map((parts) => parts.join(''));

describe('for any text', () => {
  it('what is read is read the same when written out', () => {
    fc.assert(
      fc.property(fc.oneof(wellFormed, nearly), (text) => {
        const first = parseReference(text);
        if (!first.ok) return;
        expect(parseReference(formatReference(first.value))).toEqual(first);
        expect(parseRepository(repositoryName(first.value))).toEqual({
          ok: true,
          value: { registry: first.value.registry, repository: first.value.repository },
        });
      }),
      { numRuns: 2_000 },
    );
  });

  it('reading ends with a reference or a fault, and never throws', () => {
    fc.assert(fc.property(fc.oneof(fc.string({ unit: 'binary', maxLength: 700 }), nearly), (text) => typeof parseReference(text).ok === 'boolean'));
  });

  it('the registry is one whose address is what is written', () => {
    fc.assert(
      fc.property(fc.oneof(wellFormed, nearly), (text) => {
        const outcome = parseReference(text);
        if (outcome.ok) expect(new URL(`ws://${outcome.value.registry}/`).host).toBe(outcome.value.registry.replace(/:80$/, ''));
      }),
    );
  });
});

describe('beside another reader of Docker references', () => {
  /** What the other reader says, in our words; null when it refuses. */
  const theirs = (text: string): string | null => {
    try {
      const { domain, repository, tag, digest: d } = parseFamiliarName(text);
      return `${domain}/${repository}${tag === undefined ? '' : `:${tag}`}${d === undefined ? '' : `@${d}`}`;
    } catch {
      return null;
    }
  };
  const ours = (text: string): string | null => {
    const outcome = parseReference(text);
    return outcome.ok ? formatReference(outcome.value) : null;
  };
  /** `latest` is made explicit by us, and by Docker only when it pulls. */
  const explicit = (text: string | null): string | null => (text === null || text.includes('@') || /:[^/]+$/.test(text) ? text : `${text}:latest`);

  it('says the same of what is well formed, except that a registry is lower-cased and IPv6 is read', () => {
    fc.assert(
      fc.property(
        wellFormed.filter((text) => !text.includes('[') && !text.includes('Registry')),
        (text) => {
          expect(ours(text)).toBe(explicit(theirs(text)));
        },
      ),
      { numRuns: 2_000 },
    );
  });

  // On names that are longer and not well formed the other's expression takes exponential time: one reason to have our own.
  it('reads nothing that the other refuses', () => {
    const scraps = fc.array(fc.constantFrom('a', 'b', '1', '/', ':', '@', '.', '-', '_', 'A'), { maxLength: 7 }).map((parts) => parts.join(''));
    fc.assert(
      fc.property(scraps, (text) => theirs(text) !== null || ours(text) === null),
      { numRuns: 2_000 },
    );
  });

  it.each([
    ['IPv6 hosts, which Docker reads and the other does not', '[::1]:5000/app', '[::1]:5000/app:latest', null],
    ['two spellings of a host, which are one registry to us', 'Registry.Corp/app', 'registry.corp/app:latest', 'Registry.Corp/app'],
    ['a digest of an algorithm nobody pins by', `nginx@sha384:${'a'.repeat(96)}`, null, `docker.io/library/nginx@sha384:${'a'.repeat(96)}`],
    ['64 hexadecimal digits with a tag, too easily taken for an image ID', `${'a'.repeat(64)}:1`, null, `docker.io/library/${'a'.repeat(64)}:1`],
    ['a host that is read as another address', '127.1/app', null, '127.1/app'],
  ])('differs on purpose: %s', (_, text, we, they) => {
    expect(ours(text)).toBe(we);
    expect(theirs(text)).toBe(they);
  });
});

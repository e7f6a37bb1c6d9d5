import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { formatReference, type ImageReference, parseReference } from '../../../src/domain/image.ts';
import { compileMirrors, covers, type MirrorRule, type MirrorTable } from '../../../src/domain/mirror.ts';

function rule(source: string, locations: readonly string[], more: Partial<MirrorRule> = {}): MirrorRule {
  const targets = locations.map((location) => ({ location, pullSecret: null, region: null, trusted: false }));
  return { source, targets, exclude: [], required: false, evidence: 'source', ...more };
}

function table(...rules: readonly MirrorRule[]): MirrorTable {
  const compiled = compileMirrors(rules);
  if (!compiled.ok) throw new Error(compiled.fault.message);
  return compiled.value;
}

function reference(text: string): ImageReference {
  const parsed = parseReference(text);
  if (!parsed.ok) throw new Error(parsed.fault.message);
  return parsed.value;
}

const forward = (mirrors: MirrorTable, text: string): string[] => mirrors.forward(reference(text)).map((place) => formatReference(place.reference));
const backward = (mirrors: MirrorTable, text: string): string | null => {
  const origin = mirrors.backward(reference(text));
  return origin === null ? null : formatReference(origin.source);
};

describe('the order of targets', () => {
  const places = (region: string | null): string[] => {
    const targets = [
      { location: 'a.corp/hub', pullSecret: null, region: 'us-east-1', trusted: false },
      { location: 'b.corp/hub', pullSecret: null, region: null, trusted: false },
      { location: 'c.corp/hub', pullSecret: null, region: 'eu-west-1', trusted: false },
    ];
    const compiled = compileMirrors([{ ...rule('docker.io', []), targets }], region);
    return compiled.ok ? compiled.value.forward(reference('nginx:1')).map(({ target }) => target.location) : [];
  };

  it('is as written where the cluster has no region', () => {
    expect(places(null)).toEqual(['a.corp/hub', 'b.corp/hub', 'c.corp/hub']);
  });

  it('begins with the own region, then goes on with those of none', () => {
    expect(places('eu-west-1')).toEqual(['c.corp/hub', 'b.corp/hub', 'a.corp/hub']);
    expect(places('us-east-1')).toEqual(['a.corp/hub', 'b.corp/hub', 'c.corp/hub']);
    expect(places('ap-south-1')).toEqual(['b.corp/hub', 'a.corp/hub', 'c.corp/hub']);
  });
});

describe('mirror rules are refused', () => {
  it.each([
    ['when a source has two rules', [rule('docker.io', ['a.corp/x']), rule('docker.io', ['b.corp/x'])], 'the source docker.io has two rules'],
    ['when two sources share a location', [rule('docker.io', ['a.corp/x']), rule('quay.io', ['a.corp/x'])], 'a.corp/x and a.corp/x overlap'],
    ['when a location lies inside another', [rule('docker.io', ['a.corp/x']), rule('quay.io', ['a.corp/x/quay'])], 'a.corp/x and a.corp/x/quay overlap'],
    ['when two targets of one rule overlap', [rule('docker.io', ['a.corp', 'a.corp/y'])], 'a.corp and a.corp/y overlap'],
    ['when a location is a source', [rule('docker.io', ['quay.io/x']), rule('quay.io', ['a.corp/x'])], 'quay.io/x and the source quay.io overlap'],
    ['when a source lies inside a location', [rule('docker.io', ['a.corp']), rule('a.corp/acme', ['b.corp/x'])], 'a.corp and the source a.corp/acme overlap'],
    ['when a rule would rewrite what it wrote', [rule('docker.io', ['docker.io/mirror'])], 'docker.io/mirror and the source docker.io overlap'],
    ['when a location has no room for one whole repository', [rule('quay.io/acme', ['a.corp'])], 'a.corp needs a path'],
    ['when names below a location would be read as library/ ones', [rule('quay.io', ['docker.io'])], 'docker.io can not hold the images'],
    ['when a location is no registry', [rule('quay.io', ['mirror'])], 'the mirror location mirror'],
    ['when a source is in upper case', [rule('Quay.io', ['a.corp/x'])], 'the source Quay.io'],
    ['when a source is empty', [rule('', ['a.corp/x'])], 'the source '],
    ['when a source ends with a slash', [rule('quay.io/', ['a.corp/x'])], 'the source quay.io/'],
  ])('%s', (_, rules, message) => {
    expect(compileMirrors(rules)).toMatchObject({ ok: false, fault: { code: 'CONFIG_INVALID', message: expect.stringContaining(message) } });
  });

  it('naming every fault at once', () => {
    const compiled = compileMirrors([rule('docker.io', ['a.corp/x', 'a.corp/x/y']), rule('quay.io', ['a.corp/x'])]);
    expect(compiled.ok ? [] : compiled.fault.message.split('; ')).toHaveLength(3);
  });
});

describe('an image is not rewritten', () => {
  const mirrors = table(rule('docker.io', ['harbor.corp/hub'], { exclude: ['docker.io/library/scratch-*'] }), rule('quay.io/acme', ['harbor.corp/acme']));

  it.each([
    ['when no rule covers it', 'ghcr.io/acme/app'],
    ['when its registry only begins like a source', 'docker.io.evil.example/app'],
    ['when its path only begins like a source', 'quay.io/acme-evil/app'],
    ['when it lies above a source', 'quay.io/other'],
    ['when it is excluded', 'scratch-base:1'],
    ['when it is in the mirror already', 'harbor.corp/hub/library/nginx'],
  ])('%s', (_, text) => {
    expect(forward(mirrors, text)).toEqual([]);
  });

  it('into a name that is too long to be one', () => {
    expect(forward(table(rule('docker.io', [`harbor.corp/${'deep/'.repeat(10)}x`])), `acme/${'a'.repeat(220)}`)).toEqual([]);
  });
});

describe('an image is rewritten', () => {
  it('under the location, with tag and digest kept', () => {
    const digest = `sha256:${'a'.repeat(64)}`;
    expect(forward(table(rule('docker.io', ['harbor.corp/hub'])), `nginx:1.27@${digest}`)).toEqual([`harbor.corp/hub/library/nginx:1.27@${digest}`]);
  });

  it('to every target of its rule, in their order', () => {
    expect(forward(table(rule('docker.io', ['b.corp/hub', 'a.corp/hub'])), 'acme/app:1')).toEqual(['b.corp/hub/acme/app:1', 'a.corp/hub/acme/app:1']);
  });

  it('by the longest source, wherever it stands', () => {
    const mirrors = table(rule('docker.io', ['a.corp/hub']), rule('docker.io/library/nginx', ['a.corp/nginx']), rule('docker.io/library', ['a.corp/official']));
    expect(forward(mirrors, 'nginx:1')).toEqual(['a.corp/nginx:1']);
    expect(forward(mirrors, 'redis:1')).toEqual(['a.corp/official/redis:1']);
    expect(forward(mirrors, 'acme/app:1')).toEqual(['a.corp/hub/acme/app:1']);
  });

  it('not by a shorter rule when the longest excludes it: excluded images stay where they are', () => {
    const mirrors = table(rule('docker.io', ['a.corp/hub']), rule('docker.io/acme', ['a.corp/acme'], { exclude: ['docker.io/acme/secret'] }));
    expect(forward(mirrors, 'acme/secret')).toEqual([]);
  });
});

describe('what stands in a mirror', () => {
  const mirrors = table(
    rule('docker.io', ['harbor.corp/hub', 'backup.corp'], { exclude: ['docker.io/acme/secret'] }),
    rule('docker.io/library', ['harbor.corp/official']),
    rule('quay.io/one/app', ['harbor.corp/app']),
  );

  it.each([
    ['harbor.corp/hub/acme/app:1', 'docker.io/acme/app:1'],
    ['backup.corp/acme/app:1', 'docker.io/acme/app:1'],
    ['harbor.corp/official/nginx:1', 'docker.io/library/nginx:1'],
    ['harbor.corp/app:1', 'quay.io/one/app:1'],
  ])('%s is %s', (physical, logical) => {
    expect(backward(mirrors, physical)).toBe(logical);
  });

  it.each([
    ['lies outside', 'harbor.corp/other/app'],
    ['only begins like a location', 'harbor.corp/hub-evil/acme/app'],
    ['only begins like a registry', 'backup.corp.evil.example/acme/app'],
    ['a longer rule would have put elsewhere', 'harbor.corp/hub/library/nginx'],
    ['an exclusion keeps out', 'harbor.corp/hub/acme/secret'],
    ['would be a name that is read as another', 'harbor.corp/hub/nginx'],
    ['is the location itself', 'harbor.corp/hub'],
    ['is the source itself', 'docker.io/acme/app'],
  ])('is only itself when it %s', (_, text) => {
    expect(backward(mirrors, text)).toBeNull();
  });
});

describe('for any rules and any image', () => {
  const prefixes = [
    'docker.io',
    'docker.io/library',
    'docker.io/acme',
    'docker.io/library/nginx',
    'quay.io',
    'quay.io/acme',
    'm.corp',
    'm.corp/a',
    'm.corp/a/b',
    'n.corp',
    'n.corp/x',
  ];
  const rules = fc.array(
    fc
      .record({
        source: fc.constantFrom(...prefixes),
        locations: fc.uniqueArray(fc.constantFrom(...prefixes), { minLength: 1, maxLength: 2 }),
        exclude: fc.array(fc.constantFrom('docker.io/library/*', 'docker.io/acme/**', '**/app', 'quay.io/**'), { maxLength: 1 }),
      })
      .map(({ source, locations, exclude }) => rule(source, locations, { exclude })),
    { minLength: 1, maxLength: 3 },
  );
  const images = fc
    .tuple(fc.constantFrom(...prefixes), fc.constantFrom('', '/app', '/nginx', '/library/nginx', '/acme/app', '/a/b/app', '/b/library'))
    .map(([prefix, rest]) => parseReference(`${prefix}${rest}:1`))
    .filter((outcome) => outcome.ok)
    .map((outcome) => outcome.value);

  it('backwards undoes forwards, and what was rewritten is not rewritten again', () => {
    fc.assert(
      fc.property(rules, images, (some, image) => {
        const compiled = compileMirrors(some);
        if (!compiled.ok) return;
        for (const place of compiled.value.forward(image)) {
          expect(compiled.value.backward(place.reference)).toEqual({ rule: place.rule, target: place.target, source: image });
          expect(compiled.value.forward(place.reference)).toEqual([]);
          expect(parseReference(formatReference(place.reference))).toEqual({ ok: true, value: place.reference });
        }
      }),
      { numRuns: 3_000 },
    );
  });

  it('forwards undoes backwards', () => {
    fc.assert(
      fc.property(rules, images, (some, image) => {
        const compiled = compileMirrors(some);
        const origin = compiled.ok ? compiled.value.backward(image) : null;
        if (!compiled.ok || origin === null) return;
        expect(compiled.value.forward(origin.source).map((place) => place.reference)).toContainEqual(image);
      }),
      { numRuns: 3_000 },
    );
  });

  it('the rules that are tried are not all refused', () => {
    const accepted = fc.sample(rules, 500).filter((some) => compileMirrors(some).ok);
    expect(accepted.length).toBeGreaterThan(50);
  });
});

describe('a prefix', () => {
  it('covers at path boundaries only', () => {
    expect(covers('quay.io/acme', 'quay.io/acme')).toBe(true);
    expect(covers('quay.io/acme', 'quay.io/acme/app')).toBe(true);
    expect(covers('quay.io/acme', 'quay.io/acme2')).toBe(false);
    expect(covers('quay.io/acme', 'quay.io')).toBe(false);
  });
});

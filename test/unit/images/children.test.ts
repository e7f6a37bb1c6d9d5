import { describe, expect, it } from 'vitest';
import type { Descriptor } from '../../../src/domain/registry.ts';
import { chooseChildren } from '../../../src/images/children.ts';
import { isPlain, matchesPlatform, normalisePlatform } from '../../../src/images/platformName.ts';
import { digestOf } from '../parts.ts';

/** `content=platform`, or the content alone for a child without a platform. */
function child(written: string): Descriptor {
  const [content = '', platform = null] = written.split('=');
  return { mediaType: 'application/vnd.oci.image.manifest.v1+json', digest: digestOf(content), size: 1, artifactType: null, annotations: {}, platform };
}

function choose(wanted: string, ...children: readonly string[]) {
  const outcome = chooseChildren(children.map(child), wanted.split(' '));
  return outcome.ok ? outcome.value.map(({ platform }) => platform) : `${outcome.fault.code}: ${outcome.fault.message}`;
}

describe('an index is refused', () => {
  it.each(['linux/amd64', 'linux/x86_64', 'Linux/AMD64', 'linux/amd64/v1', 'LINUX/x86-64'])('when two images are for amd64, one as %s', (name) => {
    expect(choose('linux/amd64', `evil=${name}`, 'clean=linux/amd64')).toMatch(/^MANIFEST_INVALID: .*two different images for linux\/amd64/);
    expect(choose('linux/amd64', 'clean=linux/amd64', `evil=${name}`)).toMatch(/^MANIFEST_INVALID/);
  });

  it.each([
    ['linux/arm64/v8', 'linux/aarch64'],
    ['linux/arm', 'linux/armhf'],
    ['linux/arm/v6', 'linux/armel'],
    ['linux/arm/7', 'linux/arm'],
  ])('when two images are for one ARM, as %s and %s', (one, other) => {
    expect(choose('linux/arm64 linux/arm', `evil=${one}`, `clean=${other}`)).toMatch(/^MANIFEST_INVALID/);
  });

  it('when it has none that is wanted, though one is without a platform', () => {
    expect(choose('linux/amd64', 'a=linux/s390x', 'b')).toBe('MANIFEST_INVALID: the index has no image for linux/amd64; it has linux/s390x');
    expect(choose('linux/amd64', 'a', 'b=unknown/unknown')).toMatch(/it has none with a platform$/);
  });

  it.each(['linux/amd64/v2', 'linux/x86_64', 'linux(+erofs)/amd64'])('when one without a platform may run where only %s is named', (name) => {
    expect(choose('linux/amd64', `clean=${name}`, 'evil')).toMatch(/^MANIFEST_INVALID: .*without a platform, which a runtime may take for linux\/amd64/);
  });

  it('when more images match than are read', () => {
    const variants = Array.from({ length: 17 }, (_, i) => `c${i}=linux/amd64/v${i + 2}`);
    expect(choose('linux/amd64', 'c=linux/amd64', ...variants)).toMatch(/^LIMIT_EXCEEDED/);
  });
});

describe('of an index are chosen', () => {
  it('all variants of a wanted platform, and nothing else', () => {
    expect(choose('linux/amd64', 'a=linux/amd64', 'b=linux/amd64/v3', 'c=linux/arm64', 'd=unknown/unknown', 'e=linux/386')).toEqual([
      'linux/amd64',
      'linux/amd64/v3',
    ]);
  });

  it('not the child without a platform, where one is plainly named', () => expect(choose('linux/amd64', 'a', 'b=linux/amd64')).toEqual(['linux/amd64']));

  it('one child once, though it is named twice', () => expect(choose('linux/amd64', 'a=linux/amd64', 'a=linux/x86_64')).toEqual(['linux/amd64']));

  it('the name as it is written', () => expect(choose('linux/amd64', 'a=Linux/X86_64')).toEqual(['Linux/X86_64']));

  it('what a runtime falls back to where nothing plain is there', () => {
    expect(choose('linux/amd64', 'a=linux/amd64/v2', 'b=linux/386')).toEqual(['linux/amd64/v2', 'linux/386']);
    expect(choose('linux/amd64 linux/arm64', 'a=linux/amd64', 'b=linux/arm/v7')).toEqual(['linux/amd64', 'linux/arm/v7']);
  });

  it('the images for all versions of Windows', () => {
    expect(choose('windows/amd64', 'a=windows/amd64', 'b=windows/amd64')).toEqual(['windows/amd64', 'windows/amd64']);
  });

  it('an image that asks for a feature beside the one that does not', () => {
    expect(choose('linux/amd64', 'a=linux/amd64', 'b=linux(+erofs)/amd64')).toEqual(['linux/amd64', 'linux(+erofs)/amd64']);
  });
});

describe('a platform', () => {
  it.each([
    ['linux/amd64/v1', 'linux/amd64'],
    ['linux/amd64/v2', 'linux/amd64/v2'],
    ['linux/x86-64/V3', 'linux/amd64/v3'],
    ['linux/aarch64/8', 'linux/arm64'],
    ['linux/arm64/9.0', 'linux/arm64/v9'],
    ['linux/i386/x', 'linux/386'],
    ['linux/armhf/v5', 'linux/arm/v7'],
    ['linux/armel', 'linux/arm/v6'],
    ['linux/arm', 'linux/arm/v7'],
    ['macOS/ARM64', 'darwin/arm64'],
    ['linux/riscv64', 'linux/riscv64'],
  ])('%s is %s for containerd', (written, normal) => expect(normalisePlatform(written)).toBe(normal));

  it('that is wanted is normalised too', () => {
    expect(matchesPlatform('linux/x86_64', 'linux/amd64/v2')).toBe(true);
    expect(matchesPlatform('linux/arm/v7', 'linux/arm')).toBe(true);
    expect(matchesPlatform('linux/arm/v7', 'linux/arm/v6')).toBe(false);
    expect(matchesPlatform('linux/arm64/v9', 'linux/arm64/v8')).toBe(true);
    expect(matchesPlatform('linux/amd64', 'linux/386')).toBe(false);
    expect(matchesPlatform('linux/amd64', 'windows/amd64')).toBe(false);
    expect(isPlain('linux/arm64', 'linux/arm64/v8')).toBe(true);
    expect(isPlain('linux/amd64/v2', 'linux/amd64/v2')).toBe(false);
  });
});

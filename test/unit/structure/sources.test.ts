import { execFileSync } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { readSources, root, type SourceFile } from './tree.ts';

const sources = readSources('src');
const everything = readSources('src', 'test', 'tools').filter(({ path }) => !path.startsWith('test/unit/structure/'));

/** `path:line` of every line that a pattern matches. */
function places(files: readonly SourceFile[], pattern: RegExp): string[] {
  return files.flatMap(({ path, text }) => text.split('\n').flatMap((line, i) => (pattern.test(line) ? [`${path}:${i + 1}: ${line.trim()}`] : [])));
}

/** A line without its comment, so that prose may use any word. */
function code(files: readonly SourceFile[]): SourceFile[] {
  return files.map(({ path, text }) => ({
    path,
    text: text
      .split('\n')
      .map((line) => line.replace(/^\s*(?:\/\/|\/\*\*?|\*).*$/, '').replace(/\s\/\/ .*$/, ''))
      .join('\n'),
  }));
}

describe('the sources', () => {
  it('are there', () => {
    expect(sources.length).toBeGreaterThan(20);
  });

  it('end the process in main.ts alone', () => {
    const others = code(sources).filter(({ path }) => path !== 'src/main.ts');
    expect(places(others, /\bprocess\.(?:exit|abort|reallyExit)\b|\bprocess\[['"]exit/)).toEqual([]);
  });

  it('leave nothing to be done later', () => {
    expect(places(everything, /\b(?:TODO|FIXME|XXX|HACK)\b/)).toEqual([]);
  });

  it('silence no checker', () => {
    expect(places(everything, /@ts-(?:ignore|nocheck|expect-error)|biome-ignore-all/)).toEqual([]);
  });

  it('have no any, no non-null assertion', () => {
    expect(places(code(sources), /[:<(,|&]\s*any\b(?!\w|\s*\()(?=\s*[[\]>),;=|&{]|$)|\bas any\b/)).toEqual([]);
    expect(places(code(sources), /[\w)\]]!(?:\.|\[|\)|;|,)/)).toEqual([]);
  });

  it('need no build: only types are erased', () => {
    expect(places(code(sources), /^\s*(?:export )?(?:const )?(?:enum|namespace) \w/)).toEqual([]);
  });

  it('are short, nine files in ten', () => {
    const lengths = sources.map(({ path, text }) => ({ path, lines: text.split('\n').length }));
    expect(lengths.filter(({ lines }) => lines > 400)).toEqual([]);
    expect(lengths.filter(({ lines }) => lines > 250).length).toBeLessThanOrEqual(Math.floor(lengths.length / 10));
  });
});

describe('the repository', () => {
  const listed = execFileSync('git', ['ls-files', '--cached', '--others', '--exclude-standard'], { cwd: root, encoding: 'utf8' }).split('\n');
  const texts = listed
    .filter((path) => /\.(?:ts|mjs|json|md|ya?ml|rego|go|sh|mod|toml)$|(?:^|\/)(?:Makefile|Dockerfile|run)$/.test(path))
    .filter((path) => !/(?:^|\/)(?:testdata|fixtures)\//.test(path) && !path.startsWith('test/unit/structure/'))
    .flatMap((path) => {
      try {
        return [{ path, text: readFileSync(join(root, path), 'utf8') }];
      } catch {
        // Deleted in the working tree.
        return [];
      }
    });

  it('names no place of the machine it was written on', () => {
    expect(places(texts, /(?:^|[\s'"`(=])\/(?:home|root|Users|work)\/\w/)).toEqual([]);
  });

  it('names no registry that its packages came from', () => {
    const hosts = [...readFileSync(join(root, 'package-lock.json'), 'utf8').matchAll(/"resolved": "https?:\/\/([^/"]+)\//g)].map(([, host]) => host);
    expect([...new Set(hosts)]).toEqual([]);
  });

  it('holds no private key outside of what the tests make', () => {
    expect(places(texts, /^-----BEGIN (?:[A-Z]+ )*PRIVATE KEY-----$/)).toEqual([]);
  });
});

import { readFile } from 'node:fs/promises';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { parseAllDocuments } from 'yaml';
import { openTestDesk, type TestDesk } from './desk.ts';

const guide = await readFile(new URL('../../../docs/guides/policy-ci.md', import.meta.url), 'utf8');
const blocks = [...guide.matchAll(/^```(\w+)\n(.*?)^```$/gms)].map(([, language = '', text = '']) => ({ language, text }));

let desk: TestDesk;
beforeAll(async () => {
  desk = await openTestDesk();
});
afterAll(() => desk.remove());

describe('docs/guides/policy-ci.md', () => {
  it('has steps that are YAML', () => {
    const yaml = blocks.filter(({ language }) => language === 'yaml');
    expect(yaml.length).toBe(3);
    for (const { text } of yaml) for (const document of parseAllDocuments(text)) expect('errors' in document ? document.errors : []).toEqual([]);
  });

  it('calls commands that there are, with options that there are', async () => {
    const calls = [...guide.matchAll(/(?:tidewaiter|\$TIDEWAITER) policy (\w+)([^`'\n>]*)/g)].map(([, command = '', rest = '']) => ({
      command,
      options: rest.match(/--[a-z]+/g) ?? [],
    }));
    expect(calls.length).toBeGreaterThan(6);
    for (const { command, options } of calls) {
      const { code, out } = await desk.run(['policy', command, '--help']);
      expect(code).toBe(0);
      for (const option of options) expect(out).toContain(option);
    }
  });
});

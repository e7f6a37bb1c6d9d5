import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { version } from '../../../src/version.ts';
import { openTestDesk, type TestDesk } from './desk.ts';

let desk: TestDesk;
beforeAll(async () => {
  desk = await openTestDesk();
});
afterAll(() => desk.remove());

describe('wrong usage is exit code 2, said on stderr alone:', () => {
  it.each([
    ['an unknown command', ['chek'], /unknown command 'chek'\n\(Did you mean check\?\)/],
    ['an unknown option', ['check', '--outptu', 'json', 'a.yaml'], /unknown option '--outptu'/],
    ['a form that is none', ['check', '-o', 'xml', 'a.yaml'], /Allowed choices are text, json, sarif, junit/],
    ['a namespace that is none', ['check', '-n', 'A b', 'a.yaml'], /no name of a namespace/],
    ['no manifest', ['check'], /missing required argument 'files'/],
    ['no image', ['verify'], /missing required argument 'image'/],
    ['an argument too many', ['config', 'schema', 'x'], /too many arguments/],
    ['half a command', ['policy'], /Usage: tidewaiter policy/],
    ['nothing at all', [], /Usage: tidewaiter/],
  ])('%s', async (_what, argv, message) => {
    expect(await desk.run(argv)).toMatchObject({ code: 2, out: '', err: expect.stringMatching(message) });
  });
});

describe('help', () => {
  it.each(
    [
      [],
      ['serve'],
      ['check'],
      ['verify'],
      ['policy', 'check'],
      ['policy', 'test'],
      ['policy', 'eval'],
      ['policy', 'explain'],
      ['policy', 'build'],
      ['policy', 'schema'],
      ['exceptions', 'list'],
      ['exceptions', 'check'],
      ['exceptions', 'approve'],
      ['breakglass'],
      ['config', 'check'],
      ['config', 'schema'],
    ].map((command) => [command.join(' '), command]),
  )('of "%s" goes to stdout, and teaches by example', async (_name, command) => {
    const { code, out, err } = await desk.run([...command, '--help']);
    expect({ code, err }).toEqual({ code: 0, err: '' });
    expect(out).toContain('Examples:');
    expect(out).toMatch(/\$ (kustomize.*)?tidewaiter /);
  });

  it('lists every command, and what exit codes mean', async () => {
    const { out } = await desk.run(['--help']);
    for (const word of ['serve', 'check', 'verify', 'policy', 'exceptions', 'breakglass', 'config', 'Exit codes']) expect(out).toContain(word);
  });

  it('is not needed to learn the version', async () => {
    expect(await desk.run(['--version'])).toMatchObject({ code: 0, out: `${version}\n` });
  });
});

it('an unexpected error is exit code 2 with a sentence, not a stack', async () => {
  const create = async (): Promise<never> => {
    throw new Error('broken \u001b[31mpart');
  };
  const { code, err } = await desk.run(['verify', 'nginx'], { create });
  expect(code).toBe(2);
  expect(err).toBe('tidewaiter: an unexpected error: broken \\u{1b}[31mpart\n');
});

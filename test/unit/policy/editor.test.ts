import { cp, readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import { afterEach, describe, expect, it } from 'vitest';
import { z } from 'zod';
import { runOpa } from '../../../src/policy/opa.ts';
import { installTool } from '../../../tools/install.ts';
import { cleanUp, folderOf, unhurried } from './fixtures.ts';

afterEach(cleanUp);

const settingsForm = z.strictObject({
  'opa.roots': z.array(z.string()),
  'opa.bundleMode': z.boolean(),
  'opa.strictMode': z.boolean(),
  'opa.checkOnSave': z.literal(true),
  'opa.schema': z.string(),
});

/** `opa check` as the OPA extension of VS Code runs it with the settings of a workspace (https://github.com/open-policy-agent/vscode-opa). */
async function checkAsTheEditor(workspace: string) {
  const settings = settingsForm.parse(JSON.parse(await readFile(join(workspace, '.vscode/settings.json'), 'utf8')));
  const placed = (path: string): string => path.replace(/^\$\{workspaceFolder\}/, workspace);
  const args = [
    'check',
    ...(settings['opa.strictMode'] ? ['--strict'] : []),
    ...(settings['opa.bundleMode'] ? ['--bundle'] : []),
    `--schema=${placed(settings['opa.schema'])}`,
    ...settings['opa.roots'].map((root) => pathToFileURL(placed(root)).href),
  ];
  const run = await runOpa(await installTool('opa'), args, '/', unhurried);
  if (!run.ok) throw new Error(run.fault.message);
  return run.value;
}

describe('the editor settings that come with the policies', () => {
  it('find nothing wrong in the library and its tests', async () => {
    expect(await checkAsTheEditor(join(import.meta.dirname, '../../../policies'))).toMatchObject({ code: 0, stderr: '' });
  });

  it('name a field that the input does not have, at its place', async () => {
    const workspace = await folderOf({});
    await cp(join(import.meta.dirname, '../../../policies'), workspace, { recursive: true });
    await writeFile(join(workspace, 'blue.rego'), 'package policies.blue\n\ndeny contains "x" if input.review.nmspace == "blue"\n');
    const { code, stderr } = await checkAsTheEditor(workspace);
    expect(code).not.toBe(0);
    expect(stderr).toMatch(/blue\.rego:3: rego_type_error: undefined ref: input\.review\.nmspace/);
  });
});

it('the schema can be named in METADATA, for tools that go by those', async () => {
  const annotated =
    '# METADATA\n# schemas:\n#   - input: schema.input\npackage policies.blue\n\n# METADATA\n# scope: rule\n# schemas:\n#   - input: schema.input\ndeny contains "x" if input.review.nmspace == "blue"\n';
  const folder = await folderOf({ 'blue.rego': annotated });
  const schemas = join(import.meta.dirname, '../../../policies/schema');
  const run = await runOpa(await installTool('opa'), ['check', `--schema=${schemas}`, 'blue.rego'], folder, unhurried);
  expect(run).toMatchObject({ ok: true, value: { code: 1, stderr: expect.stringContaining('undefined ref: input.review.nmspace') } });
});

import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { beforeAll, describe, expect, it } from 'vitest';
import { parse } from 'yaml';
import type { Finding } from '../../../src/domain/decision.ts';
import type { JsonObject } from '../../../src/domain/json.ts';
import { policyExamples } from '../../../tools/policies/examples.ts';
import { type Judge, type LibraryPolicy, libraryFolder, openJudge, type Parameter, readLibrary } from '../../../tools/policies/library.ts';
import { policiesPage, writePolicyPage } from '../../../tools/policyDocs.ts';

// The library as it is shipped, in the engine that serve runs.

let judge: Judge;
let library: readonly LibraryPolicy[] = [];
const names = regoFiles().flatMap((file) => (file.includes('/') ? [] : [file.slice(0, -'.rego'.length)]));
const first = ['latest', 'pinned', 'registries', 'scanned', 'signed'];

beforeAll(async () => {
  [judge, library] = await Promise.all([openJudge(), readLibrary()]);
}, 180_000);

function regoFiles(): readonly string[] {
  return readdirSync(libraryFolder, { recursive: true, encoding: 'utf8' })
    .filter((file) => file.endsWith('.rego') && !file.endsWith('_test.rego'))
    .sort();
}

function exampleOf(name: string) {
  const example = policyExamples[name];
  if (example === undefined) throw new Error(`there is no example of ${name}`);
  return example;
}

const denials = (findings: readonly Finding[]) => findings.filter(({ effect }) => effect === 'deny');

describe.each(names)('%s', (name) => {
  it('lets its example pass', async () => {
    const { data, passes } = exampleOf(name);
    expect(denials(await judge.judge(name, data, passes))).toEqual([]);
  });

  it('denies its counter-example, once, with an id and what to do', async () => {
    const { data, denied } = exampleOf(name);
    const said = denials(await judge.judge(name, data, denied));
    expect(said).toHaveLength(1);
    expect(said[0]?.id).toMatch(/^[a-z-]+$/);
    expect(said[0]?.id).not.toBe('parameter');
    expect(said[0]?.remediation).not.toBeNull();
  });

  it('has METADATA with which it is shown, and a mode', () => {
    const policy = library.find((each) => each.name === name);
    expect(policy?.mode).toBe(first.includes(name) ? 'enforce' : 'off');
  });

  it('names each parameter that is of a wrong type', async () => {
    for (const { path, data } of wrongTypes(name)) {
      const said = denials(await judge.judge(name, data, exampleOf(name).passes));
      expect(
        said.filter(({ id, msg }) => id === 'parameter' && msg.startsWith(`data.config.${path} is -1.5, and must be `)),
        path,
      ).toHaveLength(1);
    }
  });

  it('names a parameter that it does not have, and one that is missing', async () => {
    const policy = library.find((each) => each.name === name);
    const parameters = policy?.parameters.filter(({ at }) => at === undefined) ?? [];
    if (parameters.length === 0) return;
    const strange = denials(await judge.judge(name, { [name]: { strange: 1 } }, exampleOf(name).passes)).map(({ msg }) => msg);
    expect(strange).toContain(`data.config.${name} has no parameter "strange"; it has ${parameters.map((parameter) => parameter.name).join(', ')}`);
    for (const { name: missing } of parameters.filter(({ required }) => required)) {
      expect(strange.filter((msg) => msg.startsWith(`data.config.${name}.${missing} is not set`))).toHaveLength(1);
    }
  });
});

interface WrongType {
  readonly path: string;
  readonly data: JsonObject;
}

/** Parameters of a policy, each with a value that fits no type. */
function wrongTypes(name: string): readonly WrongType[] {
  const parameters = library.find((each) => each.name === name)?.parameters ?? [];
  return parameters.flatMap((parameter): readonly WrongType[] => {
    if (parameter.at !== undefined) return [{ path: parameter.at.replace('data.config.', ''), data: { [parameter.name]: -1.5 } }];
    return [
      { path: `${name}.${parameter.name}`, data: { [name]: { [parameter.name]: -1.5 } } },
      ...(parameter.fields ?? []).map((field) => ({
        path: `${name}.${parameter.name}[0].${field.name}`,
        data: { [name]: { [parameter.name]: [{ [field.name]: -1.5 }] } },
      })),
    ];
  });
}

describe('the library', () => {
  it('describes each type as one that the checker of parameters knows', () => {
    const alone = '(?:text|number|boolean|duration|severity|one of [A-Za-z]+(?:, [A-Za-z]+)*)';
    const known = new RegExp(`^(?:${alone}|list of ${alone}|map from (?:text|severity) to ${alone})$`);
    const all = library.flatMap(({ parameters }) => parameters).flatMap((parameter: Parameter) => [parameter, ...(parameter.fields ?? [])]);
    for (const { name, type } of all.filter((each) => each.type !== 'list of objects')) expect(type, name).toMatch(known);
    for (const each of library.flatMap(({ parameters }) => parameters)) expect(each.type === 'list of objects', each.name).toBe(each.fields !== undefined);
  });

  it('has an example of each policy and of no other', () => {
    expect(Object.keys(policyExamples).sort()).toEqual([...names].sort());
    expect(library.map(({ name }) => name)).toEqual([...names].sort());
  });

  it('has tests for each of its files', () => {
    const all = readdirSync(libraryFolder, { recursive: true, encoding: 'utf8' });
    for (const file of regoFiles()) expect(all).toContain(file.replace('.rego', '_test.rego'));
  });

  it('is shipped whole in its ConfigMap', () => {
    const kustomization: unknown = parse(readFileSync(join(libraryFolder, 'kustomization.yaml'), 'utf8'));
    const listed = regoFiles().map((file) => (file.includes('/') ? `${file.replace('/', '-')}=${file}` : file));
    expect(kustomization).toMatchObject({ configMapGenerator: [{ files: expect.arrayContaining(listed) }] });
  });

  it('is described by docs/policies.md as it is (else run node tools/policyDocs.ts)', async () => {
    expect(readFileSync(policiesPage, 'utf8')).toBe(await writePolicyPage());
  });
});

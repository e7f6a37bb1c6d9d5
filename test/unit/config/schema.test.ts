import { readFile } from 'node:fs/promises';
import { describe, expect, it } from 'vitest';
import { configJsonSchema } from '../../../src/config/index.ts';
import { knownKeys } from '../../../src/config/jsonSchema.ts';
import { parseConfig } from '../../../src/config/parse.ts';
import { isObject, property } from '../../../src/domain/json.ts';

/** Every key that the schema knows, at any depth. */
function everyKey(schema: unknown): string[] {
  if (Array.isArray(schema)) return schema.flatMap(everyKey);
  if (!isObject(schema)) return [];
  const properties = property(schema, 'properties');
  const own = isObject(properties) ? Object.keys(properties) : [];
  return [...own, ...Object.values(schema).flatMap(everyKey)];
}

describe('the JSON Schema of the configuration', () => {
  it('is of draft 2020-12, and closed: a key that it does not know is an error in the editor too', () => {
    const schema = configJsonSchema();
    expect(schema['$schema']).toBe('https://json-schema.org/draft/2020-12/schema');
    expect(schema['additionalProperties']).toBe(false);
    expect(schema['required']).toEqual(['apiVersion', 'kind']);
  });

  it('offers every kind of signer, scan source, credentials and sink with its own keys', () => {
    expect(knownKeys(['signers', 0], { signers: [{ kind: 'cosign-key' }] })).toEqual(expect.arrayContaining(['name', 'images', 'kind', 'keyFile']));
    expect(knownKeys(['scans', 0], { scans: [{ kind: 'trivy-directory' }] })).toEqual(expect.arrayContaining(['name', 'kind', 'path']));
    expect(knownKeys(['scans', 0], { scans: [{ kind: 'trivy-directory' }] })).not.toContain('signers');
    expect(knownKeys(['audit', 'sinks', 0], { audit: { sinks: [{ kind: 'file' }] } })).toEqual(expect.arrayContaining(['kind', 'path']));
    expect(knownKeys(['registries', 0, 'credentials'], {})).toContain('file');
  });

  it('describes every section and key', () => {
    const undescribed = (schema: unknown, path: string): string[] => {
      const branches = ['anyOf', 'oneOf', 'allOf'].flatMap((key) => property(schema, key) ?? []);
      return [
        ...Object.entries(property(schema, 'properties') ?? {}).flatMap(([key, value]) => [
          ...(property(value, 'description') === undefined && property(value, 'const') === undefined ? [`${path}${key}`] : []),
          ...undescribed(value, `${path}${key}.`),
        ]),
        ...branches.flatMap((branch) => undescribed(branch, path)),
        ...(property(schema, 'items') === undefined ? [] : undescribed(property(schema, 'items'), path)),
      ];
    };
    expect(undescribed(configJsonSchema(), '')).toEqual([]);
  });

  it('is explained by an example that is good', async () => {
    const page = await readFile(new URL('../../../docs/configuration.md', import.meta.url), 'utf8');
    const examples = [...page.matchAll(/^```yaml\n(.*?)^```/gms)].map(([, text = '']) => parseConfig(text, 'example').faults);
    expect(examples).toEqual([[]]);
  });

  it('has no key that docs/configuration.md leaves out', async () => {
    const page = await readFile(new URL('../../../docs/configuration.md', import.meta.url), 'utf8');
    const missing = [...new Set(everyKey(configJsonSchema()))].filter((key) => !new RegExp(`\\b${key}\\b`).test(page));
    expect(missing).toEqual([]);
  });
});

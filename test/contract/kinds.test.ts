/** Every list of kinds keeps one promise to the configuration: strict settings of its own, which the published schema shows. */
import { describe, expect, test } from 'vitest';
import { z } from 'zod';
import { sinkKinds } from '../../src/audit/sinks/index.ts';
import { configJsonSchema } from '../../src/config/index.ts';
import { knownKeys } from '../../src/config/jsonSchema.ts';
import { parseConfig } from '../../src/config/parse.ts';
import { credentialKinds } from '../../src/credentials/index.ts';
import { isObject, property } from '../../src/domain/json.ts';
import { scanKinds, vexKinds } from '../../src/scans/index.ts';
import { signerKinds } from '../../src/signatures/index.ts';
import { makeKey } from '../fakes/publish.ts';

type Example = Readonly<Record<string, unknown>>;

/** One room's list, where its entries stand in a document, and one good entry of each kind: a kind without one does not compile. */
interface Room<Kind extends string> {
  readonly kinds: Readonly<Record<Kind, { readonly settings: z.ZodType }>>;
  readonly examples: Readonly<Record<Kind, Example>>;
  /** A whole document around an entry. */
  readonly around: (entry: unknown) => Example;
  readonly path: readonly (string | number)[];
  /** Keys that every entry of the list has. */
  readonly common: Example;
}

const signer = { name: 'release', images: ['registry.corp/**'] };
const release = { ...signer, kind: 'cosign-key', key: makeKey().publicPem };

const signers: Room<keyof typeof signerKinds> = {
  kinds: signerKinds,
  examples: {
    'cosign-key': release,
    'cosign-keyless': { ...signer, kind: 'cosign-keyless', issuer: 'https://accounts.example.com', identity: 'release@example.com' },
    notation: { ...signer, kind: 'notation', trustStoreFile: 'partner-ca.pem', identities: ['x509.subject: C=US, ST=WA, O=Partner'] },
  },
  around: (entry) => ({ signers: [entry] }),
  path: ['signers', 0],
  common: signer,
};
const scans: Room<keyof typeof scanKinds> = {
  kinds: scanKinds,
  examples: {
    'trivy-attestation': { name: 'scan', kind: 'trivy-attestation', signers: ['release'] },
    'trivy-directory': { name: 'scan', kind: 'trivy-directory', path: 'reports' },
    referrer: { name: 'scan', kind: 'referrer' },
    harbor: { name: 'scan', kind: 'harbor', url: 'https://harbor.corp', credentials: { kind: 'robot', file: 'robot.json' } },
    trivy: { name: 'scan', kind: 'trivy' },
    'trivy-operator': { name: 'scan', kind: 'trivy-operator' },
  },
  around: (entry) => ({ signers: [release], scans: [entry] }),
  path: ['scans', 0],
  common: { name: 'scan' },
};
const vex: Room<keyof typeof vexKinds> = {
  kinds: vexKinds,
  examples: {
    folder: { name: 'notes', kind: 'folder', path: 'vex' },
    attestation: { name: 'notes', kind: 'attestation', signers: ['release'] },
  },
  around: (entry) => ({ signers: [release], vex: [entry] }),
  path: ['vex', 0],
  common: { name: 'notes' },
};
const credentials: Room<keyof typeof credentialKinds> = {
  kinds: credentialKinds,
  examples: {
    dockerconfig: { kind: 'dockerconfig', file: 'config.json' },
    ecr: { kind: 'ecr' },
    gcr: { kind: 'gcr' },
    acr: { kind: 'acr' },
  },
  around: (entry) => ({ registries: [{ host: 'registry.corp', credentials: entry }] }),
  path: ['registries', 0, 'credentials'],
  common: {},
};
const sinks: Room<keyof typeof sinkKinds> = {
  kinds: sinkKinds,
  examples: { stdout: { kind: 'stdout' }, file: { kind: 'file', path: 'audit.jsonl' } },
  around: (entry) => ({ audit: { sinks: [entry] } }),
  path: ['audit', 'sinks', 0],
  common: {},
};

const all = [
  contractOf('signerKinds', signers),
  contractOf('scanKinds', scans),
  contractOf('vexKinds', vex),
  contractOf('credentialKinds', credentials),
  contractOf('sinkKinds', sinks),
].flat();

function contractOf<Kind extends string>(list: string, room: Room<Kind>) {
  const examples: Readonly<Record<string, Example>> = room.examples;
  return Object.entries<{ readonly settings: z.ZodType }>(room.kinds).map(([kind, { settings }]) => ({
    list,
    room,
    kind,
    settings,
    example: examples[kind] ?? {},
  }));
}

function faultsOf(entry: unknown, around: (entry: unknown) => Example): readonly string[] {
  const text = JSON.stringify({ apiVersion: 'tidewaiter.dev/v1', kind: 'Configuration', ...around(entry) });
  return parseConfig(text, 'tidewaiter.yaml').faults.map(({ path, message }) => `${path}: ${message}`);
}

describe.each(all)('$list, $kind', ({ room, kind, settings, example }) => {
  const place = room.path
    .map((step) => (typeof step === 'number' ? `[${step}]` : `.${step}`))
    .join('')
    .slice(1);

  test('takes its example, alone and in a whole configuration', () => {
    expect(settings.safeParse(example).error?.issues ?? []).toEqual([]);
    expect(faultsOf(example, room.around)).toEqual([]);
  });

  test('refuses a key that it does not know, alone and in a whole configuration', () => {
    expect(settings.safeParse({ ...example, unheardOf: 1 }).success).toBe(false);
    expect(faultsOf({ ...example, unheardOf: 1 }, room.around)).toEqual([expect.stringMatching(`^${place.replaceAll(/[[\]]/g, '\\$&')}\\.unheardOf: `)]);
  });

  test('refuses the keys of a prototype', () => {
    for (const key of ['__proto__', 'constructor', 'toString']) {
      const entry: unknown = JSON.parse(JSON.stringify(example).replace(/}$/, `,"${key}":1}`));
      expect(faultsOf(entry, room.around), key).not.toEqual([]);
    }
  });

  test.each([null, [], 'text', 7, true])('refuses %j for an entry', (entry) => {
    expect(settings.safeParse(entry).success).toBe(false);
  });

  test('refuses another kind, no kind, and what is no text, naming the kinds there are', () => {
    const { kind: _, ...rest } = example;
    expect(settings.safeParse({ ...rest, kind: 'other' }).success).toBe(false);
    for (const wrong of [{ ...rest, kind: 'unheard-of' }, { ...rest, kind: '__proto__' }, rest, { ...rest, kind: 7 }]) {
      const faults = faultsOf(wrong, room.around);
      expect(faults).not.toEqual([]);
      expect(faults.join(' ')).toContain(kind);
    }
  });

  test('says what is wrong by the path of each key that is missing', () => {
    for (const key of Object.keys(example).filter((name) => name !== 'kind')) {
      const { [key]: _, ...rest } = example;
      const faults = faultsOf(rest, room.around);
      expect(faults, key).not.toEqual([]);
      expect(
        faults.every((fault) => fault.startsWith(place)),
        key,
      ).toBe(true);
    }
  });

  test('stands in the JSON Schema of the configuration, closed, with every key of its own', () => {
    const branch = branches(configJsonSchema()).find((found) => property(property(property(found, 'properties'), 'kind'), 'const') === kind);
    expect(branch).toBeDefined();
    expect([property(branch, 'additionalProperties'), property(branch, 'unevaluatedProperties')]).toContain(false);
    const own = z.toJSONSchema(settings, { io: 'input', unrepresentable: 'any' });
    const keys = Object.keys(own.properties ?? {});
    expect(keys).toContain('kind');
    const shown = knownKeys(room.path, room.around(example));
    expect(shown).toEqual(expect.arrayContaining([...keys, ...Object.keys(room.common)]));
    expect(property(branch, 'required')).toEqual(expect.arrayContaining(['kind', ...Object.keys(room.common)]));
  });

  test('describes each key that is its own', () => {
    const own = z.toJSONSchema(settings, { io: 'input', unrepresentable: 'any' });
    const bare = Object.entries(own.properties ?? {}).filter(
      ([key, schema]) => !['name', 'kind', ...Object.keys(room.common)].includes(key) && !isDescribed(schema),
    );
    expect(bare.map(([key]) => key)).toEqual([]);
  });
});

function isDescribed(schema: unknown): boolean {
  return typeof property(schema, 'description') === 'string';
}

/** Every schema within a schema. */
function branches(schema: unknown): unknown[] {
  if (Array.isArray(schema)) return schema.flatMap(branches);
  return isObject(schema) ? [schema, ...Object.values(schema).flatMap(branches)] : [];
}

import { readFile } from 'node:fs/promises';
import { createRequire } from 'node:module';
import { z } from 'zod';

const require = createRequire(import.meta.url);
const schemaFile = require.resolve('@microsoft/jest-sarif/lib/schemas/sarif-2.1.0-rtm.5.json');
// zod takes a relative reference (RFC 3986, 4.1) for no URI.
const schema: unknown = JSON.parse(await readFile(schemaFile, 'utf8'), (key, value: unknown) =>
  key === 'format' && value === 'uri-reference' ? undefined : value,
);

/** SARIF 2.1.0, by the schema of its committee. */
export const sarifForm = z.fromJSONSchema(z.record(z.string(), z.json()).parse(schema));

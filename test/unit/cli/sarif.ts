import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { z } from 'zod';

const schemaFile = join(import.meta.dirname, '../../../node_modules/@microsoft/jest-sarif/lib/schemas/sarif-2.1.0-rtm.5.json');
// zod takes a relative reference (RFC 3986, 4.1) for no URI.
const schema: unknown = JSON.parse(await readFile(schemaFile, 'utf8'), (key, value: unknown) =>
  key === 'format' && value === 'uri-reference' ? undefined : value,
);

/** SARIF 2.1.0, by the schema of its committee. */
export const sarifForm = z.fromJSONSchema(z.record(z.string(), z.json()).parse(schema));

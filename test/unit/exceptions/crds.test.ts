import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, it } from 'vitest';
import { exceptionCrds } from '../../../tools/crds.ts';

it.each(Object.entries(exceptionCrds()))('manifests/base/crds/%s is what tools/crds.ts makes of the schema', (name, content) => {
  expect(readFileSync(join(import.meta.dirname, '..', '..', '..', 'manifests', 'base', 'crds', name), 'utf8')).toBe(content);
});

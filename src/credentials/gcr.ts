import { z } from 'zod';
import { bad, good } from '../domain/fault.ts';
import { isObject } from '../domain/json.ts';
import type { GoogleConfiguration } from './issueGoogle.ts';
import type { CredentialKind } from './kind.ts';
import { createShortLived } from './shortLived.ts';

const settings = z.strictObject({
  kind: z
    .literal('gcr')
    .describe('Google Artifact Registry and Container Registry: 1 hour access tokens, of the identity that the Google library finds (workload identity).'),
  file: z
    .string()
    .min(1)
    .optional()
    .describe('A credential configuration, such as one of workload identity federation. Absent: Application Default Credentials, in GKE the metadata server.'),
});

const longestFile = 64 * 1024;

/** https://cloud.google.com/artifact-registry/docs/docker/authentication#token */
export const gcr: CredentialKind<z.infer<typeof settings>> = {
  settings,
  async create({ file }, parts) {
    const bytes = file === undefined ? good(null) : await parts.file(file);
    if (!bytes.ok) return bytes;
    const configured = bytes.value === null ? null : readConfiguration(bytes.value);
    if (configured === 'invalid') return bad('CONFIG_INVALID', 'the credential configuration of Google is no JSON object with a type');
    const current = createShortLived({
      issuer: 'Google',
      // Loaded when it is first needed: most have no need of the library.
      issue: async () => (await import('./issueGoogle.ts')).issueGoogle(configured),
    });
    return good({ credential: (_host, _repository, _access, signal) => current(signal) });
  },
};

function readConfiguration(bytes: Uint8Array): GoogleConfiguration | 'invalid' {
  try {
    const parsed: unknown = bytes.length > longestFile ? null : JSON.parse(new TextDecoder('utf-8', { fatal: true }).decode(bytes));
    return isObject(parsed) && typeof parsed['type'] === 'string' ? parsed : 'invalid';
  } catch {
    // What JSON.parse says may quote a key.
    return 'invalid';
  }
}

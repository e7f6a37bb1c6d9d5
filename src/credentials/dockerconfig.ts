import { z } from 'zod';
import { good, type Outcome } from '../domain/fault.ts';
import type { Keychain } from '../domain/registry.ts';
import type { CredentialKind } from './kind.ts';
import { matchCredential } from './match.ts';
import { readDockerConfig } from './readDockerConfig.ts';

const settings = z.strictObject({
  kind: z
    .literal('dockerconfig')
    .describe('Credentials in the form of Docker: config.json, or the content of a Secret of type kubernetes.io/dockerconfigjson.'),
  file: z.string().min(1).describe('Path of the file; relative paths start at the folder of the configuration. Read when the configuration is.'),
});

/** https://docs.docker.com/reference/cli/docker/login/#credential-stores, without helpers: a program that is run is no file. */
export const dockerconfig: CredentialKind<z.infer<typeof settings>> = {
  settings,
  async create({ file }, parts): Promise<Outcome<Keychain>> {
    const bytes = await parts.file(file);
    if (!bytes.ok) return bytes;
    const entries = readDockerConfig(bytes.value);
    if (!entries.ok) return entries;
    return good({ credential: async (host, repository) => good(matchCredential(entries.value, host, repository)) });
  },
};

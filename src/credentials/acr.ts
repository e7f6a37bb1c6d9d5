import { LRUCache } from 'lru-cache';
import { z } from 'zod';
import { good, type Outcome } from '../domain/fault.ts';
import type { Credential } from '../domain/registry.ts';
import type { CredentialKind } from './kind.ts';
import { createShortLived } from './shortLived.ts';

const settings = z.strictObject({
  kind: z
    .literal('acr')
    .describe('Azure Container Registry: 3 hour refresh tokens, with the Microsoft Entra workload identity of the Pod (AZURE_* in its environment).'),
});

/** Registries that one entry, a wildcard, is asked for. */
const mostRegistries = 100;

/**
 * An access token of Entra is exchanged for the registry's refresh token, which the registry's own realm exchanges for what can pull.
 * https://github.com/Azure/acr/blob/main/docs/AAD-OAuth.md
 */
export const acr: CredentialKind<z.infer<typeof settings>> = {
  settings,
  async create() {
    const registries = new LRUCache<string, (signal: AbortSignal) => Promise<Outcome<Credential>>>({ max: mostRegistries });
    return good({
      credential(host, _repository, _access, signal) {
        const current = registries.get(host) ?? openRegistry(host);
        registries.set(host, current);
        return current(signal);
      },
    });
  },
};

function openRegistry(host: string): (signal: AbortSignal) => Promise<Outcome<Credential>> {
  return createShortLived({
    issuer: `Microsoft Entra and ${host}`,
    // Loaded when it is first needed: the library is large, and most have no need of it.
    issue: async (signal) => (await import('./issueAcr.ts')).issueAcr(host, signal),
  });
}

import { WorkloadIdentityCredential } from '@azure/identity';
import { decodeJwt } from 'jose';
import { bad, good, type Outcome } from '../domain/fault.ts';
import { property, text } from '../domain/json.ts';
import type { Issued } from './shortLived.ts';

const audience = 'https://containerregistry.azure.net/.default';
const longestAnswer = 64 * 1024;
/** Where a refresh token does not say when it ends. */
const usualLifetime = 600_000;

/** What the webhook of Azure Workload Identity puts into a Pod that has one. */
const needed = ['AZURE_TENANT_ID', 'AZURE_CLIENT_ID', 'AZURE_FEDERATED_TOKEN_FILE'];

/** Rejects with the library's errors, which must not be shown. */
export async function issueAcr(host: string, signal: AbortSignal): Promise<Outcome<Issued>> {
  const missing = needed.filter((name) => !process.env[name]);
  if (missing.length > 0) return bad('REGISTRY_UNAUTHORIZED', `this process has no workload identity of Azure: ${missing.join(', ')} not set`);
  // The authority comes from the environment that Azure's own webhook sets; asking another host whether it is one would be in the way.
  const identity = new WorkloadIdentityCredential({ disableInstanceDiscovery: true, retryOptions: { maxRetries: 1 } });
  try {
    const { token } = await identity.getToken(audience, { abortSignal: signal });
    return await exchange(host, token, signal);
  } catch (error) {
    // The library tells an answer of Entra from an outage by nothing but the OAuth error code (RFC 6749 section 5.2) before its text.
    if (!(error instanceof Error && /^(?:invalid|unauthorized)_[a-z]+\b/.test(error.message))) throw error;
    return bad('REGISTRY_UNAUTHORIZED', 'Microsoft Entra does not take the workload identity of this Pod');
  }
}

async function exchange(host: string, token: string, signal: AbortSignal): Promise<Outcome<Issued>> {
  const answer = await fetch(new URL('/oauth2/exchange', `https://${host}`), {
    method: 'POST',
    body: new URLSearchParams({ grant_type: 'access_token', service: host, access_token: token }),
    redirect: 'error',
    signal,
  });
  if (answer.status !== 200) {
    await answer.body?.cancel();
    const code = answer.status >= 500 || answer.status === 429 ? 'REGISTRY_UNAVAILABLE' : 'REGISTRY_UNAUTHORIZED';
    return bad(code, `${host} gave no refresh token for the workload identity: HTTP ${answer.status}`);
  }
  const refresh = text(property(await readJson(answer), 'refresh_token'));
  if (refresh === null || !/^[\x21-\x7e]{1,16384}$/.test(refresh)) return bad('RESPONSE_INVALID', `${host} answered with no usable refresh token`);
  return good({ credential: { kind: 'identityToken', token: refresh }, until: endOf(refresh) });
}

/** null for what is too large, or no JSON. */
async function readJson(answer: Response): Promise<unknown> {
  const chunks: Uint8Array[] = [];
  let size = 0;
  for await (const chunk of answer.body ?? []) {
    size += chunk.length;
    if (size > longestAnswer) return null;
    chunks.push(chunk);
  }
  try {
    return JSON.parse(Buffer.concat(chunks).toString('utf8'));
  } catch {
    return null;
  }
}

/** The token is the registry's to verify; only its end is of interest here. */
function endOf(token: string): number {
  try {
    const { exp } = decodeJwt(token);
    if (exp !== undefined) return exp * 1000;
  } catch {
    // No JWT: nothing that has to be one.
  }
  return Date.now() + usualLifetime;
}

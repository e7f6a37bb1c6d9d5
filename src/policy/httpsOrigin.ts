import { Agent, request } from 'undici';
import { bad, good, type Outcome } from '../domain/fault.ts';
import { longestBundle } from './bundle.ts';
import type { BundleOrigin } from './origin.ts';

export interface HttpsOriginOptions {
  readonly url: URL;
  /** PEM, instead of the system's certificate authorities. */
  readonly ca: string | null;
  /** What goes into `Authorization: Bearer`, read anew for each request; null: nothing. */
  readonly token: (() => Promise<Outcome<string>>) | null;
}

/**
 * A policy bundle at an HTTPS address, asked for with its ETag (RFC 9110, 13.1.2: If-None-Match). Redirects are not followed: what is asked is what the
 * configuration names. Faults: REGISTRY_UNAVAILABLE, REGISTRY_UNAUTHORIZED, REGISTRY_RATE_LIMITED, RESPONSE_INVALID, LIMIT_EXCEEDED.
 */
export function createHttpsOrigin({ url, ca, token }: HttpsOriginOptions): BundleOrigin & { close(): Promise<void> } {
  const agent = new Agent({ connections: 1, pipelining: 1, connect: { timeout: 5_000, ...(ca === null ? {} : { ca }) } });
  const name = `${url.origin}${url.pathname}`;
  return {
    name,
    pinned: false,
    // The bundle's own signature is verified again whenever it is opened.
    trust: '',
    async fetch(known, signal) {
      const secret = token === null ? good(null) : await token();
      if (!secret.ok) return secret;
      try {
        const headers = {
          'accept-encoding': 'identity',
          ...(known === null ? {} : { 'if-none-match': known }),
          ...(secret.value === null ? {} : { authorization: `Bearer ${secret.value}` }),
        };
        const { body, headers: answered, statusCode } = await request(url, { dispatcher: agent, method: 'GET', headers, signal });
        if (statusCode === 304 && known !== null) {
          await body.dump();
          return good('unchanged');
        }
        if (statusCode !== 200) {
          await body.dump({ limit: 65_536 });
          return faultOfStatus(statusCode, name);
        }
        const chunks: Buffer[] = [];
        let length = 0;
        for await (const chunk of body) {
          const bytes: Buffer = Buffer.isBuffer(chunk) ? chunk : Buffer.from(chunk);
          length += bytes.length;
          if (length > longestBundle) return bad('LIMIT_EXCEEDED', `${name} answered with more than 64 MiB`);
          chunks.push(bytes);
        }
        const etag = answered['etag'];
        return good({ bytes: Buffer.concat(chunks), version: typeof etag === 'string' && etag.length <= 1024 ? etag : null });
      } catch (cause) {
        return bad('REGISTRY_UNAVAILABLE', `${name} can not be reached${signal.aborted ? ' in time' : ''}`, { cause });
      }
    },
    close: () => agent.destroy(),
  };
}

function faultOfStatus(status: number, name: string): Outcome<never> {
  if (status === 401 || status === 403)
    return bad('REGISTRY_UNAUTHORIZED', `${name} answered ${status}: it wants other credentials; see policy.fetch.tokenFile`);
  if (status === 429) return bad('REGISTRY_RATE_LIMITED', `${name} answered 429`);
  if (status >= 500) return bad('REGISTRY_UNAVAILABLE', `${name} answered ${status}`);
  if (status >= 300 && status < 400)
    return bad('RESPONSE_INVALID', `${name} answered ${status}: redirects are not followed; name the address that it leads to`);
  return bad('RESPONSE_INVALID', `${name} answered ${status}`);
}

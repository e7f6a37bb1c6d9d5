import { Agent } from 'undici';
import { bad, good, type Outcome } from '../domain/fault.ts';
import type { Outbound, OutboundRequest } from '../domain/outbound.ts';
import { matchesHost } from '../domain/registry.ts';
import { safeText } from '../domain/text.ts';
import { type Resolve, systemResolve } from './address.ts';
import { readBody } from './body.ts';
import { guardedConnector } from './connect.ts';
import { networkFault } from './networkFault.ts';
import { type CompiledRule, compileListed } from './reach.ts';

export interface OutboundClient {
  readonly ask: Outbound;
  close(): Promise<void>;
}

/** Connections at the same time, for each host. */
const perHost = 4;
const connectWithin = 3_000;

/** Asks servers that are no registries, by the same rules of reach: only listed hosts, and after DNS only the addresses that their entry allows. */
export function createOutbound(resolve: Resolve = systemResolve): OutboundClient {
  /** One for each list of the configuration. */
  const agents = new Map<string, { readonly rule: CompiledRule; readonly agent: Agent }>();
  const agentOf = (hosts: readonly string[]): { readonly rule: CompiledRule; readonly agent: Agent } => {
    const key = JSON.stringify(hosts);
    const rule = compileListed(hosts);
    const made = agents.get(key) ?? {
      rule,
      agent: new Agent({
        connect: guardedConnector(rule, connectWithin, resolve),
        connections: perHost,
        pipelining: 1,
        allowH2: false,
        maxOrigins: 64,
        maxHeaderSize: 16 * 1024,
        keepAliveTimeout: 5_000,
      }),
    };
    agents.set(key, made);
    return made;
  };
  return {
    ask: async (request, signal) => {
      const { rule, agent } = agentOf(request.hosts);
      return isListed(rule, request.url) ? exchange(agent, request, signal) : notListed(request.url);
    },
    async close() {
      await Promise.all([...agents.values()].map(({ agent }) => agent.destroy()));
      agents.clear();
    },
  };
}

function isListed({ own }: CompiledRule, { protocol, username, password, host }: URL): boolean {
  return /^https?:$/.test(protocol) && username === '' && password === '' && own.some(({ pattern }) => matchesHost(pattern, host));
}

function notListed({ host }: URL): Outcome<never> {
  return bad('REGISTRY_NOT_LISTED', `${safeText(host, 300)} may not be contacted: it is not listed`);
}

async function exchange(agent: Agent, { url, method, headers, body, longest, timeout }: OutboundRequest, signal: AbortSignal): Promise<Outcome<Uint8Array>> {
  const { host } = url;
  const own = AbortSignal.timeout(timeout);
  try {
    const response = await agent.request({
      origin: url.origin,
      path: `${url.pathname}${url.search}`,
      method,
      headers: { ...headers, 'user-agent': 'tidewaiter', 'accept-encoding': 'identity' },
      body,
      headersTimeout: timeout,
      bodyTimeout: timeout,
      signal: AbortSignal.any([signal, own]),
    });
    const read = await readBody(response, { method, url, longest });
    if (!read.ok) return read;
    return response.statusCode === 200 ? good(read.value) : bad('RESPONSE_INVALID', `${host} answered with the status ${response.statusCode}`);
  } catch (error) {
    if (signal.aborted) return bad('DEADLINE_EXCEEDED', `${host} did not answer before the deadline`);
    if (own.aborted) return bad('REGISTRY_UNAVAILABLE', `${host} did not answer within ${timeout} ms`);
    return { ok: false, fault: networkFault(host, error).fault };
  }
}

import { Agent, type Dispatcher } from 'undici';
import { bad, type FaultCode, fault, good, type Outcome } from '../domain/fault.ts';
import { safeText } from '../domain/text.ts';
import type { Resolve } from './address.ts';
import { readBody } from './body.ts';
import { guardedConnector } from './connect.ts';
import type { Gate } from './gate.ts';
import type { RegistryLimits } from './limits.ts';
import { type AttemptFault, isConnectionFault, networkFault } from './networkFault.ts';
import { allowsDerived, type CompiledRule, type Place } from './reach.ts';
import { createSlots } from './slots.ts';

export type Operation = 'manifest' | 'head' | 'blob' | 'referrers' | 'push' | 'token';

/** One HTTP exchange, as it went. */
export interface RequestEvent {
  /** Host with port. */
  readonly host: string;
  readonly operation: Operation;
  readonly milliseconds: number;
  /** HTTP status; null where no whole answer came. */
  readonly status: number | null;
  /** What failed; null where an answer came, whatever its status. */
  readonly code: FaultCode | null;
}

/** What is sent. */
export interface Ask {
  readonly place: Place;
  /** What is asked for, without its registry: hosts are shared out fairly between these. */
  readonly repository: string;
  /** Key of the right it is asked with. */
  readonly access: string;
  /** On whose behalf; empty for nobody in particular. */
  readonly party: string;
  readonly operation: Operation;
  readonly method: 'GET' | 'HEAD' | 'POST' | 'PUT';
  readonly url: URL;
  readonly headers: Readonly<Record<string, string>>;
  /** Goes to the origin of `url` only, never along with a redirect to another. */
  readonly authorization: string | null;
  readonly body: string | Buffer | null;
  /** Bytes of the answer. */
  readonly longest: number;
}

export interface Reply {
  readonly status: number;
  readonly headers: Dispatcher.ResponseData['headers'];
  /** Empty unless the status is 200. */
  readonly body: Buffer;
  /** Where it came from, after redirects. */
  readonly url: URL;
}

export type Attempt = { readonly ok: true; readonly reply: Reply } | ({ readonly ok: false } & AttemptFault);

export interface Transport {
  /** Sends once; follows redirects to allowed hosts. Every status but a redirect is a reply. */
  send(ask: Ask, signal: AbortSignal): Promise<Attempt>;
  close(): Promise<void>;
}

export interface TransportParts {
  readonly limits: RegistryLimits;
  readonly resolve: Resolve;
  readonly gate: Gate;
  onRequest(event: RequestEvent): void;
}

export function createTransport({ limits, resolve, gate, onRequest }: TransportParts): Transport {
  const agents = new Map<CompiledRule, Agent>();
  const slots = createSlots(limits.perHost, limits.queue);

  const agentOf = (rule: CompiledRule): Agent => {
    const known = agents.get(rule);
    if (known !== undefined) return known;
    const agent = new Agent({
      connect: guardedConnector(rule, limits.connect, resolve),
      connections: limits.perHost,
      pipelining: 1,
      allowH2: false,
      maxOrigins: 256,
      maxHeaderSize: 32 * 1024,
      keepAliveTimeout: 30_000,
      headersTimeout: limits.request,
      bodyTimeout: limits.request,
    });
    agents.set(rule, agent);
    return agent;
  };

  const exchange = async (ask: Ask, signal: AbortSignal): Promise<Attempt> => {
    const host = ask.url.host;
    const asked = { host, repository: ask.repository, access: ask.access };
    const refused = gate.refusal(asked);
    if (refused !== null) return { ok: false, ...refused };
    const slot = await slots.take(host, ask, signal);
    if (!slot.ok) return final(slot);
    // Much may have happened while it waited for its turn.
    const pass = await gate.enter(asked, signal);
    if ('fault' in pass) {
      slot.value();
      return { ok: false, ...pass };
    }
    const started = performance.now();
    const own = AbortSignal.timeout(limits.request);
    let status: number | null = null;
    let code: FaultCode | null = null;
    try {
      const response = await agentOf(ask.place.rule).request({
        origin: ask.url.origin,
        path: `${ask.url.pathname}${ask.url.search}`,
        method: ask.method,
        // Digests are of the bytes as they are stored.
        headers: {
          ...ask.headers,
          'user-agent': 'tidewaiter',
          'accept-encoding': 'identity',
          ...(ask.authorization === null ? {} : { authorization: ask.authorization }),
        },
        body: ask.body,
        signal: AbortSignal.any([signal, own]),
      });
      const body = await readBody(response, ask);
      pass.answered(response.statusCode, response.headers);
      status = response.statusCode;
      if (!body.ok) code = body.fault.code;
      return body.ok ? { ok: true, reply: { status: response.statusCode, headers: response.headers, body: body.value, url: ask.url } } : final(body);
    } catch (error) {
      const failed = interrupted(host, signal, own, limits.request) ?? networkFault(host, error);
      code = failed.fault.code;
      if (code === 'REGISTRY_UNAVAILABLE') pass.failed(failed.fault, isConnectionFault(error));
      else if (signal.aborted || code === 'REGISTRY_NOT_LISTED') pass.abandoned();
      else pass.answered(null, {});
      return { ok: false, ...failed };
    } finally {
      slot.value();
      onRequest({ host, operation: ask.operation, milliseconds: performance.now() - started, status, code });
    }
  };

  return {
    async send(ask, signal) {
      let at = ask;
      for (let hops = 0; ; hops += 1) {
        const attempt = await exchange(at, signal);
        if (!attempt.ok || !isRedirect(attempt.reply.status)) return attempt;
        if (hops === limits.redirects) return final(bad('LIMIT_EXCEEDED', `${ask.url.host} redirects more than ${limits.redirects} times`));
        const next = follow(at, attempt.reply);
        if (!next.ok) return final(next);
        at = next.value;
      }
    },
    async close() {
      gate.close();
      await Promise.all([...agents.values()].map((agent) => agent.destroy()));
      agents.clear();
    },
  };
}

function isRedirect(status: number): boolean {
  return status === 301 || status === 302 || status === 303 || status === 307 || status === 308;
}

function follow(ask: Ask, reply: Reply): Outcome<Ask> {
  const from = ask.url.host;
  // A token endpoint gets credentials: it has to be where the challenge said it is.
  if (ask.method === 'POST' || ask.method === 'PUT' || ask.operation === 'token')
    return bad('RESPONSE_INVALID', `${from} redirects where it must answer itself`);
  const { location } = reply.headers;
  if (typeof location !== 'string' || !URL.canParse(location, ask.url.href)) return bad('RESPONSE_INVALID', `${from} redirects to no valid URL`);
  const url = new URL(location, ask.url);
  url.hash = '';
  if (!allowsDerived(ask.place, url, 'redirect')) {
    const target = safeText(`${url.protocol}//${url.host}`, 300);
    return bad('REGISTRY_NOT_LISTED', `${from} redirects to ${target}, which may not be contacted; list it under alsoHosts of ${ask.place.registry}, as HTTPS`);
  }
  return good({ ...ask, url, authorization: url.origin === ask.url.origin ? ask.authorization : null });
}

function interrupted(host: string, signal: AbortSignal, own: AbortSignal, milliseconds: number): AttemptFault | null {
  if (signal.aborted) return { fault: fault('DEADLINE_EXCEEDED', `${host} did not answer before the deadline`), retry: false, after: null };
  if (own.aborted) return { fault: fault('REGISTRY_UNAVAILABLE', `${host} did not answer within ${milliseconds} ms`), retry: true, after: null };
  return null;
}

function final(outcome: Extract<Outcome<never>, { ok: false }>): Attempt {
  return { ok: false, fault: outcome.fault, retry: false, after: null };
}

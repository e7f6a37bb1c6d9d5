import { LRUCache } from 'lru-cache';
import { bad, type Fault, type FaultCode, good, type Outcome } from '../../../domain/fault.ts';
import type { Outbound, OutboundRequest } from '../../../domain/outbound.ts';
import { safeText } from '../../../domain/text.ts';
import { readRevocationList } from './crl.ts';
import { readOcspAnswer, writeOcspRequest } from './ocsp.ts';
import type { Issuance, Standing } from './standing.ts';

export interface ServerParts {
  readonly outbound: Outbound;
  readonly hosts: readonly string[];
  readonly clock: () => number;
}

/** Milliseconds and bytes for one answer, and milliseconds for all that is asked about one certificate. */
const ocspLimits = { timeout: 3_000, longest: 64 * 1024 };
const crlLimits = { timeout: 5_000, longest: 16 * 1024 * 1024 };
const allWithin = 12_000;
/** Milliseconds for which a server that did not answer is left alone. */
const rest = { max: 256, ttl: 10_000 };
/** A request that makes a longer address is posted (RFC 6960 appendix A.1, RFC 5019 section 5). */
const longestGet = 255;
/** A list serves all the certificates that are asked about together; kept for longer is only what it says of each. */
const lists = { max: 32, bytes: 64 * 1024 * 1024, for: 60_000 } as const;

const outages: ReadonlySet<FaultCode> = new Set(['REGISTRY_UNAVAILABLE', 'DEADLINE_EXCEEDED']);

interface Server {
  readonly address: string;
  readonly what: string;
  readonly ask: (address: string, issuance: Issuance, signal: AbortSignal) => Promise<Outcome<Standing>>;
}

/** Asks whoever a certificate names: OCSP first, then lists, one after the other until one gives an answer that holds. */
export function createServers({ outbound, hosts, clock }: ServerParts): (issuance: Issuance, signal: AbortSignal) => Promise<Outcome<Standing>> {
  const kept = new LRUCache<string, Buffer>({ max: lists.max, maxSize: lists.bytes, ttl: lists.for });
  const resting = new LRUCache<string, string>(rest);
  const flights = new Map<string, Promise<Outcome<Buffer>>>();

  const askResponder = async (address: string, issuance: Issuance, signal: AbortSignal): Promise<Outcome<Standing>> => {
    const answer = await outbound({ ...requestTo(address, writeOcspRequest(issuance)), ...ocspLimits, hosts }, signal);
    return answer.ok ? readOcspAnswer(Buffer.from(answer.value), issuance, clock()) : answer;
  };

  // Under a limit of its own: whoever asks first is not the only one who waits.
  const fetchList = (address: string): Promise<Outcome<Buffer>> => {
    const before = kept.get(address);
    if (before !== undefined) return Promise.resolve(good(before));
    const flying = flights.get(address);
    if (flying !== undefined) return flying;
    const request: OutboundRequest = { url: new URL(address), hosts, method: 'GET', headers: { accept: 'application/pkix-crl' }, body: null, ...crlLimits };
    const flight = outbound(request, AbortSignal.timeout(crlLimits.timeout))
      .then((answer): Outcome<Buffer> => {
        if (!answer.ok) return answer;
        const bytes = Buffer.from(answer.value);
        kept.set(address, bytes, { size: Math.max(bytes.length, 1) });
        return good(bytes);
      })
      .finally(() => flights.delete(address));
    flights.set(address, flight);
    return flight;
  };

  const askList = async (address: string, issuance: Issuance): Promise<Outcome<Standing>> => {
    const list = await fetchList(address);
    if (!list.ok) return list;
    const standing = await readRevocationList(list.value, issuance, address, clock());
    // What is of no use is not kept: the next one may be.
    if (!standing.ok) kept.delete(address);
    return standing;
  };

  const askOne = async ({ address, ask }: Server, issuance: Issuance, signal: AbortSignal): Promise<Outcome<Standing>> => {
    const { host } = new URL(address);
    const before = resting.get(host);
    if (before !== undefined) return bad('REGISTRY_UNAVAILABLE', before);
    const outcome = await ask(address, issuance, signal);
    if (!outcome.ok && outages.has(outcome.fault.code)) resting.set(host, outcome.fault.message);
    return outcome;
  };

  return async (issuance, given) => {
    const signal = AbortSignal.any([given, AbortSignal.timeout(allWithin)]);
    const { ocsp, crl } = issuance.certificate.revocation;
    const servers: readonly Server[] = [
      ...(ocsp ?? []).map((address) => ({ address, what: 'the OCSP responder', ask: askResponder })),
      ...(crl ?? []).map((address) => ({ address, what: 'the CRL server', ask: askList })),
    ];
    if (servers.length === 0) return bad('REVOCATION_UNAVAILABLE', 'it names no server that can be asked over HTTP', { transient: false });
    const whys: string[] = [];
    let transient = false;
    for (const server of servers) {
      if (signal.aborted) break;
      const outcome = await askOne(server, issuance, signal);
      if (outcome.ok) return outcome;
      whys.push(explain(server, outcome.fault));
      transient ||= outcome.fault.code !== 'REGISTRY_NOT_LISTED';
    }
    if (signal.aborted) whys.push('no time was left');
    return bad('REVOCATION_UNAVAILABLE', whys.join('; '), { transient: transient || signal.aborted });
  };
}

function explain({ address, what }: Server, { code, message }: Fault): string {
  const host = safeText(new URL(address).host, 255);
  if (code === 'REVOCATION_UNAVAILABLE') return `the answer of ${what} ${host} ${message}`;
  // All else begins with the host.
  if (code !== 'REGISTRY_NOT_LISTED') return `${what} ${message}`;
  return `${what} ${host} is not asked, since revocationHosts does not name it, or it has no address that it may have`;
}

function requestTo(address: string, request: Buffer): Pick<OutboundRequest, 'url' | 'method' | 'headers' | 'body'> {
  const encoded = encodeURIComponent(request.toString('base64'));
  const headers = { accept: 'application/ocsp-response' };
  const url = new URL(address);
  if (encoded.length <= longestGet && url.search === '') {
    url.pathname = `${url.pathname.replace(/\/$/, '')}/${encoded}`;
    return { url, method: 'GET', headers, body: null };
  }
  return { url, method: 'POST', headers: { ...headers, 'content-type': 'application/ocsp-request' }, body: request };
}

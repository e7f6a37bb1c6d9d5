import type { Outcome } from './fault.ts';

/** A question to a server that something we read names: no redirect is followed, no credential sent. */
export interface OutboundRequest {
  /** http: or https:, as it was written. */
  readonly url: URL;
  /** Who may be asked: `host`, `host:port` or `*.domain`. Whoever is not among them is REGISTRY_NOT_LISTED, and nothing is sent. */
  readonly hosts: readonly string[];
  readonly method: 'GET' | 'POST';
  readonly headers: Readonly<Record<string, string>>;
  readonly body: Uint8Array | null;
  /** Bytes of the answer. */
  readonly longest: number;
  /** Milliseconds for the whole of it. */
  readonly timeout: number;
}

/** The body of an answer with the status 200; all else is a fault, whose message names the host. */
export type Outbound = (request: OutboundRequest, signal: AbortSignal) => Promise<Outcome<Uint8Array>>;

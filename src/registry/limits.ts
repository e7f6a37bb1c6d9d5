import type { BreakerRules } from './breaker.ts';

/** What bounds the work for one registry, whoever runs it. Times in milliseconds, sizes in bytes. */
export interface RegistryLimits {
  /** To connect, TLS included. */
  readonly connect: number;
  /** One request, its body included. */
  readonly request: number;
  /** Work that several callers share. */
  readonly flight: number;
  /** Times one request is sent at most. */
  readonly attempts: number;
  /** Before the second attempt; doubles, with jitter. */
  readonly backoff: number;
  /** A registry that wants a longer wait gets no further attempt. */
  readonly longestWait: number;
  /** A registry that wants to be left alone is, but not for longer. */
  readonly longestPause: number;
  /** When a host that fails is no longer asked. */
  readonly breaker: BreakerRules;
  readonly redirects: number;
  /** Requests in progress, for each host. */
  readonly perHost: number;
  /** Requests that wait for their turn, for each host. */
  readonly queue: number;
  /** The manifest of an image, an index. */
  readonly manifestBytes: number;
  /** A page of referrers, and the index that lists them where a registry has no API for it. */
  readonly listBytes: number;
  readonly tokenBytes: number;
  /** Of the JSON in a manifest. */
  readonly depth: number;
  /** In one object of a manifest: its annotations, mostly. */
  readonly keys: number;
  /** UTF-16 units of one text in a manifest, such as an annotation. */
  readonly text: number;
  /** In the manifest of an image, in an index. */
  readonly descriptors: number;
  /** In a page of referrers, and in the index that lists them. */
  readonly listDescriptors: number;
  /** Of referrers. */
  readonly pages: number;
  readonly referrers: number;
  /** Content kept in memory. */
  readonly cacheBytes: number;
  /** Blobs no longer than this are kept. */
  readonly cachedBlobBytes: number;
}

export const defaultLimits: RegistryLimits = {
  connect: 3_000,
  request: 10_000,
  flight: 20_000,
  attempts: 3,
  backoff: 100,
  longestWait: 2_000,
  longestPause: 600_000,
  breaker: { failures: 5, repositories: 3, lasting: 1_000, forgottenAfter: 60_000, firstOpen: 1_000, longestOpen: 30_000 },
  redirects: 5,
  perHost: 32,
  queue: 1_000,
  manifestBytes: 512 * 1024,
  listBytes: 4 * 1024 * 1024,
  tokenBytes: 256 * 1024,
  depth: 32,
  keys: 256,
  text: 64 * 1024,
  descriptors: 1_000,
  listDescriptors: 10_000,
  pages: 10,
  referrers: 1_000,
  cacheBytes: 64 * 1024 * 1024,
  cachedBlobBytes: 64 * 1024,
};

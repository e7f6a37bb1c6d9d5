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
  readonly redirects: number;
  /** Requests in progress, for each host. */
  readonly perHost: number;
  /** Requests that wait for their turn, for each host. */
  readonly queue: number;
  /** A manifest, an index, a page of referrers. */
  readonly manifestBytes: number;
  readonly tokenBytes: number;
  /** Of the JSON in a manifest. */
  readonly depth: number;
  /** In one manifest. */
  readonly descriptors: number;
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
  redirects: 5,
  perHost: 32,
  queue: 1_000,
  manifestBytes: 4 * 1024 * 1024,
  tokenBytes: 256 * 1024,
  depth: 32,
  descriptors: 10_000,
  pages: 10,
  referrers: 1_000,
  cacheBytes: 64 * 1024 * 1024,
  cachedBlobBytes: 64 * 1024,
};

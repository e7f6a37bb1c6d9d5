import { type SpoolLimits, spoolLimits } from './spool.ts';

/** Segments of a folder at its largest: what is removed at a time is a small part. */
const segmentsAtMost = 32;

/** Segments that may be written while room is made for them. */
const headroom = 2;

/** Bytes kept free for what says that segments go. */
const forRemovals = 64 << 10;

/** Limits with which the folder stays within so many bytes. */
export function limitsWithin(maxBytes: number): SpoolLimits {
  const segment = Math.min(spoolLimits.segment, Math.floor(maxBytes / segmentsAtMost));
  return { ...spoolLimits, bytes: maxBytes - forRemovals, segment };
}

/** Bytes of the folder above which segments are removed. */
export function removeAbove({ bytes, segment }: SpoolLimits): number {
  return bytes - headroom * segment;
}

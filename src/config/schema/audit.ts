import { z } from 'zod';
import { formatSize, parseSize } from '../size.ts';
import { annotationGlob, distinct, duration } from '../values.ts';
import { checkpointCopy, sink } from './kinds.ts';

/** Where records are kept. */
export interface AuditStoreSettings {
  readonly kind: 'jsonl';
  /** Folder of JSON Lines files. */
  readonly path: string;
}

const day = 86_400_000;
const leastBytes = 64 * 1024 ** 2;
const mostBytes = 1024 ** 4;

/** Bytes, written such as `512Mi`, `1Gi`, or as a number. */
const maxBytes = z.union([z.string(), z.number()], 'must be a size such as 512Mi, 1Gi or a number of bytes').transform((written, context): number => {
  const size = parseSize(String(written));
  if (size !== null && size >= leastBytes && size <= mostBytes) return size;
  context.addIssue({ code: 'custom', message: `must be a size such as 512Mi or 1Gi, from ${formatSize(leastBytes)} to ${formatSize(mostBytes)}` });
  return z.NEVER;
});

const store = z.string().transform((text, context): AuditStoreSettings => {
  const [, kind = '', path = ''] = /^([a-z0-9+]*):(.*)$/s.exec(text) ?? [];
  if (kind === 'jsonl' && path !== '' && !path.includes('\0')) return { kind, path };
  // Nothing of what follows the scheme is repeated: it may hold a password.
  const lacking = /^(sqlite|postgres|postgresql|mysql|s3)$/.exec(kind)?.[1];
  const message =
    lacking === undefined ? 'must be jsonl:FOLDER, such as jsonl:state/audit' : `this version has no audit store of kind ${lacking}; it has jsonl:FOLDER`;
  context.addIssue({ code: 'custom', message });
  return z.NEVER;
});

export const auditSettings = z
  .strictObject({
    store: store.prefault('jsonl:state/audit').describe('Where records are kept: jsonl:FOLDER.'),
    required: z.boolean().default(false).describe('Refuse admission, in enforce, when a record can not be kept.'),
    retention: z
      .strictObject({
        allow: duration(3_600_000, 3650 * day)
          .prefault('30d')
          .describe('Of what was admitted.'),
        deny: duration(3_600_000, 3650 * day)
          .prefault('365d')
          .describe('Of what was denied.'),
      })
      .prefault({})
      .describe('How long records are kept, by decision.'),
    maxBytes: maxBytes.prefault('1Gi').describe('Bytes of the folder at most, such as 512Mi or 1Gi. Over it the oldest files go, those without denials first.'),
    annotations: distinct(annotationGlob, 64)
      .default(['tidewaiter.dev/*'])
      .describe("Globs of a Pod's annotations whose values are kept in records; policies see all of them."),
    sinks: z
      .array(sink)
      .max(16)
      .prefault([{ kind: 'stdout' }])
      .describe('Where records are sent besides.'),
    checkpoints: z
      .strictObject({
        every: duration(1_000, day).prefault('5m').describe('How often what is there of all chains is signed, while records are added.'),
        keyFile: z
          .string()
          .min(1)
          .refine((path) => !path.includes('\0'), 'must be the path of a file')
          .default('state/audit.key')
          .describe('The private key that signs (PEM, Ed25519 or ECDSA P-256); made at the first start where there is none.'),
        copies: z.array(checkpointCopy).max(8).default([]).describe('Where checkpoints are copied to: out of reach of whoever may write the store.'),
      })
      .prefault({})
      .describe('Signed statements of what is there of all chains.'),
  })
  .prefault({})
  .describe('Records of the decisions.');

import { z } from 'zod';
import { annotationGlob, distinct, duration } from '../values.ts';
import { sink } from './kinds.ts';

/** Where records are kept. */
export interface AuditStoreSettings {
  readonly kind: 'jsonl';
  /** Folder of JSON Lines files. */
  readonly path: string;
}

const day = 86_400_000;

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
      .strictObject({ allow: duration(3_600_000, 3650 * day).prefault('30d'), deny: duration(3_600_000, 3650 * day).prefault('365d') })
      .prefault({})
      .describe('How long records are kept, by decision.'),
    annotations: distinct(annotationGlob, 64)
      .default(['tidewaiter.dev/*'])
      .describe("Globs of a Pod's annotations whose values are kept in records; policies see all of them."),
    sinks: z
      .array(sink)
      .max(16)
      .prefault([{ kind: 'stdout' }])
      .describe('Where records are sent besides.'),
  })
  .prefault({});

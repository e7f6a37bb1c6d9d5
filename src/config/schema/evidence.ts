import { z } from 'zod';
import { digest, distinct, duration } from '../values.ts';

const keyId = z.string().regex(/^[0-9a-f]{64}$/, 'must be a key id: the SHA-256 of the public key in 64 lower-case hex digits');

export const revokedSettings = z
  .strictObject({
    digests: distinct(digest, 10_000).default([]).describe('Images, by digest, that are never admitted.'),
    keys: distinct(keyId, 1000).default([]).describe('Key ids whose signatures count for nothing.'),
    identities: distinct(z.string().min(1).max(1024), 1000).default([]).describe('Identities whose signatures count for nothing.'),
  })
  .prefault({})
  .describe('Beats every fact.');

const second = 1000;
const day = 86_400 * second;

export const evidenceSettings = z
  .strictObject({
    store: z
      .string()
      .superRefine((store, context) => {
        if (store === 'memory') return;
        const lacking = /^(sqlite|rediss?|valkeys?)(?=:)/.exec(store)?.[1];
        context.addIssue({
          code: 'custom',
          message: lacking === undefined ? 'must be memory' : `this version has no evidence store of kind ${lacking}; it has memory`,
        });
      })
      .transform(() => 'memory' as const)
      .prefault('memory')
      .describe('Where facts are kept.'),
    tagFor: duration(0, day).prefault('10s').describe('How long a tag is believed to point where it did.'),
    absentFor: duration(0, day).prefault('10s').describe('How long "found none" is believed.'),
    refreshAfter: duration(second, 30 * day)
      .prefault('10m')
      .describe('Age at which a fact in use is gathered anew.'),
    lastKnownGoodFor: duration(0, 30 * day)
      .prefault('24h')
      .describe('How long a fact bridges an outage of its source.'),
  })
  .prefault({});

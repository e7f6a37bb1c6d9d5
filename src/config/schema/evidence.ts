import { z } from 'zod';
import { digest, distinct, duration, filePath } from '../values.ts';
import { absent } from './absent.ts';

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

const redisAddress = /^rediss?:\/\/(?:[A-Za-z0-9.-]{1,253}|\[[0-9a-fA-F:.]{2,45}\]):[0-9]{1,5}(?:\/[0-9]{1,3})?$/;

/** Where facts are kept. The text stays as it is written; storeSettings in serve.ts takes it apart. */
const storeAddress = z.string().superRefine((store, context) => {
  if (store === 'memory' || (redisAddress.test(store) && URL.canParse(store))) return;
  if (/^sqlite:[^\0]{1,4096}$/.test(store)) return;
  context.addIssue({
    code: 'custom',
    message: /^rediss?:.*@/.test(store)
      ? 'can not hold a user or a password: give evidence.username and evidence.passwordFile'
      : 'must be memory, sqlite:FILE, redis://HOST:PORT/DB or rediss://HOST:PORT/DB',
  });
});

export const evidenceSettings = z
  .strictObject({
    store: storeAddress
      .prefault('memory')
      .describe('Where facts are kept: memory, sqlite:FILE, or redis://HOST:PORT/DB shared by replicas (rediss:// with TLS).'),
    keyFile: filePath
      .optional()
      .describe('Holds the key, of 32 bytes or more, that stored facts are sealed with. Needed for redis; made beside a SQLite file.'),
    username: absent(z.string().min(1).max(256)).describe('User of the Redis server; absent: its default user.'),
    passwordFile: absent(filePath).describe('Holds the password of the Redis server.'),
    caFile: absent(filePath).describe('PEM of the CAs that the certificate of the Redis server must come from, with rediss://.'),
    tagFor: duration(0, day).prefault('10s').describe('How long a tag is believed to point where it did.'),
    absentFor: duration(0, day).prefault('10s').describe('How long "found none" is believed.'),
    refreshAfter: duration(second, 30 * day)
      .prefault('10m')
      .describe('Age at which a fact in use is gathered anew.'),
    lastKnownGoodFor: duration(0, 30 * day)
      .prefault('24h')
      .describe('How long a fact bridges an outage of its source.'),
  })
  .prefault({})
  .describe('How long what was found out is believed, and where it is kept.');

import { z } from 'zod';
import { formatSize, parseSize } from '../size.ts';
import { annotationGlob, distinct, duration, filePath } from '../values.ts';
import { checkpointCopy, sink } from './kinds.ts';

/** Where records are kept; paths as they are written. */
export type AuditStoreSettings =
  | { readonly kind: 'sqlite' | 'jsonl'; readonly path: string }
  | {
      readonly kind: 'postgres';
      /** A folder is a Unix socket's. */
      readonly host: string;
      readonly port: number;
      readonly database: string;
      readonly user: string;
      readonly tls: boolean;
    };

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

const storeForms = 'sqlite:FILE, postgres://USER@HOST/DATABASE or jsonl:FOLDER';

const store = z.string().transform((text, context): AuditStoreSettings => {
  const [, kind = '', path = ''] = /^([a-z0-9+]*):(.*)$/s.exec(text) ?? [];
  if ((kind === 'jsonl' || kind === 'sqlite') && path !== '' && !path.includes('\0')) return { kind, path };
  // Nothing of what follows the scheme is repeated: it may hold a password.
  const parsed = /^postgres(?:ql)?$/.test(kind) ? parsePostgres(text) : `must be ${storeForms}, such as sqlite:state/audit.db`;
  if (typeof parsed !== 'string') return parsed;
  context.addIssue({ code: 'custom', message: parsed });
  return z.NEVER;
});

const postgresPort = 5432;

/** What is wrong with it, as a text. https://www.postgresql.org/docs/15/libpq-connect.html#LIBPQ-CONNSTRING-URIS */
function parsePostgres(text: string): AuditStoreSettings | string {
  const form = 'must be postgres://USER@HOST[:PORT]/DATABASE';
  let url: URL;
  let parts: { readonly database: string; readonly user: string };
  try {
    // The port would be dropped where it is a known scheme's own; this scheme has none.
    url = new URL(text);
    parts = { database: decodeURIComponent(url.pathname.slice(1)), user: decodeURIComponent(url.username) };
  } catch {
    return form;
  }
  if (url.password !== '') return 'must hold no password: passwordFile names a file with it, or PGPASSWORD holds it';
  const unknown = [...url.searchParams.keys()].find((key) => key !== 'sslmode' && key !== 'host');
  if (unknown !== undefined) return 'may have the parameters sslmode and host only';
  const host = url.searchParams.get('host') ?? url.hostname.replace(/^\[(.*)\]$/, '$1');
  const { database, user } = parts;
  if (host === '' || user === '' || database === '' || `${host}${user}${database}`.includes('\0')) return form;
  const mode = url.searchParams.get('sslmode');
  if (mode !== null && mode !== 'disable' && mode !== 'verify-full') return 'knows sslmode=verify-full, which is the default, and sslmode=disable';
  const local = host.startsWith('/') || /^(?:localhost|127(?:\.\d+){3}|::1)$/.test(host);
  return {
    kind: 'postgres',
    host,
    port: url.port === '' ? postgresPort : Number(url.port),
    database,
    user,
    tls: mode === 'verify-full' || (mode === null && !local),
  };
}

export const auditSettings = z
  .strictObject({
    store: store
      .prefault('sqlite:state/audit.db')
      .describe(
        `Where records are kept: ${storeForms}. The password of PostgreSQL is in passwordFile or PGPASSWORD; TLS unless the host is this one, or sslmode=disable.`,
      ),
    passwordFile: filePath.optional().describe('File with the password of PostgreSQL, read anew for each connection.'),
    caFile: filePath.optional().describe("CAs that the certificate of PostgreSQL is checked against (PEM); else the system's."),
    spool: filePath
      .default('state/audit')
      .describe('Folder that records are written to first, and stay in while the store can not be reached. Not used with jsonl:FOLDER.'),
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
    maxBytes: maxBytes
      .prefault('1Gi')
      .describe('Bytes of the spool, or of jsonl:FOLDER, at most, such as 512Mi or 1Gi. Over it the oldest files go, those without denials first.'),
    storeBytes: maxBytes
      .prefault('8Gi')
      .describe('Bytes of sqlite:FILE, or of the index of jsonl:FOLDER, at most. Over it the oldest weeks go, plain admissions first.'),
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

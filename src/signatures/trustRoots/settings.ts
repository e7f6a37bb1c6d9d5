import { z } from 'zod';

/** The mirror of the public-good instance, whose first root comes with the `sigstore` package. */
const publicMirror = 'https://tuf-repo-cdn.sigstore.dev';

const units: Readonly<Record<string, number>> = { m: 60_000, h: 3_600_000, d: 86_400_000 };
const shortestAge = 60_000;
const longestAge = 365 * 86_400_000;

const path = z.string().min(1).max(4096);

/** Milliseconds once read. As long as the public-good instance's own timestamps are valid. */
const maxAge = z
  .string()
  .regex(/^[0-9]{1,6}[mhd]$/, 'must be a duration such as 90m, 24h or 7d')
  .transform((text) => Number(text.slice(0, -1)) * (units[text.slice(-1)] ?? Number.NaN))
  .refine((age) => age >= shortestAge && age <= longestAge, 'must be a duration from 1m to 365d')
  .prefault('7d')
  .describe('how long a trusted root is believed while the mirror can not be asked again');

const mirror = z
  .string()
  .max(2048)
  .refine((text) => URL.canParse(text) && /^https?:$/.test(new URL(text).protocol), 'must be an https:// or http:// address')
  .refine((text) => URL.canParse(text) && new URL(text).username === '' && new URL(text).password === '', 'can not hold a password')
  .transform((text) => text.replace(/\/+$/, ''))
  .prefault(publicMirror);

const tuf = z
  .strictObject({
    mirror: mirror.describe('address of the TUF repository'),
    root: path.optional().describe('file with the first TUF root (root.json); not needed for the public-good mirror'),
    maxAge,
  })
  .readonly()
  .refine(({ mirror: asked, root }) => asked === publicMirror || root !== undefined, { path: ['root'], message: 'is needed for a mirror of your own' });

/** Where a trusted root comes from: a file, or a TUF repository. */
export const trustedRootSettings = z
  .strictObject({
    file: path.optional().describe('file with a Sigstore trusted root (JSON)'),
    tuf: tuf.optional().describe('TUF repository with a target trusted_root.json'),
  })
  .readonly()
  .refine(({ file, tuf: repository }) => (file === undefined) !== (repository === undefined), 'needs exactly one of file and tuf');

export type TrustedRootSettings = z.infer<typeof trustedRootSettings>;
export type TufSettings = z.infer<typeof tuf>;

/** The public-good instance. */
export const publicGood: TrustedRootSettings = { tuf: tuf.parse({}) };

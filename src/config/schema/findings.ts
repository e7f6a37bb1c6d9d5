import { z } from 'zod';
import { severitySources } from '../../scans/index.ts';
import { distinct, imageGlob } from '../values.ts';
import { absent } from './absent.ts';

export const severitySource = z.enum(severitySources);

export const severitySourceSettings = severitySource
  .default('reported')
  .describe("Whose grade of a finding counts: reported (the scanner's choice), nvd (where NVD graded it), or maximum (the worst of all).");

const dayForm = /^\d{4}-\d{2}-\d{2}$/;
const timeForm = /^\d{4}-\d{2}-\d{2}T\d{2}:\d{2}:\d{2}(?:Z|[+-]\d{2}:\d{2})$/;
const dayLength = 86_400_000;

/** A day, which the rule is in force to the end of (UTC), or a time of RFC 3339. Milliseconds since the epoch once read. */
const expiry = z.string().transform((text, context): number => {
  const day = dayForm.test(text);
  const midnight = Date.parse(`${text.slice(0, 10)}T00:00:00Z`);
  // Date.parse makes 2026-03-02 of 2026-02-30.
  const real = Number.isFinite(midnight) && new Date(midnight).toISOString().startsWith(text.slice(0, 10));
  const time = day ? midnight + dayLength : timeForm.test(text) ? Date.parse(text) : Number.NaN;
  if (real && Number.isFinite(time)) return time;
  context.addIssue({ code: 'custom', message: 'must be a day such as 2027-01-31, or a time such as 2027-01-31T12:00:00Z' });
  return z.NEVER;
});

const words = z.string().trim().min(1, 'must say something').max(1024);

export const ignoreSettings = z
  .array(
    z.strictObject({
      id: z.string().min(1).max(128).describe('The vulnerability, as the scanner names it.'),
      images: absent(distinct(imageGlob).min(1, 'must name at least one image')).describe('Globs of registry/repository; absent: every image.'),
      packages: absent(distinct(z.string().min(1).max(1024)).min(1, 'must name at least one package')).describe(
        'Names of packages, or package URLs (pkg:…) whose absent parts fit all; absent: every package.',
      ),
      owner: words.describe('Who answers for it.'),
      reason: words.describe('Why it is acceptable.'),
      expires: expiry.describe('A day (to its end, UTC) or a time; from then on the rule has no effect.'),
    }),
  )
  .max(1000)
  .default([])
  .describe('Findings that are not counted until a day; they stay visible, with owner and reason.');

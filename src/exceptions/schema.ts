import { z } from 'zod';
import { safeText } from '../domain/text.ts';
import { waivableHostFindings } from '../domain/waive.ts';

/** Group and version of the two kinds. */
export const exceptionApiVersion = 'tidewaiter.dev/v1';

/** Longest a breakglass lasts, in milliseconds. */
export const longestBreakglass = 4 * 3_600_000;

/** Words that people read. Those that show otherwise than they are, or not at all, are refused rather than escaped: an approver reads them. */
const words = (most: number) =>
  z
    .string()
    .trim()
    .min(1, 'must say something')
    .max(most)
    .refine((text) => safeText(text, most) === text, 'can have no control, invisible or bidirectional characters');

const time = z.iso.datetime({ offset: true, error: 'must be a time such as 2027-01-31T12:00:00Z' });

const policyForm = /^([A-Za-z_][A-Za-z0-9_]{0,62})(?:\/([A-Za-z0-9][A-Za-z0-9._:-]{0,127}))?$/;

const policy = z
  .string()
  .max(192)
  .regex(policyForm, 'must be a policy, or policy/id for one of its findings, such as signed or scanned/critical')
  .refine(
    (text) => !/^tidewaiter(\/|$)/.test(text) || waivableHostFindings.some((id) => text === `tidewaiter/${id}`),
    `of tidewaiter's own findings only these can be waived: ${waivableHostFindings.map((id) => `tidewaiter/${id}`).join(', ')}`,
  );

const cve = z.string().regex(/^[A-Za-z0-9][A-Za-z0-9._:-]{2,127}$/, 'must be the id of a vulnerability, such as CVE-2027-0001');

const digest = z.string().regex(/^sha256:[0-9a-f]{64}$|^sha512:[0-9a-f]{128}$/, 'must be a digest: sha256: and 64 lower-case hex digits');

/** A registry without a wildcard, then a glob: nobody is to approve a pattern that means every image there is. */
const image = z
  .string()
  .max(255)
  .regex(/^(?:[a-z0-9-]+(?:\.[a-z0-9-]+)+(?::[0-9]{1,5})?|[a-z0-9-]+:[0-9]{1,5}|localhost)\/[a-z0-9*._/-]*[a-z0-9*]$/, {
    error: 'must be registry/repository, or a glob of it below one registry, such as registry.corp/acme/**; without tag or digest',
  })
  .refine((pattern) => (pattern.match(/\*+/g) ?? []).length <= 4 && !pattern.includes('***'), 'can have at most 4 wildcards, each * or **')
  .refine((pattern) => !/^docker\.io\/[^/*]+$/.test(pattern), "matches nothing: Docker Hub's own images are named docker.io/library/NAME")
  .refine((pattern) => !pattern.startsWith('index.docker.io/'), 'must name Docker Hub docker.io');

const namespace = z
  .string()
  .regex(/^[a-z0-9*-]{1,63}$/, 'must be a namespace, or a glob such as dev-*')
  .refine((pattern) => (pattern.match(/\*+/g) ?? []).length <= 4 && !pattern.includes('**'), 'can have at most 4 wildcards');

const list = <T extends z.ZodType>(entry: T, most: number) => z.array(entry).max(most).default([]);

/** The fields of a spec, without what they have to do with each other. */
export const specFields = {
  policies: list(policy, 50).describe('Findings that are dropped: a policy, or policy/id.'),
  cves: list(cve, 500).describe('Vulnerabilities that are not counted.'),
  images: list(image, 50).describe('Globs of registry/repository that this is for.'),
  digests: list(digest, 100).describe('Digests of images, or of their platforms, that this is for.'),
  reason: words(1024).describe('Why it is acceptable. Shown wherever the exception is used.'),
  ticket: words(256).nullable().default(null).describe('Where it is discussed.'),
  owner: words(256).nullable().default(null).describe('Who answers for it.'),
  starts: time.nullable().default(null).describe('From when on it counts; absent: at once.'),
  expires: time.describe('From then on it has no effect.'),
  breakglass: z.boolean().default(false).describe("Waives whatever can be waived, by one person's word, for four hours at most."),
};

export const namespacesField = list(namespace, 100).describe('Globs of the namespaces that this is for.');

/** What is stamped by the webhook, and by nobody else: whatever a request has here is thrown away. */
export const statusFields = {
  state: z.enum(['Pending', 'Approved', 'Breakglass']).describe('What it was when it was last written. An expired one keeps its state.'),
  revision: z
    .string()
    .regex(/^[0-9a-f]{64}$/)
    .describe('SHA-256 of the spec: what an approval names.'),
  createdBy: z.string().min(1).max(1024).describe('Who created it, by the word of the API server.'),
  changedBy: z.string().max(1024).nullable().default(null).describe('Who wrote the spec as it is now, where that is another.'),
  approvedBy: z.string().max(1024).nullable().default(null).describe('Who approved the spec as it is now.'),
  acknowledgedBy: z.string().max(1024).nullable().default(null).describe('Who has taken note of a breakglass.'),
  writtenAt: time.describe('When the spec was written as it is now.'),
  approvedAt: time.nullable().default(null).describe('When it was approved.'),
  seal: z
    .string()
    .regex(/^[A-Za-z0-9_-]{43}$/)
    .describe('HMAC-SHA-256 over object, spec and stamps.'),
};

export const statusSchema = z.object(statusFields);
export type ExceptionStatus = z.infer<typeof statusSchema>;

const specRules = (spec: z.infer<z.ZodObject<typeof specFields>>, context: z.core.$RefinementCtx): void => {
  const say = (path: string, message: string): void => {
    context.addIssue({ code: 'custom', path: [path], message });
  };
  const { policies, cves, images, digests, starts, expires, breakglass } = spec;
  if (breakglass) {
    if (policies.length + cves.length > 0) say('breakglass', 'waives whatever can be waived: leave out policies and cves');
    return;
  }
  // One that named both would drop more than either shows.
  if (policies.length > 0 === cves.length > 0) say('policies', 'must have one of policies and cves; write two exceptions for both');
  if (images.length + digests.length === 0) say('images', 'must name images or digests');
  if (starts !== null && Date.parse(starts) >= Date.parse(expires)) say('expires', 'must be after starts');
};

export const imageExceptionSpec = z.strictObject(specFields).superRefine(specRules);
export const clusterImageExceptionSpec = z
  .strictObject({ ...specFields, namespaces: namespacesField })
  .superRefine(specRules)
  .superRefine(({ namespaces }, context) => {
    if (namespaces.length === 0) context.addIssue({ code: 'custom', path: ['namespaces'], message: 'must name at least one namespace, or a glob' });
  });

import { z } from 'zod';
import { faultCodes } from '../../domain/fault.ts';
import { parseReference } from '../../domain/image.ts';
import { distinct, duration, filePath, name, namespaceGlob, policyName } from '../values.ts';
import { absent } from './absent.ts';

const mode = z.enum(['enforce', 'warn', 'observe']).describe('enforce denies; warn admits with a warning; observe admits and records.');

export const modeSettings = z
  .strictObject({
    default: mode.default('enforce').describe('For namespaces that no rule names.'),
    namespaces: z
      .array(z.strictObject({ match: distinct(namespaceGlob).min(1, 'must have at least one glob').describe('Globs of namespaces.'), mode }))
      .max(256)
      .default([])
      .describe('The first rule that matches wins.'),
    workloads: z.enum(['warn', 'deny', 'off']).default('warn').describe('What a Deployment gets whose Pods would be denied.'),
  })
  .prefault({})
  .describe('What a denial does, by namespace.');

const policyMode = z.enum(['enforce', 'warn', 'off']);

const mostData = 256 * 1024;

/** Keys are checked by the list of codes; what keeps the policies from judging is not among them, since nobody would be judging. */
const faultEffects = z.partialRecord(z.enum(faultCodes).exclude(['POLICY_BROKEN', 'POLICY_TIMEOUT', 'INTERNAL']), z.enum(['deny', 'warn', 'ignore']));

/** A file or folder, or the address of a bundle: `https://…` without anything secret, or `oci://REGISTRY/REPOSITORY`, with a tag or digest. */
const policyPlace = filePath.superRefine((place, context) => {
  const say = (message: string): void => context.addIssue({ code: 'custom', message });
  const scheme = /^([a-z][a-z0-9+.-]*):\/\//i.exec(place)?.[1];
  if (scheme === undefined) return;
  if (scheme === 'https') {
    const url = URL.parse(place);
    if (url === null || url.hash !== '') say('must be an address such as https://host/policies.tar.gz');
    else if (url.username !== '' || url.password !== '') say('must have no password in it: see policy.fetch.tokenFile');
  } else if (scheme === 'oci') {
    const reference = place.slice('oci://'.length);
    if (!/^[^/]*[.:][^/]*\/|^localhost\//.test(reference)) say('must begin with a registry, such as oci://registry.corp/policies:stable');
    else if (!parseReference(reference).ok) say('must be a reference such as oci://registry.corp/policies:stable, in lower case');
  } else say(scheme === 'http' ? 'must be https: what is fetched without TLS can be changed on the way' : 'must be a file, https://… or oci://…');
});

const verificationSettings = z
  .strictObject({
    keyFile: filePath.describe('Public key in PEM.'),
    keyId: absent(z.string().min(1).max(256)).describe('Key id that the signature must name. Absent: whatever it names.'),
    scope: z.string().max(256).default('').describe('Scope that the signature must name.'),
  })
  .describe('Whose signature (.signatures.json, as OPA has it) a policy bundle must carry.');

const fetchSettings = z
  .strictObject({
    every: duration(1_000, 86_400_000).prefault('1m').describe('How often a bundle is looked for, give or take a tenth.'),
    caFile: absent(filePath).describe('PEM of the authorities for https://, instead of the system’s.'),
    tokenFile: absent(filePath).describe('Bearer token for https://; read for each request.'),
  })
  .prefault({})
  .describe('How bundles are fetched.');

export const policySettings = z
  .strictObject({
    directory: absent(filePath).describe('Folder of Rego policies. Default: policies beside the configuration, else those shipped with the program.'),
    bundle: absent(policyPlace).describe('Policy bundle instead of a directory: a file made by `tidewaiter policy build`, https://… or oci://….'),
    candidate: absent(policyPlace).describe(
      'Policies judged beside those in force, never enforced: a folder, or a bundle as above (a file ending in .tar.gz or .tgz).',
    ),
    candidateModes: z.record(policyName, policyMode).default({}).describe('Modes that the candidate has instead of modes.'),
    signers: distinct(name).default([]).describe('Signers any of whom must have signed a bundle from oci://.'),
    verification: absent(verificationSettings),
    fetch: fetchSettings,
    allowOlder: z.boolean().default(false).describe('Whether a fetched bundle may be older than the one in force.'),
    state: filePath.default('state/policies').describe('Folder where the last good bundle, and what was in force by its revision, is kept.'),
    required: distinct(policyName).default([]).describe('Policies without which nothing is admitted.'),
    modes: z.record(policyName, policyMode).default({}).describe('Mode of single policies.'),
    faults: faultEffects.default({}).describe('What comes of a stage that could not be looked at, by the code of its fault; deny unless named.'),
    data: z
      .record(z.string(), z.json())
      .refine((data) => JSON.stringify(data).length <= mostData, 'must be at most 256 KiB as JSON')
      .default({})
      .describe('What policies see as data.config.'),
    timeout: duration(10, 10_000).prefault('500ms').describe('Longest time for all policies together.'),
  })
  .superRefine((policy, context) => {
    if (policy.directory !== null && policy.bundle !== null) context.addIssue({ code: 'custom', message: 'must have one of directory and bundle' });
    if (policy.candidate === null && Object.keys(policy.candidateModes).length > 0) {
      context.addIssue({ code: 'custom', path: ['candidateModes'], message: 'has no meaning without policy.candidate' });
    }
    for (const key of ['bundle', 'candidate'] as const) {
      const place = policy[key] ?? '';
      if (place.startsWith('https://') && policy.verification === null) {
        context.addIssue({ code: 'custom', path: [key], message: 'needs policy.verification: whoever could answer in its place would make the policies' });
      }
      if (place.startsWith('oci://') && policy.verification === null && policy.signers.length === 0) {
        context.addIssue({ code: 'custom', path: [key], message: 'needs policy.signers or policy.verification: whoever may push would make the policies' });
      }
    }
    if (policy.signers.length > 0 && ![policy.bundle, policy.candidate].some((place) => place?.startsWith('oci://'))) {
      context.addIssue({ code: 'custom', path: ['signers'], message: 'has a meaning for bundles from oci:// only; see policy.verification' });
    }
  })
  .prefault({})
  .describe('The Rego policies that judge, and what they are told.');

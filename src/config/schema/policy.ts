import { z } from 'zod';
import { faultCodes } from '../../domain/fault.ts';
import { distinct, duration, filePath, namespaceGlob, policyName } from '../values.ts';
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

const mostData = 256 * 1024;

/** Keys are checked by the list of codes; what keeps the policies from judging is not among them, since nobody would be judging. */
const faultEffects = z.partialRecord(z.enum(faultCodes).exclude(['POLICY_BROKEN', 'POLICY_TIMEOUT', 'INTERNAL']), z.enum(['deny', 'warn', 'ignore']));

export const policySettings = z
  .strictObject({
    directory: absent(filePath).describe('Folder of Rego policies. Default: policies beside the configuration, else those shipped with the program.'),
    bundle: absent(
      filePath.superRefine((bundle, context) => {
        const scheme = /^(https?|oci):\/\//.exec(bundle)?.[1];
        if (scheme !== undefined) context.addIssue({ code: 'custom', message: `this version has no policy bundles from ${scheme}://; it reads a file` });
      }),
    ).describe('File made by `tidewaiter policy build`, instead of a directory.'),
    required: distinct(policyName).default([]).describe('Policies without which nothing is admitted.'),
    modes: z
      .record(policyName, z.enum(['enforce', 'warn', 'off']))
      .default({})
      .describe('Mode of single policies.'),
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
  })
  .prefault({})
  .describe('The Rego policies that judge, and what they are told.');

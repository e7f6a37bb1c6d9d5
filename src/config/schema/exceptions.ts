import { z } from 'zod';
import { duration, filePath, objectName } from '../values.ts';
import { absent } from './absent.ts';

const day = 86_400_000;

const seal = z
  .strictObject({
    keyFile: filePath.optional().describe('Key of the seal, 32 bytes or more; all replicas have the same.'),
    previousKeyFile: filePath.optional().describe('Key that was used before: what it sealed still counts.'),
    secret: z
      .strictObject({ namespace: objectName.describe('Namespace of the Secret.'), name: objectName.describe('Name of the Secret.') })
      .optional()
      .describe('Secret whose value `key` is made by the first replica; `previous`, where there is one, still opens seals.'),
  })
  .superRefine(({ keyFile, previousKeyFile, secret }, context) => {
    const say = (message: string): void => context.addIssue({ code: 'custom', message });
    if ((keyFile === undefined) === (secret === undefined)) say('must have one of keyFile and secret');
    if (previousKeyFile !== undefined && keyFile === undefined) say('must have keyFile beside previousKeyFile');
  });

/** Approved, expiring waivers. */
export const exceptionSettings = absent(
  z
    .strictObject({
      directory: absent(filePath).describe('Folder of exceptions in YAML or JSON. Whoever may write there is trusted.'),
      seal: absent(seal).describe('Key of the seal on ImageException objects of the cluster. Absent: those of the cluster are not looked at.'),
      longest: duration(3_600_000, 3650 * day)
        .prefault('90d')
        .describe('Longest time from when an exception is written to its end.'),
      warnBefore: duration(0, 365 * day)
        .prefault('7d')
        .describe('How long before its end everybody who uses an exception is told; a breakglass, 15 minutes at most.'),
    })
    .superRefine(({ directory, seal: sealed }, context) => {
      if (directory === null && sealed === null) context.addIssue({ code: 'custom', message: 'must have a directory, a seal, or both' });
    }),
).describe('Exceptions: what is admitted in spite of a policy, by whose word, and until when.');

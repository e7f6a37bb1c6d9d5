import { z } from 'zod';
import { good } from '../domain/fault.ts';
import type { CredentialKind } from './kind.ts';
import { createShortLived } from './shortLived.ts';

const settings = z.strictObject({
  kind: z
    .literal('ecr')
    .describe('Amazon ECR: 12 hour credentials of GetAuthorizationToken, with the identity that the AWS SDK finds (IRSA, EKS Pod Identity, environment).'),
  region: z
    .string()
    .regex(/^[a-z]{2}(?:-[a-z]+)+-\d{1,2}$/, 'must be an AWS region such as eu-west-1')
    .optional()
    .describe('Region of the registry; absent: AWS_REGION.'),
});

/** https://docs.aws.amazon.com/AmazonECR/latest/APIReference/API_GetAuthorizationToken.html */
export const ecr: CredentialKind<z.infer<typeof settings>> = {
  settings,
  async create({ region }) {
    const current = createShortLived({
      issuer: 'Amazon ECR',
      // Loaded when it is first needed: the library is large, and most have no need of it.
      issue: async (signal) => (await import('./issueEcr.ts')).issueEcr(region ?? null, signal),
    });
    return good({ credential: (_host, _repository, _access, signal) => current(signal) });
  },
};

import { z } from 'zod';
import { good, type Outcome } from '../domain/fault.ts';
import { parseRepository, type Repository } from '../domain/image.ts';

/** What every kind of signer has whose signatures are made by cosign, or as cosign makes them. */
export const commonSettings = {
  name: z.string().min(1).max(64),
  images: z.array(z.string().min(1).max(255)).min(1).max(256).readonly().describe('globs over registry/repository: where this signer counts'),
  repository: z
    .string()
    .refine((name) => parseRepository(name).ok, 'must be a registry/repository')
    .optional()
    .describe('where signatures live, if elsewhere than beside the image'),
  annotations: z.record(z.string().min(1).max(255), z.string().max(4096)).readonly().optional().describe('annotations that must have been signed'),
};

export function readRepository({ repository }: { readonly repository?: string | undefined }): Outcome<Repository | null> {
  return repository === undefined ? good(null) : parseRepository(repository);
}

import { z } from 'zod';
import { bad, good } from '../../domain/fault.ts';
import { parseRepository } from '../../domain/image.ts';
import { ownAccess } from '../../domain/registry.ts';
import { checkpointType } from './envelope.ts';
import type { CopyKind } from './kind.ts';

const settings = z.strictObject({
  kind: z.literal('oci'),
  repository: z
    .string()
    .refine((written) => parseRepository(written).ok, 'must be a repository with its registry, such as registry.corp/audit/checkpoints')
    .describe('a repository that this program may push to; one that refuses to overwrite tags serves best'),
});
type Settings = z.infer<typeof settings>;

/** What an artifact is marked as, and its one layer. https://github.com/opencontainers/image-spec/blob/v1.1.1/manifest.md#guidelines-for-artifact-usage */
const artifactType = checkpointType;
const envelopeType = 'application/vnd.dsse.envelope.v1+json';

/** One artifact for each checkpoint, by a tag that sorts by time. */
export const oci: CopyKind<Settings> = {
  settings,
  create({ repository: written }, { artifacts }) {
    const repository = parseRepository(written);
    if (!repository.ok) return bad('CONFIG_INVALID', `audit.checkpoints.copies: ${repository.fault.message}`);
    return good({
      name: 'oci',
      async write(name, text, signal) {
        const artifact = { artifactType, mediaType: envelopeType, content: Buffer.from(`${text}\n`, 'utf8') };
        const pushed = await artifacts.push(repository.value, name, artifact, { signal, access: ownAccess });
        return pushed.ok ? good(undefined) : pushed;
      },
    });
  },
};

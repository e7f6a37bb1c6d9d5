import { z } from 'zod';
import { distinct, filePath, imageGlob, objectName, platform, registryHost, registryPrefix } from '../values.ts';
import { absent } from './absent.ts';
import { credentials } from './kinds.ts';

export const platformSettings = absent(distinct(platform, 32).min(1, 'must name at least one platform')).describe(
  "Platforms whose part of a multi-platform image matters. Absent: those of the cluster's nodes, without a cluster linux/amd64.",
);

export const registrySettings = absent(
  z
    .array(
      z.strictObject({
        host: registryHost.describe('HOST, HOST:PORT, or *.DOMAIN for every host below it.'),
        endpoint: absent(registryHost).describe('HOST or HOST:PORT whose API is asked instead, where nodes pull by a name that leads elsewhere from here.'),
        plainHTTP: z.boolean().default(false).describe('Speak HTTP without TLS.'),
        caFile: absent(filePath).describe("PEM of the CAs that this registry's certificate must come from."),
        alsoHosts: distinct(registryHost, 64).default([]).describe('Token realms, redirects and blob hosts that the registry may send us to.'),
        credentials: absent(credentials).describe('What to authenticate with.'),
      }),
    )
    .max(256),
).describe('Who may be contacted. Absent: the well-known public registries.');

export const regionSettings = absent(objectName).describe('Where the cluster stands: mirror targets of this region come first.');

export const mirrorSettings = z
  .array(
    z.strictObject({
      source: registryPrefix.describe('Registry, or registry/path up to a slash; the longest match wins.'),
      targets: z
        .array(
          z.strictObject({
            location: registryPrefix.describe("Registry, or registry/path, that takes the source's place."),
            pullSecret: absent(objectName).describe("Secret of the Pod's namespace that the kubelet pulls with."),
            region: absent(objectName).describe('Where it stands: those of the own region come first, then those of none.'),
            trusted: z.boolean().default(false).describe('Nobody else can push there.'),
          }),
        )
        .min(1, 'must have at least one target')
        .max(8)
        .describe('In order of preference: the first healthy one that has the digest is used.'),
      exclude: distinct(imageGlob).default([]).describe('Globs of images that stay where they are.'),
      required: z.boolean().default(false).describe('Whether an image that no target serves is a violation.'),
      evidence: z.enum(['source', 'mirror', 'both']).default('source').describe('Where signatures are looked for.'),
    }),
  )
  .max(128)
  .default([])
  .describe('Where images are pulled from instead.');

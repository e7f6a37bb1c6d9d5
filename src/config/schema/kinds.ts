import { z } from 'zod';
import { sinkKinds } from '../../audit/sinks/index.ts';
import { credentialKinds } from '../../credentials/index.ts';
import { scanKinds } from '../../scans/index.ts';
import { signerKinds } from '../../signatures/index.ts';
import { distinct, imageGlob, name } from '../values.ts';
import { kinded } from './kinded.ts';

/** Which kinds this version lacks that the contract names, so that they are refused as such. */
const lacking = {
  signers: ['cosign-keyless', 'notation'],
  scans: ['trivy-operator', 'harbor', 'trivy', 'referrer'],
  credentials: ['ecr', 'gcr', 'acr'],
  sinks: ['webhook'],
};

export const signerSettings = z
  .array(
    kinded(
      'signer',
      signerKinds,
      {
        name: name.describe('The word that policies use.'),
        images: distinct(imageGlob).min(1, 'must name at least one image').describe('Globs of registry/repository: where this signer counts.'),
      },
      lacking.signers,
    ),
  )
  .max(256)
  .default([])
  .describe('Whose signatures and attestations count, and where.');

export const scanSettings = z
  .array(kinded('scan source', scanKinds, { name: name.describe('The word that policies use.') }, lacking.scans))
  .max(32)
  .default([])
  .describe('Where scan results come from.');

export const credentials = kinded('credentials', credentialKinds, {}, lacking.credentials);

export const sink = kinded('audit sink', sinkKinds, {}, lacking.sinks);

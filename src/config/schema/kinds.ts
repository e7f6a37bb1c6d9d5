import { z } from 'zod';
import { copyKinds } from '../../audit/checkpoints/index.ts';
import { sinkKinds } from '../../audit/sinks/index.ts';
import { credentialKinds } from '../../credentials/index.ts';
import { scanKinds, vexKinds } from '../../scans/index.ts';
import { signerKinds } from '../../signatures/index.ts';
import { distinct, imageGlob, name } from '../values.ts';
import { absent } from './absent.ts';
import { severitySource } from './findings.ts';
import { kinded } from './kinded.ts';

/** Which kinds this version lacks that the contract names, so that they are refused as such. */
const lacking = {
  signers: [],
  scans: [],
  vex: [],
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
  .array(
    kinded(
      'scan source',
      scanKinds,
      {
        name: name.describe('The word that policies use.'),
        severitySource: absent(severitySource).describe('Whose grade of its findings counts; absent: as severitySource of the whole configuration.'),
      },
      lacking.scans,
    ),
  )
  .max(32)
  .default([])
  .describe('Where scan results come from.');

export const vexSettings = z
  .array(kinded('VEX source', vexKinds, { name: name.describe('The word that suppressed findings show.') }, lacking.vex))
  .max(32)
  .default([])
  .describe('Where OpenVEX statements come from that suppress findings.');

export const credentials = kinded('credentials', credentialKinds, {}, []);

export const sink = kinded('audit sink', sinkKinds, {}, lacking.sinks);

export const checkpointCopy = kinded('checkpoint copy', copyKinds, {}, []);

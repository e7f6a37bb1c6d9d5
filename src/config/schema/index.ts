import { z } from 'zod';
import { auditSettings } from './audit.ts';
import { evidenceSettings, revokedSettings } from './evidence.ts';
import { exceptionSettings } from './exceptions.ts';
import { ignoreSettings, severitySourceSettings } from './findings.ts';
import { mirrorSettings, platformSettings, regionSettings, registrySettings } from './images.ts';
import { scanSettings, signerSettings, vexSettings } from './kinds.ts';
import { modeSettings, policySettings } from './policy.ts';
import { clusterSettings, serverSettings } from './server.ts';

export const apiVersion = 'tidewaiter.dev/v1';
export const kind = 'Configuration';

/** The whole of a configuration file. Keys that are not here are faults. */
export const configSchema = z.strictObject({
  apiVersion: z.literal(apiVersion),
  kind: z.literal(kind),
  server: serverSettings,
  mode: modeSettings,
  platforms: platformSettings,
  registries: registrySettings,
  region: regionSettings,
  mirrors: mirrorSettings,
  signers: signerSettings,
  revoked: revokedSettings,
  scans: scanSettings,
  severitySource: severitySourceSettings,
  vex: vexSettings,
  ignore: ignoreSettings,
  evidence: evidenceSettings,
  policy: policySettings,
  exceptions: exceptionSettings,
  audit: auditSettings,
  cluster: clusterSettings,
});

type DeepReadonly<T> = T extends readonly (infer Entry)[]
  ? readonly DeepReadonly<Entry>[]
  : T extends object
    ? { readonly [Key in keyof T]: DeepReadonly<T[Key]> }
    : T;

/** A valid configuration with every default applied; durations in milliseconds, what is absent null. */
export type Settings = DeepReadonly<Omit<z.output<typeof configSchema>, 'apiVersion' | 'kind'>>;

/** Keys that people will try and that are refused with a reason of their own: mostly what the contract names and this version lacks. */
export const refusedKeys: Readonly<Record<string, string>> = {
  'server.console': 'this version has no console',
  'policy.faults.POLICY_BROKEN': 'a broken set of policies always denies: nobody would be judging',
  'policy.faults.POLICY_TIMEOUT': 'policies that run too long always deny: whoever makes them slow would decide',
  'policy.faults.INTERNAL': 'what failed unexpectedly always denies',
};

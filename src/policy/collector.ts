import type { DeclaredPolicy } from './rules.ts';

/** Where the generated modules lie in what is compiled. */
export const collectorFolder = 'tidewaiter_collector';

/**
 * One module for each policy, in a package of its own (`opa build` refuses references with variables that share a prefix with rules),
 * and each an entrypoint of its own, so that a policy that loops or fails is known by name and takes no other with it.
 * It asks for Gatekeeper's `violation` too: if one is there after all, the host says so instead of missing it.
 */
export function collectorModules(policies: readonly DeclaredPolicy[]): readonly { readonly path: string; readonly content: string }[] {
  return policies.map(({ name }) => ({
    path: `${collectorFolder}/${name}.rego`,
    content: [
      `package tidewaiter.collector.${name}`,
      '',
      `deny := data.policies.${name}.deny`,
      '',
      `warn := data.policies.${name}.warn`,
      '',
      `violation := data.policies.${name}.violation`,
      '',
    ].join('\n'),
  }));
}

/** The entrypoint under which a policy's module is evaluated. */
export function entrypoint(policy: string): string {
  return `tidewaiter/collector/${policy}`;
}

export { buildPolicyBundle } from './bundle.ts';
export { checkPolicies } from './check.ts';
export { inputDocument } from './input.ts';
export { findOpa } from './opa.ts';
export type { PolicyOptions, PolicyRoom, PolicyStatus } from './options.ts';
export { type RegoTest, type RegoTests, testPolicies } from './regotest.ts';
export { createPolicies } from './room.ts';
export { describeProblem } from './rules.ts';
export { inputForm, inputSchema } from './schema.ts';

import { addPolicyBuild } from './policy/build.ts';
import { addPolicyCheck } from './policy/check.ts';
import { addPolicyEval } from './policy/eval.ts';
import { addPolicyExplain } from './policy/explain.ts';
import { addPolicySchema } from './policy/schema.ts';
import { addPolicyTest } from './policy/test.ts';
import type { AddCommand } from './session.ts';

/** `tidewaiter policy …`: a command for each step of writing Rego. */
export const addPolicy: AddCommand = (program, session) => {
  const policy = program
    .command('policy')
    .summary('check, test, try and build Rego policies')
    .description(
      'What authors of policies need. All of it runs opa: $TIDEWAITER_OPA, else the one on the PATH, else the one in the tool cache (~/.cache/tidewaiter/tools).',
    );
  for (const add of [addPolicyCheck, addPolicyTest, addPolicyEval, addPolicyExplain, addPolicyBuild, addPolicySchema]) add(policy, session);
};

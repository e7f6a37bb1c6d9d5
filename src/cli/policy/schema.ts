import type { Command } from 'commander';
import { inputSchema } from '../../policy/index.ts';
import { exitCodes, printLine } from '../io.ts';
import { examples, type Session } from '../session.ts';

/** `tidewaiter policy schema` */
export function addPolicySchema(policy: Command, { io, does }: Session): void {
  policy
    .command('schema')
    .summary('print the JSON Schema of the input that policies see')
    .description('The schema (draft 7) by which check knows which fields there are; for editors, and for opa check --schema.')
    .addHelpText('after', examples(['tidewaiter policy schema > policies/schema/input.json', 'for an editor']))
    .action(
      does(() => {
        printLine(io.stdout, JSON.stringify(inputSchema, null, 2));
        return exitCodes.good;
      }),
    );
}

import { addAuditKey } from './auditKey.ts';
import { addAuditVerify } from './auditVerify.ts';
import type { AddCommand } from './session.ts';

/** Every audit command, in the order that help shows them. A new one is a new file here and a line below. */
const commands: readonly AddCommand[] = [addAuditVerify, addAuditKey];

/** `tidewaiter audit …` */
export const addAudit: AddCommand = (program, session) => {
  const audit = program.command('audit').summary('prove the audit log').description('What concerns the records of decisions.');
  for (const add of commands) add(audit, session);
};

import { addAuditExport } from './auditExport.ts';
import { addAuditHold } from './auditHold.ts';
import { addAuditKey } from './auditKey.ts';
import { addAuditList } from './auditList.ts';
import { addAuditShow } from './auditShow.ts';
import { addAuditVerify } from './auditVerify.ts';
import { type AddCommand, examples } from './session.ts';

/** `tidewaiter audit …`: a new one is a file beside this one and a line here. */
const commands: readonly AddCommand[] = [addAuditList, addAuditShow, addAuditExport, addAuditHold, addAuditVerify, addAuditKey];

export const addAudit: AddCommand = (program, session) => {
  const audit = program
    .command('audit')
    .summary('find, understand, export and prove what was decided')
    .description('Reads the audit log, whichever store it is in, also while serve is running.')
    .addHelpText(
      'after',
      examples(
        ['tidewaiter audit list --denied --since 24h', 'what was denied since yesterday'],
        ['tidewaiter audit show 01KB2T', 'why, and what to do'],
        ['tidewaiter audit export --since 30d --form csv > audit.csv', 'for a spreadsheet'],
      ),
    );
  for (const add of commands) add(audit, session);
};

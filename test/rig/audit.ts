import { readFile } from 'node:fs/promises';
import { z } from 'zod';
import { waitFor } from './wait.ts';

const entry = z.object({
  auditID: z.string(),
  verb: z.string(),
  requestURI: z.string(),
  user: z.object({ username: z.string() }),
  objectRef: z
    .object({ resource: z.string().optional(), namespace: z.string().optional(), name: z.string().optional(), subresource: z.string().optional() })
    .optional(),
  responseStatus: z.object({ code: z.number().optional(), message: z.string().optional() }).optional(),
  annotations: z.record(z.string(), z.string()).default({}),
});

/** One line of the API server's own audit log. https://kubernetes.io/docs/reference/config-api/apiserver-audit.v1/ */
export type AuditEntry = z.infer<typeof entry>;

/** What is logged of every request: who, what, and what the webhooks annotated; once, when it is answered. */
export const auditPolicy = {
  apiVersion: 'audit.k8s.io/v1',
  kind: 'Policy',
  omitStages: ['RequestReceived'],
  rules: [{ level: 'None', verbs: ['get', 'list', 'watch'] }, { level: 'Metadata' }],
};

/** All entries so far; a line that is still being written is left for the next time. */
export async function readAudit(file: string): Promise<AuditEntry[]> {
  const lines = (await readFile(file, 'utf8').catch(() => '')).split('\n').slice(0, -1);
  return lines.map((line) => entry.parse(JSON.parse(line)));
}

/** The first entry that fits: the log is written after the answer has left. */
export function waitForAudit(file: string, fits: (entry: AuditEntry) => boolean): Promise<AuditEntry> {
  return waitFor('an entry in the audit log of the API server', async () => (await readAudit(file)).find(fits) ?? null);
}

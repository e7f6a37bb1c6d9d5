import { z } from 'zod';
import { bad, good, type Outcome } from '../domain/fault.ts';
import type { ScanParts } from './kind.ts';

const user = z
  .string()
  .min(1)
  .max(255)
  .refine((name) => !name.includes(':'), 'a user name can not hold a colon');

/** Who asks Harbor. */
export const harborCredentials = z.discriminatedUnion('kind', [
  z.strictObject({
    kind: z.literal('basic').describe('A user, or a robot account by name.'),
    username: user.describe('such as robot$project+tidewaiter'),
    passwordFile: z.string().min(1).describe('File that holds the password or the secret of the robot account, and nothing else.'),
  }),
  z.strictObject({
    kind: z.literal('robot').describe('A robot account, as Harbor exports it.'),
    file: z.string().min(1).describe('The JSON file that Harbor offers when a robot account is made: its name and secret.'),
  }),
]);

/** https://goharbor.io/docs/main/working-with-projects/project-configuration/create-robot-accounts/, Export to file */
const exported = z.object({ name: user, secret: z.string().min(1).max(4096) });

/** The value of an Authorization header (RFC 7617). Fault: CONFIG_INVALID, without what the file holds. */
export async function readHarborCredentials(credentials: z.infer<typeof harborCredentials>, parts: Pick<ScanParts, 'file'>): Promise<Outcome<string>> {
  const bytes = await parts.file(credentials.kind === 'basic' ? credentials.passwordFile : credentials.file);
  if (!bytes.ok) return bytes;
  const content = Buffer.from(bytes.value).toString('utf8');
  if (credentials.kind === 'basic') {
    const password = content.replace(/\r?\n$/, '');
    return password === '' ? bad('CONFIG_INVALID', 'the passwordFile is empty') : good(basic(credentials.username, password));
  }
  try {
    const parsed = exported.safeParse(JSON.parse(content));
    if (parsed.success) return good(basic(parsed.data.name, parsed.data.secret));
  } catch {
    // Said below: the words of a parser may hold a piece of the secret.
  }
  return bad('CONFIG_INVALID', 'the file of the robot account has no name and secret: it must be as Harbor exports it');
}

function basic(username: string, password: string): string {
  return `Basic ${Buffer.from(`${username}:${password}`, 'utf8').toString('base64')}`;
}

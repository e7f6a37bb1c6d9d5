import { ECRClient, GetAuthorizationTokenCommand } from '@aws-sdk/client-ecr';
import { bad, good, type Outcome } from '../domain/fault.ts';
import type { Issued } from './shortLived.ts';

/** Rejects with the library's errors, which must not be shown. */
export async function issueEcr(region: string | null, signal: AbortSignal): Promise<Outcome<Issued>> {
  const client = new ECRClient({ ...(region === null ? {} : { region }), maxAttempts: 2 });
  try {
    const { authorizationData } = await client.send(new GetAuthorizationTokenCommand({}), { abortSignal: signal });
    const issued = authorizationData?.[0];
    const decoded = Buffer.from(issued?.authorizationToken ?? '', 'base64').toString('utf8');
    const colon = decoded.indexOf(':');
    if (colon < 1 || issued?.expiresAt === undefined) return bad('RESPONSE_INVALID', 'Amazon ECR answered with no authorization token');
    return good({ credential: { kind: 'basic', username: decoded.slice(0, colon), password: decoded.slice(colon + 1) }, until: issued.expiresAt.getTime() });
  } finally {
    client.destroy();
  }
}

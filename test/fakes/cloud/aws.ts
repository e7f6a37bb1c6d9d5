/**
 * AWS as ECR is asked from a Pod with IRSA: STS AssumeRoleWithWebIdentity (query protocol, XML) and ECR GetAuthorizationToken (JSON 1.1,
 * Signature Version 4, which is verified).
 * https://docs.aws.amazon.com/STS/latest/APIReference/API_AssumeRoleWithWebIdentity.html
 * https://docs.aws.amazon.com/AmazonECR/latest/APIReference/API_GetAuthorizationToken.html
 */
import { createHash, createHmac } from 'node:crypto';
import { type CloudAnswer, type CloudRequest, type Listening, listen } from './listen.ts';

export interface FakeAws extends Listening {
  /** What the ECR API does from now on. */
  does: 'answer' | 'deny' | 'throttle' | 'garbage' | 'silence';
  /** Milliseconds that an authorization token is good for. */
  lifetime: number;
  /** Passwords handed out, oldest first. */
  readonly passwords: string[];
}

const session = { id: 'ASIAFAKEFAKEFAKEFAKE', secret: 'session-secret-key', token: 'session-token' };

export async function startAws(expected: { readonly webIdentityToken: () => string; readonly roleArn: string; readonly region: string }): Promise<FakeAws> {
  const passwords: string[] = [];
  const listening = await listen((request) => {
    if (request.headers['x-amz-target'] === 'AmazonEC2ContainerRegistry_V20150921.GetAuthorizationToken') return authorize(request);
    return assumeRole(new URLSearchParams(request.body));
  });

  const assumeRole = (form: URLSearchParams): CloudAnswer => {
    const known =
      form.get('Action') === 'AssumeRoleWithWebIdentity' &&
      form.get('WebIdentityToken') === expected.webIdentityToken() &&
      form.get('RoleArn') === expected.roleArn;
    if (!known)
      return xml(403, '<ErrorResponse><Error><Type>Sender</Type><Code>AccessDenied</Code><Message>words of the upstream</Message></Error></ErrorResponse>');
    const expiration = new Date(Date.now() + 3_600_000).toISOString();
    const { id, secret, token } = session;
    const credentials = `<AccessKeyId>${id}</AccessKeyId><SecretAccessKey>${secret}</SecretAccessKey><SessionToken>${token}</SessionToken><Expiration>${expiration}</Expiration>`;
    const user = `<AssumedRoleUser><AssumedRoleId>AROA:x</AssumedRoleId><Arn>${expected.roleArn}</Arn></AssumedRoleUser>`;
    return xml(
      200,
      `<AssumeRoleWithWebIdentityResponse xmlns="https://sts.amazonaws.com/doc/2011-06-15/"><AssumeRoleWithWebIdentityResult><Credentials>${credentials}</Credentials>${user}</AssumeRoleWithWebIdentityResult></AssumeRoleWithWebIdentityResponse>`,
    );
  };

  const authorize = (request: CloudRequest): CloudAnswer | 'silence' => {
    if (aws.does === 'silence') return 'silence';
    if (aws.does === 'garbage') return json(200, { authorizationData: [{ authorizationToken: '§§§' }] });
    if (aws.does === 'throttle') return json(503, { __type: 'ServerException', message: 'words of the upstream' });
    if (aws.does === 'deny' || !isSigned(request, expected.region)) return json(400, { __type: 'AccessDeniedException', message: 'words of the upstream' });
    const password = `ecr-password-${passwords.length}`;
    passwords.push(password);
    const authorizationToken = Buffer.from(`AWS:${password}`).toString('base64');
    return json(200, { authorizationData: [{ authorizationToken, expiresAt: (Date.now() + aws.lifetime) / 1000, proxyEndpoint: 'https://1.dkr.ecr' }] });
  };

  const aws: FakeAws = Object.assign(listening, { does: 'answer' as FakeAws['does'], lifetime: 12 * 3_600_000, passwords });
  return aws;
}

/** https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_sigv-create-signed-request.html */
function isSigned({ method, url, headers, body }: CloudRequest, region: string): boolean {
  const found = /^AWS4-HMAC-SHA256 Credential=([^,]+), SignedHeaders=([^,]+), Signature=([0-9a-f]{64})$/.exec(headers['authorization'] ?? '');
  if (found === null || headers['x-amz-security-token'] !== session.token) return false;
  const [, credential = '', signedHeaders = '', signature] = found;
  const time = headers['x-amz-date'] ?? '';
  const scope = `${time.slice(0, 8)}/${region}/ecr/aws4_request`;
  if (credential !== `${session.id}/${scope}`) return false;
  const hash = (text: string): string => createHash('sha256').update(text).digest('hex');
  const mac = (key: string | Buffer, text: string): Buffer => createHmac('sha256', key).update(text).digest();
  const lines = signedHeaders.split(';').map((name) => `${name}:${(headers[name] ?? '').trim()}\n`);
  const canonical = [method, url.pathname, '', lines.join(''), signedHeaders, hash(body)].join('\n');
  const signingKey = [time.slice(0, 8), region, 'ecr', 'aws4_request'].reduce<string | Buffer>(mac, `AWS4${session.secret}`);
  return mac(signingKey, ['AWS4-HMAC-SHA256', time, scope, hash(canonical)].join('\n')).toString('hex') === signature;
}

function json(status: number, value: unknown): CloudAnswer {
  return { status, type: 'application/x-amz-json-1.1', body: JSON.stringify(value) };
}

function xml(status: number, body: string): CloudAnswer {
  return { status, type: 'text/xml', body };
}

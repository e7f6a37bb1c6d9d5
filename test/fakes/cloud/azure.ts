/**
 * Azure as it is asked from a Pod with workload identity: Microsoft Entra (OpenID configuration, client credentials with a federated
 * assertion) and the exchange of a container registry, over HTTPS.
 * https://learn.microsoft.com/entra/identity-platform/v2-oauth2-client-creds-grant-flow#third-case-access-token-request-with-a-federated-credential
 * https://github.com/Azure/acr/blob/main/docs/AAD-OAuth.md
 */
import { type CloudAnswer, type CloudRequest, type Listening, listen } from './listen.ts';

export interface FakeAzure extends Listening {
  /** What the registry's exchange does. */
  does: 'answer' | 'deny' | 'fail' | 'garbage' | 'redirect';
  /** Seconds that a refresh token is good for. */
  lifetime: number;
  readonly refreshTokens: string[];
}

export interface AzureIdentity {
  readonly tenant: string;
  readonly clientId: string;
  readonly assertion: () => string;
}

export async function startAzure(tls: { readonly key: string; readonly cert: string }, identity: AzureIdentity): Promise<FakeAzure> {
  const refreshTokens: string[] = [];
  const accessToken = 'entra-access-token';
  const listening = await listen((request) => {
    const { pathname } = request.url;
    if (pathname === `/${identity.tenant}/v2.0/.well-known/openid-configuration`) return ok(openidConfiguration());
    if (pathname === `/${identity.tenant}/oauth2/v2.0/token`) return token(request);
    if (pathname === '/oauth2/exchange') return exchange(request);
    return { status: 404, body: '{}' };
  }, tls);

  const openidConfiguration = (): object => {
    const base = `${azure.origin}/${identity.tenant}`;
    return {
      token_endpoint: `${base}/oauth2/v2.0/token`,
      authorization_endpoint: `${base}/oauth2/v2.0/authorize`,
      issuer: `${base}/v2.0`,
      jwks_uri: `${base}/discovery/v2.0/keys`,
    };
  };
  const token = ({ method, body }: CloudRequest): CloudAnswer => {
    const form = new URLSearchParams(body);
    const known =
      method === 'POST' &&
      form.get('grant_type') === 'client_credentials' &&
      form.get('client_id') === identity.clientId &&
      form.get('client_assertion_type') === 'urn:ietf:params:oauth:client-assertion-type:jwt-bearer' &&
      form.get('client_assertion') === identity.assertion() &&
      (form.get('scope') ?? '').includes('https://containerregistry.azure.net/.default');
    if (!known) return { status: 401, body: JSON.stringify({ error: 'invalid_client', error_description: 'words of the upstream' }) };
    return ok({ token_type: 'Bearer', expires_in: 3_599, ext_expires_in: 3_599, access_token: accessToken });
  };
  const exchange = ({ method, body, headers }: CloudRequest): CloudAnswer => {
    const form = new URLSearchParams(body);
    const known =
      method === 'POST' && form.get('grant_type') === 'access_token' && form.get('service') === headers['host'] && form.get('access_token') === accessToken;
    if (azure.does === 'redirect') return { status: 307, body: '' };
    if (azure.does === 'garbage') return { status: 200, body: '{"refresh_token":"a\\r\\nb"}' };
    if (azure.does === 'fail') return { status: 503, body: 'words of the upstream' };
    if (azure.does === 'deny' || !known) return { status: 401, body: '{"errors":[{"code":"UNAUTHORIZED","message":"words of the upstream"}]}' };
    const part = (value: object): string => Buffer.from(JSON.stringify(value)).toString('base64url');
    const refresh = `${part({ alg: 'RS256' })}.${part({ jti: refreshTokens.length, exp: Math.floor(Date.now() / 1000) + azure.lifetime })}.c2ln`;
    refreshTokens.push(refresh);
    return ok({ refresh_token: refresh });
  };

  const azure: FakeAzure = Object.assign(listening, { does: 'answer' as FakeAzure['does'], lifetime: 3 * 3_600, refreshTokens });
  return azure;
}

function ok(value: object): CloudAnswer {
  return { status: 200, body: JSON.stringify(value) };
}

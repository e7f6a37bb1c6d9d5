/**
 * Google as it is asked from a Pod: the metadata server of GKE, and the security token service of workload identity federation (RFC 8693).
 * https://cloud.google.com/compute/docs/access/authenticate-workloads#applications and https://cloud.google.com/iam/docs/reference/sts/rest
 */
import { type CloudAnswer, type CloudRequest, type Listening, listen } from './listen.ts';

export interface FakeGoogle extends Listening {
  does: 'answer' | 'deny' | 'garbage';
  /** Seconds that a token is good for. */
  lifetime: number;
  readonly tokens: string[];
}

export async function startGoogle(expected: { readonly subjectToken: () => string; readonly audience: string }): Promise<FakeGoogle> {
  const tokens: string[] = [];
  const listening = await listen((request) => {
    if (google.does === 'garbage') return { status: 200, body: '{"access_token":7}' };
    if (google.does === 'deny') return refusal;
    return request.url.pathname === '/v1/token' ? exchange(request) : metadata(request);
  });

  const issue = (): CloudAnswer => {
    const token = `ya29.google-token-${tokens.length}`;
    tokens.push(token);
    const issued = {
      access_token: token,
      issued_token_type: 'urn:ietf:params:oauth:token-type:access_token',
      token_type: 'Bearer',
      expires_in: google.lifetime,
    };
    return { status: 200, body: JSON.stringify(issued) };
  };
  const exchange = ({ method, body }: CloudRequest): CloudAnswer => {
    const form = new URLSearchParams(body);
    const known =
      method === 'POST' &&
      form.get('grant_type') === 'urn:ietf:params:oauth:grant-type:token-exchange' &&
      form.get('audience') === expected.audience &&
      form.get('subject_token') === expected.subjectToken() &&
      (form.get('scope') ?? '').includes('cloud-platform');
    return known ? issue() : refusal;
  };
  const metadata = ({ headers, url }: CloudRequest): CloudAnswer => {
    if (headers['metadata-flavor'] !== 'Google') return { status: 403, type: 'text/html', body: 'Forbidden' };
    if (url.pathname === '/computeMetadata/v1/instance/service-accounts/default/token') return { ...issue(), headers: flavor };
    if (url.pathname === '/computeMetadata/v1/universe/universe-domain') return { status: 404, type: 'text/html', body: '', headers: flavor };
    return { status: 200, type: 'application/text', body: 'x', headers: flavor };
  };

  const google: FakeGoogle = Object.assign(listening, { does: 'answer' as FakeGoogle['does'], lifetime: 3_600, tokens });
  return google;
}

/** By which the library tells the metadata server from whatever else answers there. */
const flavor = { 'metadata-flavor': 'Google' };

const refusal: CloudAnswer = { status: 400, body: JSON.stringify({ error: 'invalid_grant', error_description: 'words of the upstream' }) };

/** The clouds' own client libraries, with workload identity, against stand-ins of the clouds' APIs. */
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { getCACertificates, setDefaultCACertificates } from 'node:tls';
import { inspect } from 'node:util';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it, vi } from 'vitest';
import type { CredentialKind } from '../../../src/credentials/index.ts';
import { credentialKinds } from '../../../src/credentials/index.ts';
import { bad, good } from '../../../src/domain/fault.ts';
import { type Credential, type Keychain, ownAccess } from '../../../src/domain/registry.ts';
import { createRegistry } from '../../../src/registry/index.ts';
import { type FakeAws, startAws } from '../../fakes/cloud/aws.ts';
import { type FakeAzure, startAzure } from '../../fakes/cloud/azure.ts';
import { type FakeGoogle, startGoogle } from '../../fakes/cloud/google.ts';
import { makeAuthority } from '../../fakes/registry/authority.ts';
import { type FakeAuth, startRegistry } from '../../fakes/registry.ts';

const patient = () => AbortSignal.timeout(10_000);
const identityToken = 'projected.service-account.token';
let folder: string;
let tokenFile: string;

beforeAll(() => {
  folder = mkdtempSync(join(tmpdir(), 'clouds-'));
  tokenFile = join(folder, 'token');
  writeFileSync(tokenFile, identityToken);
});
afterAll(() => rmSync(folder, { recursive: true, force: true }));
afterEach(() => {
  vi.unstubAllEnvs();
});

async function open<Settings extends { readonly kind: string }>(
  kind: CredentialKind<Settings>,
  settings: unknown,
  files: Readonly<Record<string, object>> = {},
): Promise<Keychain> {
  const created = await kind.create(kind.settings.parse(settings), {
    file: async (path) => {
      const content = files[path];
      return content === undefined ? bad('CONFIG_INVALID', 'no such file') : good(Buffer.from(JSON.stringify(content)));
    },
  });
  if (!created.ok) throw new Error(created.fault.message);
  return created.value;
}

const ask = (keychain: Keychain, host = 'registry.test') => keychain.credential(host, 'acme/app', ownAccess, patient());

async function credentialOf(keychain: Keychain, host?: string): Promise<Credential | null> {
  const outcome = await ask(keychain, host);
  if (!outcome.ok) throw new Error(`${outcome.fault.code}: ${outcome.fault.message}`);
  return outcome.value;
}

/** What a fault may not hold, in whatever depth. */
const secrets = [identityToken, 'words of the upstream', 'session-secret-key', 'session-token', 'entra-access-token', 'ya29'];

async function faultOf(keychain: Keychain, host?: string): Promise<string> {
  const outcome = await ask(keychain, host);
  if (outcome.ok) return 'a credential';
  const shown = inspect(outcome, { depth: 12, showHidden: true });
  for (const secret of secrets) expect(shown).not.toContain(secret);
  return `${outcome.fault.code}: ${outcome.fault.message}`;
}

/** Reads an image of a registry that lets in nobody else. */
async function pulls(keychain: Keychain, auth: FakeAuth): Promise<boolean> {
  await using registry = await startRegistry({ auth });
  const { digest } = registry.pushImage({ repository: 'acme/app', tag: '1' });
  const client = createRegistry({ hosts: [{ host: registry.host, plainHTTP: true, ca: null, alsoHosts: [] }], keychain });
  const read = await client.manifest({ registry: registry.host, repository: 'acme/app' }, { digest }, { signal: patient(), access: ownAccess });
  await client.close();
  return read.ok;
}

describe('ecr', () => {
  const region = 'eu-west-1';
  const roleArn = 'arn:aws:iam::123456789012:role/tidewaiter';
  let aws: FakeAws;

  beforeEach(async () => {
    aws = await startAws({ webIdentityToken: () => identityToken, roleArn, region });
    // As the webhook of EKS sets it, and nothing of this machine.
    const env = {
      AWS_ROLE_ARN: roleArn,
      AWS_WEB_IDENTITY_TOKEN_FILE: tokenFile,
      AWS_REGION: region,
      AWS_ENDPOINT_URL_STS: aws.origin,
      AWS_ENDPOINT_URL_ECR: aws.origin,
      AWS_CONFIG_FILE: join(folder, 'none'),
      AWS_SHARED_CREDENTIALS_FILE: join(folder, 'none'),
      AWS_EC2_METADATA_DISABLED: 'true',
      AWS_ACCESS_KEY_ID: undefined,
      AWS_SECRET_ACCESS_KEY: undefined,
      AWS_PROFILE: undefined,
    };
    for (const [name, value] of Object.entries(env)) vi.stubEnv(name, value);
  });
  afterEach(() => aws.close());

  it.each([
    ['deny', /^REGISTRY_UNAUTHORIZED: no credential could be had from Amazon ECR: AccessDeniedException, HTTP 400$/],
    ['throttle', /^REGISTRY_UNAVAILABLE: no credential could be had from Amazon ECR: [A-Za-z]+, HTTP 503$/],
    ['garbage', /^RESPONSE_INVALID: Amazon ECR answered with no authorization token$/],
  ] as const)('that does %s is a fault that repeats nothing of it', async (does, fault) => {
    aws.does = does;
    expect(await faultOf(await open(credentialKinds.ecr, { kind: 'ecr' }))).toMatch(fault);
  });

  it('that does not take the workload identity is REGISTRY_UNAUTHORIZED', async () => {
    vi.stubEnv('AWS_ROLE_ARN', `${roleArn}-other`);
    expect(await faultOf(await open(credentialKinds.ecr, { kind: 'ecr' }))).toMatch(/^REGISTRY_UNAUTHORIZED: /);
    expect(aws.passwords).toEqual([]);
  });

  it('that can’t be reached is an outage, not a refusal', async () => {
    await aws.close();
    expect(await faultOf(await open(credentialKinds.ecr, { kind: 'ecr' }))).toMatch(/^REGISTRY_UNAVAILABLE: /);
  });

  it('that does not answer leaves nobody waiting', async () => {
    aws.does = 'silence';
    const keychain = await open(credentialKinds.ecr, { kind: 'ecr' });
    expect(await keychain.credential('registry.test', 'acme/app', ownAccess, AbortSignal.timeout(50))).toMatchObject({
      ok: false,
      fault: { code: 'REGISTRY_UNAVAILABLE' },
    });
  });

  it('gives what GetAuthorizationToken gives to the Pod’s role, once for twelve hours, and it pulls', async () => {
    const keychain = await open(credentialKinds.ecr, { kind: 'ecr', region });
    expect(await credentialOf(keychain)).toEqual({ kind: 'basic', username: 'AWS', password: 'ecr-password-0' });
    await credentialOf(keychain, 'other.test');
    expect(aws.requests).toEqual(['POST /', 'POST /']);
    expect(await pulls(keychain, { kind: 'basic', username: 'AWS', password: 'ecr-password-0' })).toBe(true);
  });

  it('is asked again when the credential is about to end', async () => {
    aws.lifetime = 59_000;
    const keychain = await open(credentialKinds.ecr, { kind: 'ecr' });
    await credentialOf(keychain);
    expect(await credentialOf(keychain)).toMatchObject({ password: 'ecr-password-1' });
  });
});

describe('gcr', () => {
  const audience = '//iam.googleapis.com/projects/1/locations/global/workloadIdentityPools/pool/providers/cluster';
  let google: FakeGoogle;

  beforeEach(async () => {
    google = await startGoogle({ subjectToken: () => identityToken, audience });
    const env = {
      GOOGLE_APPLICATION_CREDENTIALS: undefined,
      GCE_METADATA_HOST: google.host,
      METADATA_SERVER_DETECTION: 'assume-present',
      CLOUDSDK_CONFIG: join(folder, 'none'),
      HOME: folder,
    };
    for (const [name, value] of Object.entries(env)) vi.stubEnv(name, value);
  });
  afterEach(() => google.close());

  const federation = () => ({
    'federation.json': {
      type: 'external_account',
      audience,
      subject_token_type: 'urn:ietf:params:oauth:token-type:jwt',
      token_url: `${google.origin}/v1/token`,
      credential_source: { file: tokenFile },
    },
  });
  const federated = () => open(credentialKinds.gcr, { kind: 'gcr', file: 'federation.json' }, federation());

  it('without a configuration that can be read is CONFIG_INVALID', async () => {
    for (const content of [{}, [], { type: 7 }]) {
      await expect(open(credentialKinds.gcr, { kind: 'gcr', file: 'a' }, { a: content })).rejects.toThrow('no JSON object with a type');
    }
    await expect(open(credentialKinds.gcr, { kind: 'gcr', file: 'b' })).rejects.toThrow('no such file');
  });

  it.each([
    ['deny', /^REGISTRY_UNAUTHORIZED: no credential could be had from Google: [A-Za-z]+, HTTP 400$/],
    ['garbage', /^RESPONSE_INVALID: Google answered with no access token$/],
  ] as const)('that does %s is a fault that repeats nothing of it', async (does, fault) => {
    google.does = does;
    expect(await faultOf(await federated())).toMatch(fault);
  });

  it('that can’t be reached is an outage, not a refusal', async () => {
    await google.close();
    expect(await faultOf(await federated())).toMatch(/^REGISTRY_UNAVAILABLE: /);
  });

  it('exchanges the Pod’s token by workload identity federation, once an hour, and that pulls', async () => {
    const keychain = await federated();
    expect(await credentialOf(keychain)).toEqual({ kind: 'basic', username: 'oauth2accesstoken', password: 'ya29.google-token-0' });
    await credentialOf(keychain);
    expect(google.tokens).toHaveLength(1);
    expect(await pulls(keychain, { kind: 'token', username: 'oauth2accesstoken', password: 'ya29.google-token-0' })).toBe(true);
  });

  it('takes the token of the metadata server of GKE where no file is named', async () => {
    const keychain = await open(credentialKinds.gcr, { kind: 'gcr' });
    expect(await credentialOf(keychain)).toMatchObject({ username: 'oauth2accesstoken', password: 'ya29.google-token-0' });
    expect(google.requests).toContain('GET /computeMetadata/v1/instance/service-accounts/default/token');
  });

  it('is asked again when the token is about to end', async () => {
    google.lifetime = 59;
    const keychain = await federated();
    await credentialOf(keychain);
    expect(await credentialOf(keychain)).toMatchObject({ password: 'ya29.google-token-1' });
  });
});

describe('acr', () => {
  const tenant = '11111111-2222-3333-4444-555555555555';
  const clientId = '66666666-7777-8888-9999-000000000000';
  const trusted = getCACertificates('default');
  let azure: FakeAzure;

  beforeEach(async () => {
    const authority = makeAuthority();
    setDefaultCACertificates([...trusted, authority.ca]);
    azure = await startAzure(authority.issue(['127.0.0.1']), { tenant, clientId, assertion: () => identityToken });
    const env = { AZURE_TENANT_ID: tenant, AZURE_CLIENT_ID: clientId, AZURE_FEDERATED_TOKEN_FILE: tokenFile, AZURE_AUTHORITY_HOST: azure.origin };
    for (const [name, value] of Object.entries(env)) vi.stubEnv(name, value);
  });
  afterEach(async () => {
    setDefaultCACertificates(trusted);
    await azure.close();
  });

  it.each([
    ['deny', /^REGISTRY_UNAUTHORIZED: .* gave no refresh token for the workload identity: HTTP 401$/],
    ['fail', /^REGISTRY_UNAVAILABLE: .* gave no refresh token for the workload identity: HTTP 503$/],
    ['garbage', /^RESPONSE_INVALID: .* answered with no usable refresh token$/],
    ['redirect', /^REGISTRY_UNAVAILABLE: no credential could be had from Microsoft Entra and /],
  ] as const)('whose exchange does %s is a fault that repeats nothing of it', async (does, fault) => {
    azure.does = does;
    expect(await faultOf(await open(credentialKinds.acr, { kind: 'acr' }), azure.host)).toMatch(fault);
  });

  it('that does not know the workload identity is REGISTRY_UNAUTHORIZED', async () => {
    vi.stubEnv('AZURE_CLIENT_ID', tenant);
    expect(await faultOf(await open(credentialKinds.acr, { kind: 'acr' }), azure.host)).toMatch(
      /^REGISTRY_UNAUTHORIZED: Microsoft Entra does not take the workload identity/,
    );
  });

  it('whose Entra can’t be reached is an outage, not a refusal', async () => {
    await azure.close();
    expect(await faultOf(await open(credentialKinds.acr, { kind: 'acr' }), azure.host)).toMatch(/^REGISTRY_UNAVAILABLE: /);
  });

  it('outside a Pod with a workload identity is REGISTRY_UNAUTHORIZED', async () => {
    vi.stubEnv('AZURE_FEDERATED_TOKEN_FILE', undefined);
    expect(await faultOf(await open(credentialKinds.acr, { kind: 'acr' }), azure.host)).toMatch(
      /^REGISTRY_UNAUTHORIZED: .* AZURE_FEDERATED_TOKEN_FILE not set$/,
    );
  });

  it('exchanges the Pod’s token for the registry’s refresh token, once for three hours, and that pulls', async () => {
    const keychain = await open(credentialKinds.acr, { kind: 'acr' });
    const credential = await credentialOf(keychain, azure.host);
    const [refresh = ''] = azure.refreshTokens;
    expect(credential).toEqual({ kind: 'identityToken', token: refresh });
    await credentialOf(keychain, azure.host);
    expect(azure.refreshTokens).toHaveLength(1);
    const same: Keychain = { credential: (_host, ...rest) => keychain.credential(azure.host, ...rest) };
    expect(await pulls(same, { kind: 'token', username: 'nobody', password: 'at all', identityToken: refresh })).toBe(true);
  });

  it('is asked again when the refresh token is about to end', async () => {
    azure.lifetime = 59;
    const keychain = await open(credentialKinds.acr, { kind: 'acr' });
    await credentialOf(keychain, azure.host);
    await credentialOf(keychain, azure.host);
    expect(azure.refreshTokens).toHaveLength(2);
  });
});

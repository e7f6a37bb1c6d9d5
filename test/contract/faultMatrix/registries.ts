/** The image's own registry, and whoever gives out credentials for it. */
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { getCACertificates, setDefaultCACertificates } from 'node:tls';
import { type CredentialKind, credentialKinds } from '../../../src/credentials/index.ts';
import { bad, good } from '../../../src/domain/fault.ts';
import type { Keychain } from '../../../src/domain/registry.ts';
import { startAws } from '../../fakes/cloud/aws.ts';
import { startAzure } from '../../fakes/cloud/azure.ts';
import { startGoogle } from '../../fakes/cloud/google.ts';
import { type FaultProxy, startFaultProxy } from '../../fakes/faultProxy.ts';
import { publishImage, signLegacy } from '../../fakes/publish.ts';
import { makeAuthority } from '../../fakes/registry/authority.ts';
import { type FakeAuth, startRegistry } from '../../fakes/registry.ts';
import { byKey, releaseKey } from './attached.ts';
import type { Scene } from './matrix.ts';
import { proxied } from './servers.ts';
import { openClient, openLine, type World } from './world.ts';

let serial = 0;
const lists = 'no list is read before the image is known';

/** Every request about the image fails, as well as those for its signature. */
export async function registryScene(world: World): Promise<Scene> {
  const registry = await startRegistry();
  const authority = makeAuthority();
  const proxy = await startFaultProxy(registry.origin, { authority });
  const client = openClient(proxy.host, { ca: authority.ca });
  const judge = openLine({ policies: world.signed, client, sources: [await byKey(client)] });
  const { doing, strikes } = proxied(proxy);
  return {
    strikes: {
      ...strikes,
      other: doing(() => ({ kind: 'alter', change: (body) => body.toString().replace('"schemaVersion":2', '"schemaVersion": 2') })),
      endless: lists,
      junk: lists,
    },
    async cell() {
      serial += 1;
      const image = await publishImage({ registry: registry.origin, repository: `acme/own-${serial}`, tag: '1.0' });
      const place = { ...image.place, registry: proxy.origin };
      await signLegacy({ ...image, place }, releaseKey, { place: image.place });
      return { image: { ...image, place }, judge: (deadline) => judge({ ...image, place }, deadline), close: () => {} };
    },
    async close() {
      await client.close();
      await proxy.close();
      await registry.close();
    },
  };
}

interface Issuer {
  readonly proxy: FaultProxy;
  /** A keychain that has issued nothing so far. */
  open(): Promise<Keychain>;
  /** Whom the registry lets in. */
  readonly auth: FakeAuth;
  close(): Promise<void>;
}

const identityToken = 'projected.service-account.token';
const issuing = 'one answer is read';

/** A registry that lets nobody in without a credential; each cell is a process that has none yet. */
async function credentialScene(world: World, start: (folder: string) => Promise<Issuer>): Promise<Scene> {
  const folder = mkdtempSync(join(tmpdir(), 'matrix-'));
  writeFileSync(join(folder, 'token'), identityToken);
  const issuer = await start(folder);
  const registry = await startRegistry({ auth: issuer.auth });
  // By which images are pushed, without a credential.
  const back = await startRegistry({ content: registry.content });
  const { doing, strikes } = proxied(issuer.proxy);
  return {
    strikes: {
      ...strikes,
      huge: "the cloud's own endpoint is read by the cloud's own library, to its end",
      ...(issuer.proxy.origin.startsWith('https:') ? {} : { expired: "the certificate is verified by the cloud's own library, as Node does everywhere" }),
      other: doing(() => ({ kind: 'alter', change: () => '{"access_token":7,"authorizationData":[],"refresh_token":7}' })),
      endless: issuing,
      junk: issuing,
    },
    async cell() {
      serial += 1;
      const pushed = await publishImage({ registry: back.origin, repository: `acme/closed-${serial}`, tag: '1.0' });
      const image = { ...pushed, place: { ...pushed.place, registry: registry.origin } };
      await signLegacy(image, releaseKey, { place: pushed.place });
      const client = openClient(registry.host, { keychain: await issuer.open() });
      const judge = openLine({ policies: world.signed, client, sources: [await byKey(client)] });
      return { image, judge: (deadline) => judge(image, deadline), close: () => client.close() };
    },
    async close() {
      await issuer.close();
      await back.close();
      await registry.close();
      rmSync(folder, { recursive: true });
    },
  };
}

async function open<Settings extends { readonly kind: string }>(
  kind: CredentialKind<Settings>,
  settings: unknown,
  files: Readonly<Record<string, object>> = {},
): Promise<Keychain> {
  const created = await kind.create(kind.settings.parse(settings), {
    file: async (path) => (files[path] === undefined ? bad('CONFIG_INVALID', 'no such file') : good(Buffer.from(JSON.stringify(files[path])))),
  });
  if (!created.ok) throw new Error(created.fault.message);
  return created.value;
}

/** Environment variables of this process, set until the returned function is called. */
function setEnvironment(variables: Readonly<Record<string, string | undefined>>): () => void {
  const before = Object.entries(variables).map(([name]) => [name, process.env[name]] as const);
  const apply = (name: string, value: string | undefined): void => {
    if (value === undefined) Reflect.deleteProperty(process.env, name);
    else process.env[name] = value;
  };
  for (const [name, value] of Object.entries(variables)) apply(name, value);
  return () => {
    for (const [name, value] of before) apply(name, value);
  };
}

export const credentialScenes: Record<Exclude<keyof typeof credentialKinds, 'dockerconfig'>, (world: World) => Promise<Scene>> = {
  ecr: (world) =>
    credentialScene(world, async (folder) => {
      const [region, roleArn] = ['eu-west-1', 'arn:aws:iam::123456789012:role/tidewaiter'];
      const aws = await startAws({ webIdentityToken: () => identityToken, roleArn, region });
      const proxy = await startFaultProxy(aws.origin);
      const restore = setEnvironment({
        AWS_ROLE_ARN: roleArn,
        AWS_WEB_IDENTITY_TOKEN_FILE: join(folder, 'token'),
        AWS_REGION: region,
        AWS_ENDPOINT_URL_STS: proxy.origin,
        AWS_ENDPOINT_URL_ECR: proxy.origin,
        AWS_CONFIG_FILE: join(folder, 'none'),
        AWS_SHARED_CREDENTIALS_FILE: join(folder, 'none'),
        AWS_EC2_METADATA_DISABLED: 'true',
        AWS_ACCESS_KEY_ID: undefined,
        AWS_SECRET_ACCESS_KEY: undefined,
        AWS_PROFILE: undefined,
      });
      return {
        proxy,
        auth: { kind: 'any' },
        open: () => open(credentialKinds.ecr, { kind: 'ecr', region }),
        async close() {
          restore();
          await proxy.close();
          await aws.close();
        },
      };
    }),
  gcr: (world) =>
    credentialScene(world, async (folder) => {
      const audience = '//iam.googleapis.com/projects/1/locations/global/workloadIdentityPools/pool/providers/cluster';
      const google = await startGoogle({ subjectToken: () => identityToken, audience });
      const proxy = await startFaultProxy(google.origin);
      const restore = setEnvironment({ GOOGLE_APPLICATION_CREDENTIALS: undefined, CLOUDSDK_CONFIG: join(folder, 'none') });
      const federation = {
        type: 'external_account',
        audience,
        subject_token_type: 'urn:ietf:params:oauth:token-type:jwt',
        token_url: `${proxy.origin}/v1/token`,
        credential_source: { file: join(folder, 'token') },
      };
      return {
        proxy,
        auth: { kind: 'any' },
        open: () => open(credentialKinds.gcr, { kind: 'gcr', file: 'federation.json' }, { 'federation.json': federation }),
        async close() {
          restore();
          await proxy.close();
          await google.close();
        },
      };
    }),
  acr: (world) =>
    credentialScene(world, async (folder) => {
      const [tenant, clientId] = ['11111111-2222-3333-4444-555555555555', '66666666-7777-8888-9999-000000000000'];
      const trusted = getCACertificates('default');
      const authority = makeAuthority();
      setDefaultCACertificates([...trusted, authority.ca]);
      const azure = await startAzure(authority.issue(['127.0.0.1']), { tenant, clientId, assertion: () => identityToken });
      const proxy = await startFaultProxy(azure.origin, { authority });
      // Entra says itself where tokens are had.
      Reflect.set(azure, 'origin', proxy.origin);
      const restore = setEnvironment({
        AZURE_TENANT_ID: tenant,
        AZURE_CLIENT_ID: clientId,
        AZURE_FEDERATED_TOKEN_FILE: join(folder, 'token'),
        AZURE_AUTHORITY_HOST: proxy.origin,
      });
      return {
        proxy,
        auth: { kind: 'token', username: null, password: null },
        async open() {
          const keychain = await open(credentialKinds.acr, { kind: 'acr' });
          return { credential: (_host, ...rest) => keychain.credential(proxy.host, ...rest) };
        },
        async close() {
          restore();
          setDefaultCACertificates(trusted);
          await proxy.close();
          await azure.close();
        },
      };
    }),
};

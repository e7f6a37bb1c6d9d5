/**
 * The little of a Kubernetes API server that a webhook asks for itself, over real HTTPS: Secrets and webhook configurations with
 * resourceVersions, conflicts and failed tests. https://kubernetes.io/docs/reference/using-api/api-concepts/
 */
import type { IncomingMessage } from 'node:http';
import { createServer } from 'node:https';
import type { AddressInfo } from 'node:net';
import { applyPatch, type Operation } from 'rfc6902';
import { issueAuthority, issueServing } from '../../src/server/authority.ts';

export interface FakeObject {
  readonly metadata: { readonly name: string; readonly namespace?: string; readonly resourceVersion?: string };
  readonly [field: string]: unknown;
}

export interface FakeKubernetes {
  /** A kubeconfig document that leads here. */
  readonly kubeconfig: string;
  /** `METHOD PATH` of every request. */
  readonly requests: string[];
  get(path: string): FakeObject | undefined;
  put(path: string, object: FakeObject): void;
  /** Answers each following request with this status instead; null ends it. */
  fail(status: number | 'silence' | null): void;
  close(): Promise<void>;
}

export const secretsPath = '/api/v1/namespaces/tidewaiter-system/secrets';
export const webhooksPath = '/apis/admissionregistration.k8s.io/v1';

export async function startKubernetes(): Promise<FakeKubernetes> {
  const objects = new Map<string, FakeObject>();
  const requests: string[] = [];
  let version = 100;
  let failing: number | 'silence' | null = null;

  const store = (path: string, object: FakeObject): FakeObject => {
    version += 1;
    const stored = { ...object, metadata: { ...object.metadata, resourceVersion: String(version) } };
    objects.set(path, stored);
    return stored;
  };

  const answer = (method: string, path: string, type: string, body: string): { status: number; object: unknown } => {
    if (typeof failing === 'number') return status(failing);
    const held = objects.get(path);
    if (method === 'GET') return held === undefined ? status(404) : { status: 200, object: held };
    if (method === 'POST') {
      const object: FakeObject = JSON.parse(body);
      const at = `${path}/${object.metadata.name}`;
      return objects.has(at) ? status(409) : { status: 201, object: store(at, object) };
    }
    if (method !== 'PATCH') return status(405);
    if (held === undefined) return status(404);
    if (type === 'application/merge-patch+json') {
      const patch = JSON.parse(body);
      const asked = patch.metadata?.resourceVersion;
      if (asked !== undefined && asked !== held.metadata.resourceVersion) return status(409);
      const data = { ...(typeof held['data'] === 'object' ? held['data'] : {}), ...patch.data };
      return { status: 200, object: store(path, { ...held, data }) };
    }
    if (type !== 'application/json-patch+json') return status(415);
    const operations: Operation[] = JSON.parse(body);
    const changed = structuredClone(held);
    const failed = applyPatch(changed, operations).some((fault) => fault !== null);
    return failed || !hasValidPaths(changed) ? status(422) : { status: 200, object: store(path, changed) };
  };

  const authority = await issueAuthority(Date.now());
  const server = createServer(await issueServing(authority, ['127.0.0.1'], Date.now()), (request, response) => {
    void (async () => {
      const body = await readAll(request);
      const path = (request.url ?? '').split('?')[0] ?? '';
      requests.push(`${request.method} ${path}`);
      if (failing === 'silence') return;
      const { status: code, object } = answer(request.method ?? '', path, request.headers['content-type'] ?? '', body);
      response.writeHead(code, { 'content-type': 'application/json' }).end(JSON.stringify(object));
    })();
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const { port } = server.address() as AddressInfo;

  return {
    kubeconfig: JSON.stringify({
      apiVersion: 'v1',
      kind: 'Config',
      'current-context': 'fake',
      clusters: [
        { name: 'fake', cluster: { server: `https://127.0.0.1:${port}`, 'certificate-authority-data': Buffer.from(authority.cert).toString('base64') } },
      ],
      users: [{ name: 'fake', user: {} }],
      contexts: [{ name: 'fake', context: { cluster: 'fake', user: 'fake', namespace: 'tidewaiter-system' } }],
    }),
    requests,
    get: (path) => objects.get(path),
    put: (path, object) => {
      store(path, object);
    },
    fail(next) {
      failing = next;
    },
    close: () =>
      new Promise((resolve) => {
        server.close(() => resolve());
        server.closeAllConnections();
      }),
  };
}

/** Each segment of `clientConfig.service.path` is a DNS-1123 subdomain, or the API server answers 422. */
function hasValidPaths(object: FakeObject): boolean {
  const paths = JSON.stringify(object).match(/(?<="path":")[^"]*/g) ?? [];
  return paths.every((path) => /^(\/[a-z0-9]([a-z0-9.-]*[a-z0-9])?)+$/.test(path));
}

/** As the API server says no, with a message that must never be repeated to anybody. */
function status(code: number): { status: number; object: unknown } {
  return { status: code, object: { apiVersion: 'v1', kind: 'Status', status: 'Failure', code, message: 'words of the upstream' } };
}

async function readAll(request: IncomingMessage): Promise<string> {
  const chunks: Buffer[] = [];
  for await (const chunk of request) chunks.push(chunk);
  return Buffer.concat(chunks).toString('utf8');
}

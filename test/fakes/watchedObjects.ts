/**
 * A stand-in for the API server's list and watch of one kind, over real HTTPS: pages with continue tokens, a stream of events by
 * resourceVersion, 410, and sockets that break. https://kubernetes.io/docs/reference/using-api/api-concepts/#efficient-detection-of-changes
 */
import type { ServerResponse } from 'node:http';
import { createServer } from 'node:https';
import type { AddressInfo } from 'node:net';
import { issueAuthority, issueServing } from '../../src/server/authority.ts';

export interface WatchedObject {
  readonly metadata: { readonly namespace: string; readonly name: string };
  readonly [field: string]: unknown;
}

export interface WatchedObjects {
  readonly kubeconfig: string;
  /** `list TOKEN` and `watch VERSION` of every request. */
  readonly requests: string[];
  put(object: WatchedObject): void;
  remove(namespace: string, name: string): void;
  /** Watches that are open. */
  watchers(): number;
  /** Breaks every connection, and forgets what a watch would be told of what happened meanwhile. */
  breakSockets(meanwhile?: () => void): void;
  /** Answers lists (or the second page of one) and watches with this status, or not at all; null ends it. */
  fail(what: 'list' | 'page' | 'watch', status: number | 'silence' | null): void;
  close(): Promise<void>;
}

export async function startWatchedObjects(pageSize = 2): Promise<WatchedObjects> {
  const objects = new Map<string, WatchedObject>();
  const events: { readonly version: number; readonly line: string }[] = [];
  const watching = new Set<ServerResponse>();
  const requests: string[] = [];
  const failing = new Map<string, number | 'silence'>();
  let version = 100;
  let oldest = 0;
  let listed: { readonly items: readonly WatchedObject[]; readonly version: number } = { items: [], version };

  const tell = (type: string, object: WatchedObject): void => {
    const line = `${JSON.stringify({ type, object })}\n`;
    events.push({ version, line });
    for (const response of watching) response.write(line);
  };
  const refuse = (response: ServerResponse, code: number | 'silence'): void => {
    if (code === 'silence') return;
    response
      .writeHead(code, { 'content-type': 'application/json' })
      .end(JSON.stringify({ kind: 'Status', status: 'Failure', code, message: 'words of the upstream' }));
  };
  const list = (url: URL, response: ServerResponse) => {
    const token = url.searchParams.get('continue');
    requests.push(`list ${token ?? ''}`.trim());
    const status = failing.get(token === null ? 'list' : 'page');
    if (status !== undefined) return refuse(response, status);
    const from = Number(token ?? 0);
    // All pages of a list are of the moment at which it began.
    if (token === null) listed = { items: [...objects.values()], version };
    const page = listed.items.slice(from, from + pageSize);
    const more = from + pageSize < listed.items.length ? { continue: String(from + pageSize) } : {};
    response.writeHead(200, { 'content-type': 'application/json' });
    response.end(JSON.stringify({ kind: 'VulnerabilityReportList', metadata: { resourceVersion: String(listed.version), ...more }, items: page }));
  };
  const watch = (url: URL, response: ServerResponse) => {
    const since = Number(url.searchParams.get('resourceVersion'));
    requests.push(`watch ${since}`);
    const status = failing.get('watch');
    if (status !== undefined) return refuse(response, status);
    if (since < oldest) return refuse(response, 410);
    response.writeHead(200, { 'content-type': 'application/json' });
    response.flushHeaders();
    for (const event of events) if (event.version > since) response.write(event.line);
    watching.add(response);
    response.on('close', () => watching.delete(response));
  };

  const authority = await issueAuthority(Date.now());
  const server = createServer(await issueServing(authority, ['127.0.0.1'], Date.now()), (request, response) => {
    const url = new URL(request.url ?? '', 'https://api.test');
    if (!url.pathname.endsWith('/vulnerabilityreports')) return refuse(response, 404);
    return url.searchParams.get('watch') === 'true' ? watch(url, response) : list(url, response);
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
      contexts: [{ name: 'fake', context: { cluster: 'fake', user: 'fake' } }],
    }),
    requests,
    put(object) {
      version += 1;
      const key = `${object.metadata.namespace}/${object.metadata.name}`;
      const type = objects.has(key) ? 'MODIFIED' : 'ADDED';
      const stored = { ...object, metadata: { ...object.metadata, resourceVersion: String(version) } };
      objects.set(key, stored);
      tell(type, stored);
    },
    remove(namespace, name) {
      const held = objects.get(`${namespace}/${name}`);
      objects.delete(`${namespace}/${name}`);
      version += 1;
      if (held !== undefined) tell('DELETED', { ...held, metadata: { namespace, name, ...{ resourceVersion: String(version) } } });
    },
    watchers: () => watching.size,
    breakSockets(meanwhile) {
      for (const response of watching) response.destroy();
      server.closeAllConnections();
      watching.clear();
      if (meanwhile === undefined) return;
      meanwhile();
      events.length = 0;
      oldest = version;
    },
    fail(what, status) {
      if (status === null) failing.delete(what);
      else failing.set(what, status);
    },
    close: () =>
      new Promise((resolve) => {
        server.close(() => resolve());
        server.closeAllConnections();
      }),
  };
}

/**
 * A stand-in for the little of Harbor 2's API that a scan source asks, over real HTTPS and in the shape of the real one: Basic
 * authentication of a robot account, repositories whose slashes are encoded twice, scan overviews, and reports keyed by media type.
 * https://github.com/goharbor/harbor/blob/main/api/v2.0/swagger.yaml
 */
import type { IncomingMessage, ServerResponse } from 'node:http';
import { createServer } from 'node:https';
import type { AddressInfo } from 'node:net';
import { issueAuthority, issueServing } from '../../src/server/authority.ts';

export interface HarborArtifact {
  /** null: it was never scanned. */
  readonly overview: Readonly<Record<string, unknown>> | null;
  /** null: the answer is `{}`. */
  readonly report: Readonly<Record<string, unknown>> | null;
}

export type Misbehaviour =
  | { readonly status: number; readonly location?: string; readonly body?: string }
  | 'silence'
  | 'reset'
  | 'flood'
  | 'garbage'
  | 'otherArtifact';

export interface FakeHarbor {
  /** `host:port`. */
  readonly host: string;
  readonly url: string;
  /** PEM of the authority that it is trusted by. */
  readonly ca: string;
  readonly robot: { readonly name: string; readonly secret: string };
  /** `METHOD PATH` of every request, as it came over the wire. */
  readonly requests: string[];
  put(project: string, repository: string, digest: string, artifact: HarborArtifact): void;
  /** What each following request gets instead of an answer; null ends it. */
  misbehave(how: Misbehaviour | null): void;
  close(): Promise<void>;
}

export const reportType = 'application/vnd.security.vulnerability.report; version=1.1';

export async function startHarbor(): Promise<FakeHarbor> {
  const robot = { name: 'robot$library+tidewaiter', secret: 'aW4gdmFpbg' };
  const artifacts = new Map<string, HarborArtifact>();
  const requests: string[] = [];
  let how: Misbehaviour | null = null;

  const answer = (request: IncomingMessage): { readonly status: number; readonly body: object } => {
    if (request.headers.authorization !== `Basic ${Buffer.from(`${robot.name}:${robot.secret}`).toString('base64')}`) return refusal(401, 'UNAUTHORIZED');
    const url = new URL(request.url ?? '', 'https://harbor.test');
    // The proxy in front of Harbor decodes once; what then still has slashes too many finds no route.
    const match = /^\/api\/v2\.0\/projects\/([^/]+)\/repositories\/([^/]+)\/artifacts\/([^/]+)(\/additions\/vulnerabilities)?$/.exec(
      decodeURIComponent(url.pathname),
    );
    const [, project = '', repository = '', digest = '', addition] = match ?? [];
    const found = artifacts.get(`${project}/${decodeURIComponent(repository)}@${digest}`);
    if (found === undefined) return refusal(404, 'NOT_FOUND');
    const accepted = String(request.headers['x-accept-vulnerabilities'] ?? '')
      .split(/,\s*/)
      .includes(reportType);
    if (addition !== undefined) return { status: 200, body: found.report === null || !accepted ? {} : { [reportType]: found.report } };
    const overview =
      url.searchParams.get('with_scan_overview') === 'true' && found.overview !== null && accepted ? { [reportType]: found.overview } : undefined;
    return { status: 200, body: { id: 7, type: 'IMAGE', digest: how === 'otherArtifact' ? `sha256:${'0'.repeat(64)}` : digest, scan_overview: overview } };
  };

  const authority = await issueAuthority(Date.now());
  const server = createServer(await issueServing(authority, ['127.0.0.1'], Date.now()), (request, response) => {
    requests.push(`${request.method} ${request.url}`);
    if (how !== null && how !== 'otherArtifact') spoil(how, response);
    else {
      const { status, body } = answer(request);
      response.writeHead(status, { 'content-type': 'application/json' }).end(JSON.stringify(body));
    }
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const host = `127.0.0.1:${(server.address() as AddressInfo).port}`;
  return {
    host,
    url: `https://${host}`,
    ca: authority.cert,
    robot,
    requests,
    put: (project, repository, digest, artifact) => {
      artifacts.set(`${project}/${repository}@${digest}`, artifact);
    },
    misbehave(next) {
      how = next;
    },
    close: () =>
      new Promise((resolve) => {
        server.close(() => resolve());
        server.closeAllConnections();
      }),
  };
}

/** An overview as Harbor has it when a scan is done. */
export function overviewOf(status: string, changes: Readonly<Record<string, unknown>> = {}): Record<string, unknown> {
  return {
    report_id: '2e5b9a3c-1b7a-4d8e-9c1f-7d5a6b8c9d0e',
    scan_status: status,
    severity: 'High',
    duration: 12,
    summary: { total: 1, fixable: 1, summary: { High: 1 } },
    start_time: '2026-11-24T09:59:48Z',
    end_time: '2026-11-24T10:00:00Z',
    complete_percent: 100,
    scanner: { name: 'Trivy', vendor: 'Aqua Security', version: 'v0.74.0' },
    ...changes,
  };
}

/** A report as Harbor has it. */
export function harborReport(digest: string, changes: Readonly<Record<string, unknown>> = {}): Record<string, unknown> {
  return {
    generated_at: '2026-11-24T10:00:00.123456789Z',
    scanner: { name: 'Trivy', vendor: 'Aqua Security', version: 'v0.74.0' },
    severity: 'High',
    vulnerabilities: [
      {
        id: 'CVE-2026-0001',
        package: 'openssl',
        version: '3.0.1',
        fix_version: '3.0.2',
        severity: 'High',
        description: 'words',
        links: ['https://avd.aquasec.com/nvd/cve-2026-0001'],
        artifact_digest: digest,
        preferred_cvss: { score_v3: 7.5, score_v2: null, vector_v3: 'CVSS:3.1/AV:N/AC:L/PR:N/UI:N/S:U/C:N/I:N/A:H', vector_v2: '' },
        cwe_ids: ['CWE-20'],
        vendor_attributes: { CVSS: { nvd: { V3Score: 7.5 } } },
      },
    ],
    ...changes,
  };
}

function spoil(how: Exclude<Misbehaviour, 'otherArtifact'>, response: ServerResponse): void {
  if (how === 'garbage') response.writeHead(200, { 'content-type': 'application/json' }).end('{"digest":');
  else if (how === 'reset') {
    response.writeHead(200, { 'content-length': '1000' });
    response.write('{', () => response.destroy());
  } else if (how === 'flood') {
    response.writeHead(200, { 'content-type': 'application/json' });
    pour(response, Buffer.alloc(1 << 20, ' '));
  } else if (how !== 'silence') {
    const { status, location, body = JSON.stringify(refusal(status, 'UNKNOWN').body) } = how;
    response.writeHead(status, location === undefined ? {} : { location }).end(body);
  }
}

function pour(response: ServerResponse, chunk: Buffer): void {
  let more = true;
  while (more && !response.destroyed) more = response.write(chunk);
  if (!response.destroyed) response.once('drain', () => pour(response, chunk));
}

function refusal(status: number, code: string): { readonly status: number; readonly body: object } {
  return { status, body: { errors: [{ code, message: 'words of the upstream' }] } };
}

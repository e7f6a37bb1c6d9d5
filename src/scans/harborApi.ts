import { Agent, type Dispatcher } from 'undici';
import type { Digest } from '../domain/digest.ts';
import { bad, good, type Outcome } from '../domain/fault.ts';
import { type HarborReport, readArtifact, readHarborReport, reportTypes, type ScanProgress } from './harborReport.ts';

export interface HarborOptions {
  readonly url: URL;
  /** Value of the Authorization header. */
  readonly authorization: string;
  /** PEM; null for the authorities that Node trusts. */
  readonly ca: string | null;
}

export interface HarborApi {
  /** How far the scan of an artifact is; null: Harbor has no such artifact. */
  artifact(repository: string, digest: Digest, signal: AbortSignal): Promise<Outcome<ScanProgress | null>>;
  /** The scan report of an artifact; null: there is none. */
  report(repository: string, digest: Digest, signal: AbortSignal): Promise<Outcome<HarborReport | null>>;
  close(): void;
}

const connections = 8;
const longestArtifact = 4 << 20;
const longestReport = 64 << 20;
const connectFor = 5_000;
const answerFor = 20_000;

/**
 * Asks Harbor's API of version 2.0, and no other host: a redirect is a fault, so that the credentials stay where they belong.
 * https://github.com/goharbor/harbor/blob/main/api/v2.0/swagger.yaml
 */
export function createHarborApi({ url, authorization, ca }: HarborOptions): HarborApi {
  const agent = new Agent({
    connections,
    pipelining: 1,
    allowH2: false,
    maxHeaderSize: 32 * 1024,
    headersTimeout: answerFor,
    bodyTimeout: answerFor,
    connect: { timeout: connectFor, ...(ca === null ? {} : { ca }) },
  });
  const host = url.host;

  /** Parsed JSON; null on 404. */
  const get = async (path: string, longest: number, signal: AbortSignal): Promise<Outcome<unknown>> => {
    try {
      const response = await agent.request({
        origin: url.origin,
        path: `${url.pathname.replace(/\/+$/, '')}/api/v2.0${path}`,
        method: 'GET',
        headers: {
          authorization,
          accept: 'application/json',
          'accept-encoding': 'identity',
          'x-accept-vulnerabilities': reportTypes.join(', '),
          'user-agent': 'tidewaiter',
        },
        signal,
      });
      return await readAnswer(response, host, longest);
    } catch (cause) {
      if (signal.aborted) return bad('DEADLINE_EXCEEDED', `Harbor at ${host} did not answer before the deadline`);
      return bad('REGISTRY_UNAVAILABLE', `Harbor at ${host} can't be reached (${codeOf(cause)})`, { cause });
    }
  };

  return {
    async artifact(repository, digest, signal) {
      const path = artifactPath(repository, digest);
      if (!path.ok) return path;
      const query = 'with_scan_overview=true&with_tag=false&with_label=false&with_accessory=false';
      const answer = await get(`${path.value}?${query}`, longestArtifact, signal);
      if (!answer.ok) return answer;
      return answer.value === null ? good(null) : readArtifact(answer.value);
    },
    async report(repository, digest, signal) {
      const path = artifactPath(repository, digest);
      if (!path.ok) return path;
      const answer = await get(`${path.value}/additions/vulnerabilities`, longestReport, signal);
      if (!answer.ok) return answer;
      return answer.value === null ? good(null) : readHarborReport(answer.value, digest);
    },
    close() {
      void agent.destroy();
    },
  };
}

/** `project/a/b` is the repository `a/b` of a project; a slash in it is encoded twice, since Harbor's proxy decodes once. */
function artifactPath(name: string, digest: Digest): Outcome<string> {
  const slash = name.indexOf('/');
  if (slash < 1) return bad('REFERENCE_INVALID', 'a repository of Harbor lies in a project');
  const project = encodeURIComponent(name.slice(0, slash));
  const repository = encodeURIComponent(encodeURIComponent(name.slice(slash + 1)));
  return good(`/projects/${project}/repositories/${repository}/artifacts/${encodeURIComponent(digest)}`);
}

async function readAnswer({ statusCode: status, headers, body }: Dispatcher.ResponseData, host: string, longest: number): Promise<Outcome<unknown>> {
  if (status !== 200) {
    await body.dump({ limit: 64 * 1024 });
    return status === 404 ? good(null) : refused(status, host);
  }
  const chunks: Buffer[] = [];
  let length = 0;
  const tooLong = bad('LIMIT_EXCEEDED', `Harbor at ${host} answered with more than ${longest} bytes`);
  if (Number(headers['content-length']) > longest) {
    body.on('error', () => {}).destroy();
    return tooLong;
  }
  for await (const chunk of body) {
    const bytes: Buffer = Buffer.from(chunk);
    length += bytes.length;
    // Leaving the loop destroys the stream, and with it the connection.
    if (length > longest) return tooLong;
    chunks.push(bytes);
  }
  try {
    return good(JSON.parse(Buffer.concat(chunks, length).toString('utf8')));
  } catch {
    return bad('RESPONSE_INVALID', `Harbor at ${host} answered with what is not JSON`);
  }
}

function refused(status: number, host: string): Outcome<never> {
  if (status === 401 || status === 403) return bad('REGISTRY_UNAUTHORIZED', `Harbor at ${host} refuses the credentials of this scan source (HTTP ${status})`);
  if (status === 429) return bad('REGISTRY_RATE_LIMITED', `Harbor at ${host} limits the rate of requests (HTTP 429)`);
  if (status >= 500) return bad('REGISTRY_UNAVAILABLE', `Harbor at ${host} fails (HTTP ${status})`);
  if (status >= 300 && status < 400) return bad('RESPONSE_INVALID', `Harbor at ${host} redirects (HTTP ${status}); give the address that answers as url`);
  return bad('RESPONSE_INVALID', `Harbor at ${host} answered with HTTP ${status}`);
}

function codeOf(error: unknown): string {
  const code = error instanceof Error && 'code' in error ? error.code : null;
  return typeof code === 'string' && /^[A-Z0-9_]{1,60}$/.test(code) ? code : 'the connection broke';
}

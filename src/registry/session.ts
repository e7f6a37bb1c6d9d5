import type { Digest } from '../domain/digest.ts';
import { bad, good, type Outcome } from '../domain/fault.ts';
import { type Repository, repositoryName } from '../domain/image.ts';
import type { Call } from '../domain/registry.ts';
import { type Authorizer, type Claim, stillRefused } from './authorize.ts';
import type { Reach } from './reach.ts';
import type { Send } from './retry.ts';
import type { Operation, Reply } from './transport.ts';

/** One question to a registry's API. */
export interface Question {
  readonly repository: Repository;
  readonly operation: Exclude<Operation, 'token'>;
  /** Below the repository, such as `manifests` and `latest`. */
  readonly path: readonly [string, string];
  /** Instead of `path`: a next page, on the host the page before came from. */
  readonly url?: URL;
  readonly accept: string;
  readonly longest: number;
  /** What is asked for, in words for people. */
  readonly what: string;
  /** What is sent; null for a question that changes nothing. */
  readonly upload?: Upload;
  /** What the registry must let us do; else `pull`, and for an upload `push`. */
  readonly right?: 'push';
}

export interface Upload {
  readonly method: 'POST' | 'PUT';
  readonly type: string | null;
  readonly content: Buffer;
}

/** Asks a registry, authorised as it demands: every status but 401, 403, 429 and those of an outage is a reply. */
export type AskRegistry = (question: Question, call: Call) => Promise<Outcome<Reply>>;

export function createSession(reach: Reach, authorizer: Authorizer, send: Send): AskRegistry {
  return async (question, call) => {
    const { repository, operation, accept, longest, what, upload } = question;
    const found = reach.place(repository);
    if (!found.ok) return found;
    const place = found.value;
    const claim: Claim = { place, repository, access: call.access, push: upload !== undefined || question.right === 'push' };
    const url = question.url ?? apiUrl(place.origin, repository, question.path);
    const method = upload?.method ?? (operation === 'head' ? 'HEAD' : 'GET');
    const type = upload?.type ?? null;
    let authorization = await authorizer.begin(claim, call.signal);
    // The first answer may be a challenge, the second the refusal of a token that was good a moment ago.
    for (let turn = 0; ; turn += 1) {
      if (!authorization.ok) return authorization;
      const { header, as } = authorization.value;
      const sent = url.origin === place.origin ? header : null;
      const asked = {
        place,
        repository: repository.repository,
        access: call.access.key,
        party: call.access.party ?? '',
        operation,
        method,
        url,
        headers: { accept, ...(type === null ? {} : { 'content-type': type }) },
        authorization: sent,
        body: upload?.content ?? null,
        longest,
      } as const;
      const reply = await send(asked, what, call.signal);
      if (!reply.ok) return reply;
      const { status } = reply.value;
      if (status === 403) return stillRefused(claim, status, as);
      if (status !== 401) return reply;
      // Whoever a redirect led to has no claim to credentials.
      if (turn === 2 || reply.value.url.origin !== place.origin) return stillRefused(claim, status, as);
      authorization = await authorizer.answer(claim, reply.value, authorization.value, call.signal);
    }
  };
}

/** `/v2/<name>/<kind>/<reference>`, and uploads end in a slash; the parts are known to be well formed, so that nothing here climbs out of its path. */
function apiUrl(origin: string, { repository }: Repository, [kind, reference]: readonly [string, string]): URL {
  const segments = ['v2', ...repository.split('/'), kind, ...reference.split('/')].map((segment) => encodeURIComponent(segment).replaceAll('%3A', ':'));
  return new URL(`/${segments.join('/')}`, origin);
}

/** The reference of a blob or manifest, in words for people. */
export function describeContent(repository: Repository, reference: { readonly digest: Digest } | { readonly tag: string }): string {
  return 'digest' in reference ? `${repositoryName(repository)}@${reference.digest}` : `${repositoryName(repository)}:${reference.tag}`;
}

/** A reply with the content asked for, or what its status means. */
export function expectContent(reply: Reply, repository: Repository, what: string): Outcome<Reply> {
  if (reply.status === 200) return good(reply);
  if (reply.status === 404) return bad('MANIFEST_UNKNOWN', `the registry has no ${what}`);
  return bad('RESPONSE_INVALID', `${repository.registry} answered with the unexpected status ${reply.status} for ${what}`);
}

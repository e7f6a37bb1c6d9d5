import { randomUUID } from 'node:crypto';
import type { IncomingMessage, ServerResponse } from 'node:http';

export type FakeAuth =
  | { readonly kind: 'none' }
  /** Lets in whoever shows any credential. */
  | { readonly kind: 'any' }
  | { readonly kind: 'basic'; readonly username: string; readonly password: string }
  | {
      readonly kind: 'token';
      /** Null: everybody gets a token. */
      readonly username: string | null;
      readonly password: string | null;
      /** Accepted as refresh_token by POST. */
      readonly identityToken?: string;
      /** Where tokens are had; default: /token of the registry itself, which serves it in any case. */
      readonly realm?: string;
      /** Seconds; default 300. */
      readonly expiresIn?: number;
      /** The whole WWW-Authenticate header, instead of the usual one; {realm} and {scope} are filled in. */
      readonly challenge?: string;
    };

export interface Guard {
  /** Answers 401 and returns false unless the request carries what is needed. */
  admits(request: IncomingMessage, response: ServerResponse, scope: string): boolean;
  /** The token endpoint. */
  token(request: IncomingMessage, response: ServerResponse, url: URL, body: string): void;
  /** Makes every token handed out so far worthless. */
  revoke(): void;
}

/** https://distribution.github.io/distribution/spec/auth/token/ and /oauth/ */
export function createGuard(auth: FakeAuth, origin: () => string): Guard {
  const tokens = new Map<string, { readonly scope: string; readonly until: number }>();
  const refuse = (response: ServerResponse, challenge: string): false => {
    response.writeHead(401, { 'www-authenticate': challenge, 'content-type': 'application/json' });
    response.end('{"errors":[{"code":"UNAUTHORIZED","message":"authentication required"}]}');
    return false;
  };
  return {
    admits(request, response, scope) {
      const header = request.headers.authorization ?? '';
      if (auth.kind === 'none') return true;
      if (auth.kind === 'any') return header !== '' || refuse(response, 'Basic realm="fake, registry"');
      if (auth.kind === 'basic') return header === basic(auth.username, auth.password) || refuse(response, 'Basic realm="fake, registry"');
      const held = tokens.get(header.replace(/^Bearer /, ''));
      const wanted = scope.slice(scope.lastIndexOf(':') + 1).split(',');
      const covers = held !== undefined && held.until > Date.now() && grants(held.scope, scope.slice(0, scope.lastIndexOf(':')), wanted);
      const realm = auth.realm ?? `${origin()}/token`;
      const usual = 'Bearer realm="{realm}",service="fake",scope="{scope}"';
      return covers || refuse(response, (auth.challenge ?? usual).replace('{realm}', realm).replace('{scope}', scope));
    },
    token(request, response, url, body) {
      const form = new URLSearchParams(body);
      const asked = request.method === 'POST' ? form : url.searchParams;
      const header = request.headers.authorization ?? null;
      const known =
        auth.kind === 'token' &&
        (auth.username === null ||
          header === basic(auth.username, auth.password ?? '') ||
          (request.method === 'POST' && auth.identityToken !== undefined && form.get('refresh_token') === auth.identityToken) ||
          (request.method === 'POST' && form.get('username') === auth.username && form.get('password') === auth.password));
      if (auth.kind !== 'token' || !known) {
        response.writeHead(401, { 'content-type': 'application/json' });
        response.end('{"details":"incorrect username or password"}');
        return;
      }
      const token = randomUUID();
      const expiresIn = auth.expiresIn ?? 300;
      tokens.set(token, { scope: asked.getAll('scope').join(' '), until: Date.now() + expiresIn * 1000 });
      response.writeHead(200, { 'content-type': 'application/json' });
      response.end(JSON.stringify({ [request.method === 'POST' ? 'access_token' : 'token']: token, expires_in: expiresIn }));
    },
    revoke: () => tokens.clear(),
  };
}

function grants(scopes: string, resource: string, actions: readonly string[]): boolean {
  if (resource === '') return true;
  return scopes.split(' ').some((held) => {
    const colon = held.lastIndexOf(':');
    const granted = held.slice(colon + 1).split(',');
    return held.slice(0, colon) === resource && actions.every((action) => granted.includes(action));
  });
}

function basic(username: string, password: string): string {
  return `Basic ${Buffer.from(`${username}:${password}`).toString('base64')}`;
}

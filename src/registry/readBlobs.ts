import { bad, good } from '../domain/fault.ts';
import type { Registry } from '../domain/registry.ts';
import { hasDigest } from './contentDigest.ts';
import type { RegistryLimits } from './limits.ts';
import { type AskRegistry, describeContent, expectContent } from './session.ts';
import { createStore } from './store.ts';

/** GET of blobs. https://github.com/opencontainers/distribution-spec/blob/v1.1.1/spec.md#pulling-blobs */
export function createBlobs(ask: AskRegistry, limits: RegistryLimits): Registry['blob'] {
  const store = createStore<Uint8Array>(limits.cacheBytes / 2, limits.flight, ({ length }) => length);

  const fetch: Registry['blob'] = async (repository, { digest, size }, longest, call) => {
    const what = `the blob ${describeContent(repository, { digest })}`;
    const reply = await ask({ repository, operation: 'blob', path: ['blobs', digest], accept: '*/*', longest: Math.min(size, longest), what }, call);
    if (!reply.ok) return reply;
    const content = expectContent(reply.value, repository, what);
    if (!content.ok) return content;
    const { body } = content.value;
    if (body.length !== size) return bad('RESPONSE_INVALID', `${repository.registry} answered for ${what} with ${body.length} bytes instead of ${size}`);
    if (!hasDigest(body, digest)) return bad('RESPONSE_INVALID', `${repository.registry} answered for ${what} with bytes that do not have that digest`);
    // A copy: a small blob must not keep the whole buffer it was read into.
    return good(new Uint8Array(body));
  };

  return async (repository, blob, longest, call) => {
    const { digest, size } = blob;
    const what = `the blob ${describeContent(repository, { digest })}`;
    if (size > longest) return bad('LIMIT_EXCEEDED', `${what} has ${size} bytes; no more than ${longest} are read`);
    if (size > limits.cachedBlobBytes) return await fetch(repository, blob, longest, call);
    const kept = store.kept(repository, digest, call.access.key);
    if (kept !== null) {
      return kept.length === size ? good(kept) : bad('RESPONSE_INVALID', `${what} has ${kept.length} bytes, and its descriptor says ${size}`);
    }
    // Whoever believes in another size gets an answer of its own.
    return await store.read({ repository, digest, what, flight: String(size) }, call, (own) => fetch(repository, blob, size, own));
  };
}

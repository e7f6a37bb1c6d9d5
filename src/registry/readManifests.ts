import type { Digest } from '../domain/digest.ts';
import { bad, good, type Outcome } from '../domain/fault.ts';
import { isTag } from '../domain/image.ts';
import type { Manifest, Registry } from '../domain/registry.ts';
import { digestOfTagged, hasDigest } from './contentDigest.ts';
import type { RegistryLimits } from './limits.ts';
import { acceptedTypes, readManifest } from './manifest.ts';
import { type AskRegistry, describeContent, expectContent } from './session.ts';
import { createStore } from './store.ts';
import { createTurns } from './turns.ts';

/** GET and HEAD of manifests. https://github.com/opencontainers/distribution-spec/blob/v1.1.1/spec.md#pulling-manifests */
export function createManifests(ask: AskRegistry, limits: RegistryLimits): Pick<Registry, 'manifest' | 'has'> {
  // A parsed manifest takes a few times the bytes of its text.
  const store = createStore<Manifest>(limits.cacheBytes / 2, limits.flight, ({ size }) => 512 + size * 3);
  const turn = createTurns();
  const lists = { ...limits, manifestBytes: limits.listBytes, descriptors: limits.listDescriptors };

  const fetch: Registry['manifest'] = async (repository, reference, call) => {
    const what = describeContent(repository, reference);
    const path = ['manifests', 'digest' in reference ? reference.digest : reference.tag] as const;
    const bounds = listsReferrers(reference) ? lists : limits;
    const reply = await ask({ repository, operation: 'manifest', path, accept: acceptedTypes, longest: bounds.manifestBytes, what }, call);
    if (!reply.ok) return reply;
    const content = expectContent(reply.value, repository, what);
    if (!content.ok) return content;
    const { body, headers } = content.value;
    await turn(body.length);
    const digest = 'digest' in reference ? checkedDigest(body, reference.digest) : digestOfTagged(body, headers['docker-content-digest']);
    const contentType = headers['content-type'];
    const manifest = digest.ok ? readManifest(body, typeof contentType === 'string' ? contentType : null, digest.value, bounds) : digest;
    return manifest.ok ? manifest : bad(manifest.fault.code, `${repository.registry} answered for ${what} with ${manifest.fault.message}`);
  };

  const manifest: Registry['manifest'] = async (repository, reference, call) => {
    if ('tag' in reference) {
      if (!isTag(reference.tag)) return bad('REFERENCE_INVALID', 'the tag has characters that a tag can not have');
      const tagged = await fetch(repository, reference, call);
      // Whoever asks for a tag asks for its digest next.
      if (tagged.ok && tagged.value.size <= limits.manifestBytes) store.keep(repository, tagged.value.digest, call.access.key, tagged.value);
      return tagged;
    }
    const { digest } = reference;
    return await store.read({ repository, digest, what: describeContent(repository, reference) }, call, (own) => fetch(repository, reference, own));
  };

  return {
    manifest,
    // Never from memory: it is asked whether the registry still has it.
    async has(repository, digest, call) {
      const what = describeContent(repository, { digest });
      const reply = await ask({ repository, operation: 'head', path: ['manifests', digest], accept: acceptedTypes, longest: 0, what }, call);
      if (!reply.ok) return reply;
      const { status, headers } = reply.value;
      // A registry that has no HEAD is asked for the whole.
      if (status === 405 || status === 501) {
        const whole = await manifest(repository, { digest }, call);
        return whole.ok ? good(true) : whole.fault.code === 'MANIFEST_UNKNOWN' ? good(false) : whole;
      }
      if (status === 404) return good(false);
      const content = expectContent(reply.value, repository, what);
      if (!content.ok) return content;
      const named = headers['docker-content-digest'];
      if (named !== undefined && named !== digest) return bad('RESPONSE_INVALID', `${repository.registry} answered for ${what} with another digest`);
      return good(true);
    },
  };
}

/**
 * Whether it is a tag under which the referrers of a digest are listed: that index may be long.
 * https://github.com/opencontainers/distribution-spec/blob/v1.1.1/spec.md#referrers-tag-schema
 */
function listsReferrers(reference: { readonly digest: Digest } | { readonly tag: string }): boolean {
  return 'tag' in reference && /^sha(256|512)-[0-9a-f]{64}$/.test(reference.tag);
}

function checkedDigest(bytes: Uint8Array, digest: Digest): Outcome<Digest> {
  return hasDigest(bytes, digest) ? good(digest) : bad('RESPONSE_INVALID', 'bytes that do not have that digest');
}

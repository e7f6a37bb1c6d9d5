import { bad, good, type Outcome } from '../domain/fault.ts';
import type { Verification } from './claimSigner.ts';
import type { Root, TrustedRootSettings, TrustRoots } from './trustRoots/index.ts';
import type { VerifyClaim } from './verify.ts';

/**
 * Verification by a trust root: made once for each root that comes to be in force.
 *
 * @param make the verifier for a root, or why it can't be one
 */
export async function byRoot(roots: TrustRoots, settings: TrustedRootSettings, make: (root: Root) => Outcome<VerifyClaim>): Promise<Outcome<Verification>> {
  const root = await roots.open(settings);
  if (!root.ok) return root;
  let made: { readonly root: Root; readonly verifier: Outcome<VerifyClaim> } | null = null;
  const makeOnce = (now: Root): Outcome<VerifyClaim> => {
    if (made === null || made.root !== now) made = { root: now, verifier: make(now) };
    return made.verifier;
  };
  if (settings.file !== undefined) {
    // A file does not change: what is wrong with it is wrong with the configuration.
    const now = await root.value.current(AbortSignal.timeout(0));
    const verifier = now.ok ? makeOnce(now.value) : now;
    if (!verifier.ok) return bad('CONFIG_INVALID', verifier.fault.message, { cause: verifier.fault.cause });
  }
  return good({
    root: root.value,
    async verifier(signal) {
      const now = await root.value.current(signal);
      return now.ok ? makeOnce(now.value) : now;
    },
  });
}

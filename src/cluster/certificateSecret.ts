import { type Keyring, type KeyringStore, keyringPath } from '../domain/certificate.ts';
import { good } from '../domain/fault.ts';
import type { ClusterApi } from './api.ts';

/** Keys of the Secret. `tls.crt`, `tls.key` and `ca.crt` are what Kubernetes itself calls them. */
const keys = { cert: 'tls.crt', key: 'tls.key', ca: 'ca.crt', caKey: 'ca.key', path: 'path' } as const satisfies Record<keyof Keyring, string>;

/**
 * Keeps the webhook's keyring in one Secret that all replicas share: created, or read where another replica was first; every later
 * write names the version it read, so that replicas agree. A Secret that exists without these keys is filled.
 */
export function certificateSecret(
  api: Pick<ClusterApi, 'readSecret' | 'createSecret' | 'updateSecret'>,
  where: { readonly namespace: string; readonly name: string },
): KeyringStore {
  const { namespace, name } = where;
  return {
    async read(signal) {
      const secret = await api.readSecret(namespace, name, signal);
      if (!secret.ok) return secret;
      if (secret.value === null) return good({ keyring: null, version: '' });
      return good({ keyring: readKeyring(secret.value.data), version: secret.value.resourceVersion });
    },
    replace(version, keyring, signal) {
      const data = {
        [keys.cert]: keyring.cert,
        [keys.key]: keyring.key,
        [keys.ca]: keyring.ca,
        [keys.caKey]: keyring.caKey,
        [keys.path]: keyring.path,
      };
      return version === '' ? api.createSecret(namespace, name, data, signal) : api.updateSecret(namespace, name, { resourceVersion: version, data }, signal);
    },
  };
}

/** null unless every part is there; what the parts hold is judged where the keyring is renewed. */
function readKeyring(data: Readonly<Record<string, string>>): Keyring | null {
  const cert = data[keys.cert];
  const key = data[keys.key];
  const ca = data[keys.ca];
  const caKey = data[keys.caKey];
  const path = data[keys.path];
  if (!cert || !key || !ca || !caKey || path === undefined || !keyringPath.test(path)) return null;
  return { cert, key, ca, caKey, path };
}

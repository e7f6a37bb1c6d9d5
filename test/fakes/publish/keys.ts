import { createPublicKey, generateKeyPairSync, type KeyObject, sign } from 'node:crypto';

export type KeyKind = 'p256' | 'p384' | 'p521' | 'rsa2048' | 'rsa3072' | 'ed25519';

export interface KeyPair {
  readonly kind: KeyKind;
  readonly privateKey: KeyObject;
  readonly publicKey: KeyObject;
  /** SubjectPublicKeyInfo, what `cosign public-key` prints and a signer's `key` takes. */
  readonly publicPem: string;
  /** PKCS#8, what `cosign import-key-pair` takes. */
  readonly privatePem: string;
}

export function makeKey(kind: KeyKind = 'p256'): KeyPair {
  const privateKey = generate(kind);
  const publicKey = createPublicKey(privateKey);
  return {
    kind,
    privateKey,
    publicKey,
    publicPem: publicKey.export({ type: 'spki', format: 'pem' }).toString(),
    privatePem: privateKey.export({ type: 'pkcs8', format: 'pem' }).toString(),
  };
}

/** Signs with the hash that Sigstore's algorithm registry binds to the key's kind; a pure Ed25519 signature hashes inside. */
export function signBytes(key: KeyPair, data: Uint8Array, hash: string | null = hashes[key.kind]): Buffer {
  return sign(hash, data, key.privateKey);
}

const hashes: Readonly<Record<KeyKind, string | null>> = {
  p256: 'sha256',
  p384: 'sha384',
  p521: 'sha512',
  rsa2048: 'sha256',
  rsa3072: 'sha256',
  ed25519: null,
};

function generate(kind: KeyKind): KeyObject {
  switch (kind) {
    case 'p256':
      return generateKeyPairSync('ec', { namedCurve: 'P-256' }).privateKey;
    case 'p384':
      return generateKeyPairSync('ec', { namedCurve: 'P-384' }).privateKey;
    case 'p521':
      return generateKeyPairSync('ec', { namedCurve: 'P-521' }).privateKey;
    case 'rsa2048':
      return generateKeyPairSync('rsa', { modulusLength: 2048 }).privateKey;
    case 'rsa3072':
      return generateKeyPairSync('rsa', { modulusLength: 3072 }).privateKey;
    case 'ed25519':
      return generateKeyPairSync('ed25519').privateKey;
  }
}

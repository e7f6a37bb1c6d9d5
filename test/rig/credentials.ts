import { generateKeyPairSync, randomBytes } from 'node:crypto';
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';

/** Everybody who may speak to the rig's API server. `admin` may do all; `alice` and `bob` are developers; `mallory` may do nothing. */
export const users = {
  admin: ['system:masters'],
  alice: ['developers'],
  bob: ['developers'],
  mallory: [],
} as const satisfies Record<string, readonly string[]>;

export type User = keyof typeof users;

export interface Credentials {
  readonly tokenFile: string;
  readonly serviceAccountKeyFile: string;
  readonly tokens: Readonly<Record<User, string>>;
}

const names = ['admin', 'alice', 'bob', 'mallory'] as const satisfies readonly User[];

/** Makes tokens and the key that signs service account tokens, new for each cluster. */
export function makeCredentials(folder: string): Credentials {
  const token = (): string => randomBytes(16).toString('hex');
  const tokens = { admin: token(), alice: token(), bob: token(), mallory: token() };
  const tokenFile = join(folder, 'tokens.csv');
  writeFileSync(tokenFile, names.map((name) => `${tokens[name]},${name},${name},"${users[name].join(',')}"\n`).join(''), { mode: 0o600 });
  const serviceAccountKeyFile = join(folder, 'sa.key');
  const { privateKey } = generateKeyPairSync('rsa', { modulusLength: 2048 });
  writeFileSync(serviceAccountKeyFile, privateKey.export({ type: 'pkcs1', format: 'pem' }), { mode: 0o600 });
  return { tokenFile, serviceAccountKeyFile, tokens };
}

/** Writes a kubeconfig with one context for each user, `admin` the current one. */
export function writeKubeconfig(file: string, url: string, caFile: string, tokens: Credentials['tokens']): void {
  const config = {
    apiVersion: 'v1',
    kind: 'Config',
    clusters: [{ name: 'rig', cluster: { server: url, 'certificate-authority': caFile } }],
    users: names.map((name) => ({ name, user: { token: tokens[name] } })),
    contexts: names.map((name) => ({ name, context: { cluster: 'rig', user: name } })),
    'current-context': 'admin',
  };
  writeFileSync(file, JSON.stringify(config), { mode: 0o600 });
}

import { onTestFinished } from 'vitest';
import { good, type Outcome } from '../../../src/domain/fault.ts';
import type { Repository } from '../../../src/domain/image.ts';
import { type Call, type Credential, type Keychain, ownAccess } from '../../../src/domain/registry.ts';
import { createRegistry, type HostRule, type RegistryOptions } from '../../../src/registry/index.ts';
import { type FakeRegistry, type FakeRegistryOptions, startRegistry } from '../../fakes/registry.ts';

export const repository = 'acme/app';

/** A fake that ends with the test. */
export async function fake(options: FakeRegistryOptions = {}): Promise<FakeRegistry> {
  const registry = await startRegistry(options);
  onTestFinished(() => registry.close());
  return registry;
}

export function plain(registry: FakeRegistry, more: Partial<HostRule> = {}): HostRule {
  return { host: registry.host, plainHTTP: true, ca: null, alsoHosts: [], ...more };
}

export function keychain(credential: Credential | null): Keychain & { readonly asked: string[] } {
  const asked: string[] = [];
  return {
    asked,
    credential: async (host, name, access) => {
      asked.push(`${host} ${name} ${access.key}`);
      return good(credential);
    },
  };
}

export const nobody = keychain(null);

/** A client that ends with the test, and does not wait long between attempts. */
export function client(hosts: RegistryOptions['hosts'], options: Partial<RegistryOptions> = {}): ReturnType<typeof createRegistry> {
  const made = createRegistry({ hosts, keychain: nobody, ...options, limits: { backoff: 1, ...options.limits } });
  onTestFinished(() => made.close());
  return made;
}

export function at(registry: FakeRegistry, name = repository): Repository {
  return { registry: registry.host, repository: name };
}

export function call(more: Partial<Call> = {}): Call {
  return { signal: AbortSignal.timeout(10_000), access: ownAccess, ...more };
}

/** The code of the fault, or `ok`. */
export function codeOf(outcome: Outcome<unknown>): string {
  return outcome.ok ? 'ok' : outcome.fault.code;
}

export function messageOf(outcome: Outcome<unknown>): string {
  return outcome.ok ? '' : outcome.fault.message;
}

export function unwrap<T>(outcome: Outcome<T>): T {
  if (!outcome.ok) throw new Error(`${outcome.fault.code}: ${outcome.fault.message}`, { cause: outcome.fault.cause });
  return outcome.value;
}

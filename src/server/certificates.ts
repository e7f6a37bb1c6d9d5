import { isIP } from 'node:net';
import type { CertificateSource, Keyring, KeyringStore, ServingCertificate } from '../domain/certificate.ts';
import { bad, good, type Outcome } from '../domain/fault.ts';
import type { Log } from '../domain/log.ts';
import { safeText } from '../domain/text.ts';
import { renewKeyring } from './keyring.ts';

/** A certificate source whose certificate is replaced from here. */
export interface CertificateHolder extends CertificateSource {
  /** Tells the listeners if the certificate is another one. */
  replace(certificate: ServingCertificate): void;
}

export function holdCertificate(first: ServingCertificate, onClose: () => void): CertificateHolder {
  let held = first;
  const listeners = new Set<(certificate: ServingCertificate) => void>();
  return {
    current: () => held,
    onChange(listener) {
      listeners.add(listener);
      return () => listeners.delete(listener);
    },
    replace(certificate) {
      if (certificate.cert === held.cert && certificate.key === held.key && certificate.ca === held.ca) return;
      held = certificate;
      for (const listener of listeners) listener(certificate);
    },
    close() {
      listeners.clear();
      onClose();
    },
  };
}

/** A certificate source that renews itself, and the secret path that lies beside its keys. */
export interface KeyringSource extends CertificateSource {
  readonly pathSecret: string;
  /** Looks now whether somebody else has renewed, or a renewal is due; what the timer does. Never rejects. */
  check(): Promise<Outcome<void>>;
}

export interface KeyringOptions {
  readonly store: KeyringStore;
  /** DNS names and IP addresses that callers use. */
  readonly dnsNames: readonly string[];
  /** Milliseconds since the epoch. */
  readonly clock: () => number;
  readonly log: Log;
  /** Milliseconds between two checks. */
  readonly every?: number;
}

const storeTime = 20_000;
/** A renewal is due weeks before it is needed; what must be quick is to take over what another replica renewed. */
const defaultEvery = 60_000;
const attempts = 10;
const dnsName = /^(?=.{1,253}$)[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?(\.[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?)*$/i;

/** Serves from a store that several processes may share: whoever writes first wins, the others take over what they find. */
export async function openKeyring(options: KeyringOptions): Promise<Outcome<KeyringSource>> {
  const wrong = options.dnsNames.find((name) => isIP(name) === 0 && !dnsName.test(name));
  if (wrong !== undefined || options.dnsNames.length === 0) {
    return bad(
      'CONFIG_INVALID',
      `the webhook’s own certificate needs DNS names or IP addresses, without wildcards${wrong === undefined ? '' : `; this is none: ${safeText(wrong, 100)}`}`,
    );
  }
  const first = await settle(options);
  if (!first.ok) return first;
  const pathSecret = first.value.path;
  let running: Promise<Outcome<void>> | null = null;

  const look = async (): Promise<Outcome<void>> => {
    const settled = await settle(options);
    if (!settled.ok) {
      options.log.warn({ code: settled.fault.code, reason: settled.fault.message }, 'the serving certificate could not be checked; the one in use stays');
      return settled;
    }
    if (settled.value.path !== pathSecret) options.log.error({}, 'the secret path was changed; this process answers on the old one until it is restarted');
    holder.replace(serving(settled.value));
    return good(undefined);
  };
  const check = (): Promise<Outcome<void>> => {
    running ??= look().finally(() => {
      running = null;
    });
    return running;
  };
  const timer = setInterval(() => void check(), options.every ?? defaultEvery);
  timer.unref();
  const holder = holdCertificate(serving(first.value), () => clearInterval(timer));
  return good({ ...holder, pathSecret, check });
}

/** Reads, renews what must be, and writes until nobody else was first. */
async function settle({ store, dnsNames, clock, log }: KeyringOptions): Promise<Outcome<Keyring>> {
  const signal = AbortSignal.timeout(storeTime);
  for (let attempt = 0; attempt < attempts; attempt++) {
    const stored = await store.read(signal);
    if (!stored.ok) return stored;
    const { keyring, reason } = await renewKeyring(stored.value.keyring, dnsNames, clock());
    if (reason === null) return good(keyring);
    const written = await store.replace(stored.value.version, keyring, signal);
    if (!written.ok) return written;
    if (written.value) {
      log.info({ reason }, 'the webhook’s own certificates were made anew');
      return good(keyring);
    }
  }
  return bad('INTERNAL', 'the webhook’s own certificates keep being changed by others', { transient: true });
}

function serving({ cert, key, ca }: Keyring): ServingCertificate {
  return { cert, key, ca };
}

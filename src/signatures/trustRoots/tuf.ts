import { bad, good, type Outcome } from '../../domain/fault.ts';
import type { Log } from '../../domain/log.ts';
import { fetchRoot, type TufRepository } from './fetch.ts';
import { parseRoot, type Root, type TrustRoot } from './root.ts';
import { type ConfirmedRoot, keepConfirmed, readConfirmed } from './store.ts';

export interface TufRootSettings extends TufRepository {
  /** Milliseconds that a root is believed after its repository last confirmed it. */
  readonly maxAge: number;
  readonly log: Log;
  /** Milliseconds since the epoch. */
  readonly clock: () => number;
}

const refreshAfter = 6 * 3_600_000;
const firstRetry = 10_000;
const longestRetry = 600_000;
/** A time so far ahead is not the clock's inaccuracy: nobody knows how old that root is. */
const aheadAtMost = 300_000;

/**
 * A trusted root from a TUF repository. It is asked for anew in the background, whenever somebody looks at it and it is due: no timer runs, and
 * nothing has to be closed. What was confirmed before is used until then, also by the processes that come later.
 */
export async function openTuf(settings: TufRootSettings): Promise<TrustRoot> {
  const { mirror, maxAge, directory, log, clock } = settings;
  const where = new URL(mirror).host;
  const kept = await readConfirmed(directory);
  let confirmed: ConfirmedRoot | null = kept !== null && kept.confirmedAt <= clock() + aheadAtMost ? kept : null;
  let flight: Promise<void> | null = null;
  let failures = 0;
  let dueAt = 0;

  const usable = (): Root | null => (confirmed !== null && clock() - confirmed.confirmedAt <= maxAge ? confirmed.root : null);
  const age = (): number | null => (confirmed === null ? null : Math.max(0, Math.round((clock() - confirmed.confirmedAt) / 1000)));

  const accept = async (bytes: Uint8Array): Promise<void> => {
    const parsed = parseRoot(bytes);
    if (!parsed.ok) throw new Error(parsed.fault.message, { cause: parsed.fault.cause });
    const changed = confirmed?.root.hash !== parsed.value.hash;
    // The same text keeps the object, and with it all that was derived from it.
    confirmed = { root: changed || confirmed === null ? parsed.value : confirmed.root, confirmedAt: clock() };
    failures = 0;
    dueAt = clock() + Math.min(refreshAfter, maxAge / 4);
    if (changed) log.info({ mirror: where, root: parsed.value.hash }, 'a trusted root was fetched');
    await keepConfirmed(directory, bytes, confirmed.confirmedAt).catch((error: unknown) => {
      log.warn({ err: error, directory }, 'the trusted root can not be kept on disk: after a restart it must be fetched again');
    });
  };

  const giveUp = (error: unknown): void => {
    failures += 1;
    dueAt = clock() + Math.min(longestRetry, firstRetry * 2 ** Math.min(failures - 1, 10));
    const fields = { err: error, mirror: where, ageSeconds: age(), maxAgeSeconds: maxAge / 1000 };
    if (usable() === null) log.error(fields, 'the trusted root can not be fetched, and there is none to go on with: keyless signatures can not be verified');
    else log.warn(fields, 'the trusted root can not be refreshed; the one from before is used');
  };

  const refresh = (): void => {
    if (flight !== null || clock() < dueAt) return;
    flight = fetchRoot(settings)
      .then(accept)
      .catch(giveUp)
      .finally(() => {
        flight = null;
      });
  };

  const missing = (): Outcome<Root> => {
    const seconds = age();
    if (seconds === null) return bad('TRUST_ROOT_UNAVAILABLE', `the trusted root could not be fetched from ${where} so far`);
    const words = `the trusted root was last confirmed by ${where} ${describeAge(seconds)} ago, which is longer than the ${describeAge(maxAge / 1000)} it is believed`;
    return bad('TRUST_ROOT_UNAVAILABLE', words);
  };

  refresh();
  return {
    hash() {
      refresh();
      return usable()?.hash ?? null;
    },
    async current(signal) {
      refresh();
      const root = usable();
      if (root !== null) return good(root);
      if (flight !== null) await unlessAborted(flight, signal);
      const fetched = usable();
      return fetched === null ? missing() : good(fetched);
    },
  };
}

function describeAge(seconds: number): string {
  if (seconds < 7200) return `${Math.round(seconds / 60)} minutes`;
  return seconds < 172_800 ? `${Math.round(seconds / 3600)} hours` : `${Math.round(seconds / 86_400)} days`;
}

function unlessAborted(flight: Promise<void>, signal: AbortSignal): Promise<void> {
  if (signal.aborted) return Promise.resolve();
  return new Promise((resolve) => {
    const done = (): void => {
      signal.removeEventListener('abort', done);
      resolve();
    };
    signal.addEventListener('abort', done, { once: true });
    void flight.then(done);
  });
}

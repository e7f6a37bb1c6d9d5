import { bad, good, type Outcome } from '../domain/fault.ts';
import type { Log } from '../domain/log.ts';
import type { ClusterApi, JsonPatchOperation, RegisteredWebhook, WebhookKind } from './api.ts';

export interface CaBundleOptions {
  readonly api: Pick<ClusterApi, 'readWebhooks' | 'patchWebhooks'>;
  /** Names of our webhook configurations. */
  readonly names: Readonly<Record<WebhookKind, string>>;
  /** PEM of the authorities the API server has to trust now. */
  readonly ca: () => string;
  /** First segment of the path, or null when there is none. */
  readonly pathSecret: string | null;
  readonly log: Log;
  /** Milliseconds between two looks, and after a look that failed. */
  readonly every?: number;
  readonly retry?: number;
}

export interface CaBundleKeeper {
  /** Looks now, as it does at every interval; to be called when the authority changes. Never rejects. */
  check(): Promise<Outcome<void>>;
  /**
   * For readiness: bad until a look has succeeded, good from then on. A later fault is logged; were it to make every replica unready, an
   * API server that is slow for a minute would cut itself off from a webhook that works.
   */
  state(): Outcome<void>;
  close(): void;
}

const callTime = 15_000;
const routes: Readonly<Record<WebhookKind, string>> = { mutating: 'mutate', validating: 'validate' };
/** Webhooks that have a route of their own. */
const ownRoutes: Readonly<Record<string, string>> = { 'exceptions.tidewaiter.dev': 'exceptions' };

/**
 * Keeps our two webhook configurations right: the authority that the API server trusts, and the path that it calls. Replicas do the
 * same work and agree, since both come from the one Secret.
 */
export function keepCaBundle(options: CaBundleOptions): CaBundleKeeper {
  const { log, every = 60_000, retry = 5000 } = options;
  const closing = new AbortController();
  let state: Outcome<void> = bad('INTERNAL', 'the webhook configurations have not been looked at yet', { transient: true });
  let told = '';
  let timer: NodeJS.Timeout | undefined;
  let last: Promise<Outcome<void>> = Promise.resolve(state);

  const look = async (): Promise<Outcome<void>> => {
    if (closing.signal.aborted) return state;
    clearTimeout(timer);
    const outcome = await setBoth(options, AbortSignal.any([closing.signal, AbortSignal.timeout(callTime)]));
    if (closing.signal.aborted) return outcome;
    if (outcome.ok || !state.ok) state = outcome;
    if (!outcome.ok && outcome.fault.message !== told) {
      log.warn({ code: outcome.fault.code, reason: outcome.fault.message }, 'the webhook configurations could not be kept right; trying again');
    }
    told = outcome.ok ? '' : outcome.fault.message;
    timer = setTimeout(() => void check(), outcome.ok ? every : retry);
    timer.unref();
    return outcome;
  };
  // One after the other: a look that is under way may have read the authority before it changed.
  const check = (): Promise<Outcome<void>> => {
    last = last.then(look);
    return last;
  };
  return {
    check,
    state: () => state,
    close() {
      closing.abort();
      clearTimeout(timer);
    },
  };
}

async function setBoth(options: CaBundleOptions, signal: AbortSignal): Promise<Outcome<void>> {
  // The authority that denies first: until /validate is reachable, nothing may depend on /mutate.
  const outcomes = [await setOne(options, 'validating', signal), await setOne(options, 'mutating', signal)];
  return outcomes.find((outcome) => !outcome.ok) ?? good(undefined);
}

async function setOne({ api, names, ca, pathSecret, log }: CaBundleOptions, kind: WebhookKind, signal: AbortSignal): Promise<Outcome<void>> {
  const name = names[kind];
  const read = await api.readWebhooks(kind, name, signal);
  if (!read.ok) return read;
  if (read.value === null)
    return bad('CONFIG_INVALID', `there is no ${kind} webhook configuration ${name}: apply manifests/, or name yours in the configuration`);
  const pathOf = (webhook: string): string => `/${pathSecret === null ? '' : `${pathSecret}/`}${ownRoutes[webhook] ?? routes[kind]}`;
  const patch = bundlePatch(read.value, Buffer.from(ca(), 'utf8').toString('base64'), pathOf);
  if (patch.length === 0) return good(undefined);
  const patched = await api.patchWebhooks(kind, name, patch, signal);
  if (!patched.ok) return patched;
  if (!patched.value)
    return bad('INTERNAL', `the ${kind} webhook configuration ${name} changed while it was patched, or the Kubernetes API refuses the patch`, {
      transient: true,
    });
  log.info({ kind, name, webhooks: read.value.length }, 'the webhook configuration was set right');
  return good(undefined);
}

/** What has to change so that every webhook trusts these authorities and, where it is called through a Service, has this path. */
export function bundlePatch(webhooks: readonly RegisteredWebhook[], caBundle: string, pathOf: (webhook: string) => string): JsonPatchOperation[] {
  return webhooks.flatMap((webhook, i) => {
    const path = pathOf(webhook.name);
    const at = `/webhooks/${i}`;
    const changes: JsonPatchOperation[] = [];
    if (webhook.caBundle !== caBundle) changes.push({ op: 'add', path: `${at}/clientConfig/caBundle`, value: caBundle });
    if (webhook.service !== null && webhook.service.path !== path) changes.push({ op: 'add', path: `${at}/clientConfig/service/path`, value: path });
    // A list that was reordered since it was read must not get another webhook's values.
    return changes.length === 0 ? [] : [{ op: 'test', path: `${at}/name`, value: webhook.name }, ...changes];
  });
}

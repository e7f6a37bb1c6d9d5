/** Plays the API server's part for one Pod: /mutate, the patch, then /validate, over TLS. */
import { applyPatch, type Operation } from 'rfc6902';
import { admissionReview, callWebhook, podObject, type WebhookCaller } from '../test/fakes/review.ts';

export interface PodToCreate {
  readonly name: string;
  readonly image: string;
  /** A debug container added to a Pod that runs already. */
  readonly ephemeral?: string;
}

export interface Admission {
  readonly admitted: boolean;
  /** Each container's image as it is stored in the end. */
  readonly images: readonly string[];
  /** What kubectl would print. */
  readonly message: string;
  readonly milliseconds: number;
}

export interface Cluster {
  create(pod: PodToCreate): Promise<Admission>;
  close(): void;
}

export function playCluster(address: { readonly host: string; readonly port: number }, ca: string): Cluster {
  const webhook = callWebhook(address, ca);
  return {
    create: (pod) => (pod.ephemeral === undefined ? createPod(webhook, pod) : debugPod(webhook, pod, pod.ephemeral)),
    close: () => webhook.close(),
  };
}

async function createPod(webhook: WebhookCaller, { name, image }: PodToCreate): Promise<Admission> {
  return admit(webhook, podObject({ name, containers: [{ name: 'app', image }] }), (object) => admissionReview({ object, name }));
}

/** `kubectl debug`: the Pod runs already; what is new is one container, in a subresource of its own. */
async function debugPod(webhook: WebhookCaller, { name, image }: PodToCreate, ephemeral: string): Promise<Admission> {
  const containers = [{ name: 'app', image }];
  const running = podObject({ name, containers });
  const object = { ...running, spec: { ...running.spec, ...podObject({ name, containers, ephemeralContainers: [{ name: 'debug', image: ephemeral }] }).spec } };
  return admit(webhook, object, (changed) =>
    admissionReview({ object: changed, oldObject: running, operation: 'UPDATE', subResource: 'ephemeralcontainers', name, user: 'alice' }),
  );
}

type PodLike = ReturnType<typeof podObject>;

async function admit(webhook: WebhookCaller, object: PodLike, review: (object: PodLike) => unknown): Promise<Admission> {
  const began = performance.now();
  const mutated = await webhook.review('/mutate', review(object));
  const operations: Operation[] = mutated.patch === undefined ? [] : JSON.parse(Buffer.from(mutated.patch, 'base64').toString('utf8'));
  for (const error of applyPatch(object, operations)) if (error !== null) throw error;
  const { allowed, status } = await webhook.review('/validate', review(object));
  const { containers, ephemeralContainers } = object.spec;
  return {
    admitted: allowed,
    images: (ephemeralContainers ?? containers).map(({ image }) => image),
    message: status?.message ?? '',
    milliseconds: performance.now() - began,
  };
}

import { applyPatch, type Operation } from 'rfc6902';
import { admissionReview, podObject, type WebhookCaller } from '../test/fakes/review.ts';

/** One admission; gives the two bodies that were posted. Rejects unless the Pod is admitted. */
export async function admitOnce(webhook: WebhookCaller, images: readonly string[]): Promise<{ mutate: string; validate: string }> {
  const object = podObject({ containers: images.map((image, i) => ({ name: `c${i}`, image })) });
  const mutate = admissionReview({ object });
  const text = JSON.stringify(mutate);
  const { patch } = await webhook.review('/mutate', mutate);
  const operations: Operation[] = patch === undefined ? [] : JSON.parse(Buffer.from(patch, 'base64').toString('utf8'));
  for (const error of applyPatch(object, operations)) if (error !== null) throw error;
  const validate = admissionReview({ object });
  const { allowed, status } = await webhook.review('/validate', validate);
  if (!allowed) throw new Error(`denied: ${status?.message}`);
  return { mutate: text, validate: JSON.stringify(validate) };
}

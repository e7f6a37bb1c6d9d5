/** A policy that loops, or takes all memory, costs its own request a denial that names it, and nobody else anything. */
import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { podWith, type Reviewed } from './calls.ts';
import { type Stage, setStage, type Webhook } from './stage.ts';

let stage: Stage;
let webhook: Webhook;
let image: string;

const runaway = {
  loops:
    'package policies.loops\n\ndeny contains "slow" if {\n\tinput.review.namespace == "loop"\n\tsome a in names\n\tsome b in names\n\tsome c in names\n\tsome d in names\n\ta != b\n\tc != d\n\ta == c\n\tb == d\n\ta == d\n}\n\nnames := split("abcdefghijklmnopqrstuvwxyzabcdefghijklmnopqrstuvwxyzabcdefghijklmnopqrstuvwxyzabcdefghijklmnopqrstuvwxyzabcdefghijklmnopqrstuvwxyzabcdefghijklmnopqrstuvwxyz", "")\n',
  eats: 'package policies.eats\n\ndeny contains "big" if {\n\tinput.review.namespace == "eat"\n\tcount([concat("", [x, y]) | some x in words; some y in words]) == -1\n}\n\nwords := [format_int(i, 2) | some i in numbers.range(1, 4000)]\n',
  breaks: 'package policies.breaks\n\nx := 1 if input.review.namespace == "break"\n\nx := 2 if input.version == 1\n\ndeny contains "never" if x == 3\n',
};

beforeAll(async () => {
  stage = await setStage();
  mkdirSync(join(stage.folder, 'policies'));
  for (const [name, text] of Object.entries(runaway)) writeFileSync(join(stage.folder, 'policies', `${name}.rego`), text);
  const published = await stage.publish('acme/web');
  image = `${stage.registry.host}/acme/web:1.0@${published.digest}`;
  webhook = await stage.serve({ policy: { directory: 'policies', timeout: '1500ms', data: {} } });
});
afterAll(() => stage.close());

const validate = (namespace: string): Promise<Reviewed> => webhook.validate({ ...podIn(namespace) });

function podIn(namespace: string) {
  const review = podWith([image]);
  return { ...review, request: { ...review.request, namespace } };
}

test.each([
  ['loop', 'loops', /POLICY_TIMEOUT.*the policy loops ran longer than 1500 ms and was stopped/],
  ['eat', 'eats', /eats\.rego: policy eats could not be evaluated: it ran out of memory|the policy eats ran longer|while it ran the policy eats/],
  ['break', 'breaks', /breaks\.rego: policy breaks could not be evaluated: .*conflict/],
])('of namespace %s only the Pod is denied, naming %s; those beside it and after it are judged', async (namespace, _name, message) => {
  const beside = Array.from({ length: 6 }, (_, i) => validate(`shop-${i}`));
  const [denied, ...others] = await Promise.all([validate(namespace), ...beside]);
  expect(denied).toMatchObject({ allowed: false, status: { code: 403, message: expect.stringMatching(message) } });
  expect(others.map(({ allowed }) => allowed)).toEqual(others.map(() => true));
  expect(await validate('shop')).toMatchObject({ allowed: true });
});

test('many of them at once starve nobody for good', async () => {
  const all = await Promise.all(['loop', 'a', 'loop', 'b', 'loop', 'c'].map(validate));
  expect(all.map(({ allowed }) => allowed)).toEqual([false, true, false, true, false, true]);
});

import { globSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { beforeAll, describe, expect, it } from 'vitest';
import { parse } from 'yaml';
import type { z } from 'zod';
import { formatConfigFault, loadConfig } from '../../../src/config/index.ts';
import { workloadKinds } from '../../../src/domain/workload.ts';
import { root } from './dockerfile.ts';
import { configurationSchema, type Kinds, type Rendered, render, schemas } from './rendered.ts';

const own = 'tidewaiter-system';
const rendered = new Map<string, readonly Rendered[]>();

beforeAll(async () => {
  for (const folder of ['base', 'overlays/try', 'overlays/enforce']) rendered.set(folder, await render(folder));
}, 300_000);

function all(folder = 'overlays/enforce'): readonly Rendered[] {
  return rendered.get(folder) ?? [];
}

function one<Kind extends keyof Kinds>(kind: Kind, name = 'tidewaiter', folder = 'overlays/enforce'): Kinds[Kind] {
  const found = all(folder).filter((object) => object.kind === kind && object.metadata.name === name);
  expect(found, `${kind} ${name}`).toHaveLength(1);
  return schemas[kind].parse(found[0]);
}

function configuration(folder: string): z.infer<typeof configurationSchema> {
  return configurationSchema.parse(parse(one('ConfigMap', 'tidewaiter', folder).data['tidewaiter.yaml'] ?? ''));
}

describe('base and overlays', () => {
  it.each(['base', 'overlays/try', 'overlays/enforce'])('%s renders whole, and all of it lies in our namespace', (folder) => {
    const kinds = all(folder).map((object) => object.kind);
    expect(new Set(kinds)).toEqual(
      new Set([
        'CustomResourceDefinition',
        'Namespace',
        'ServiceAccount',
        'Role',
        'RoleBinding',
        'ClusterRole',
        'ClusterRoleBinding',
        'ConfigMap',
        'Secret',
        'Service',
        'Deployment',
        'PodDisruptionBudget',
        'NetworkPolicy',
        'MutatingWebhookConfiguration',
        'ValidatingWebhookConfiguration',
      ]),
    );
    const clusterWide = /^(Namespace|Cluster.*|CustomResource.*|.*WebhookConfiguration)$/;
    for (const object of all(folder)) expect(object.metadata.namespace).toBe(clusterWide.test(object.kind) ? undefined : own);
  });

  it('differ only in the mode and in what happens while nobody answers', () => {
    const level = (folder: string): unknown =>
      JSON.parse(JSON.stringify(all(folder)).replaceAll('"failurePolicy":"Fail"', '"failurePolicy":"Ignore"').replaceAll('default: enforce', 'default: warn'));
    expect(level('overlays/try')).toEqual(level('overlays/enforce'));
    expect(configuration('overlays/try').mode.default).toBe('warn');
    expect(configuration('overlays/enforce').mode.default).toBe('enforce');
  });

  it('of try can hold nothing up but exceptions; of enforce fail closed for Pods', () => {
    const policies = (folder: string): string[] =>
      (['MutatingWebhookConfiguration', 'ValidatingWebhookConfiguration'] as const).flatMap((kind) =>
        one(kind, 'tidewaiter', folder).webhooks.map((webhook) => `${webhook.name} ${webhook.failurePolicy}`),
      );
    expect(policies('overlays/try')).toEqual([
      'pods.tidewaiter.dev Ignore',
      'exceptions.tidewaiter.dev Fail',
      'pods.tidewaiter.dev Ignore',
      'workloads.tidewaiter.dev Ignore',
    ]);
    expect(policies('overlays/enforce')).toEqual([
      'pods.tidewaiter.dev Fail',
      'exceptions.tidewaiter.dev Fail',
      'pods.tidewaiter.dev Fail',
      'workloads.tidewaiter.dev Ignore',
    ]);
  });
});

describe('the configuration', () => {
  it.each(['base', 'overlays/try'])('of %s is valid', async (folder) => {
    const loaded = await loadConfig({ file: join(root, 'manifests', folder, 'tidewaiter.yaml'), env: {}, cwd: root });
    expect(loaded.ok ? [] : loaded.faults.map(formatConfigFault)).toEqual([]);
  });
});

describe('rights', () => {
  it('to read one object and to patch it are given by its name, and all other rights are to follow what is named here', () => {
    const rules = [...one('Role').rules, ...one('ClusterRole').rules];
    const isNamed = (rule: (typeof rules)[number]): boolean => rule.resourceNames !== undefined;
    expect(JSON.stringify(rules)).not.toContain('*');
    for (const rule of rules.filter(isNamed)) {
      expect(rule.verbs).toEqual(['get', 'patch']);
      expect(rule.resourceNames).toHaveLength(1);
    }
    expect(rules.filter((rule) => !isNamed(rule)).map(({ resources, verbs }) => [...resources, ...verbs].join(' '))).toEqual([
      'namespaces nodes list watch',
      'imageexceptions clusterimageexceptions list watch',
      'subjectaccessreviews create',
    ]);
  });

  it('fit the names in the configuration and of the objects', () => {
    const { secret } = configuration('overlays/enforce').server.tls;
    expect(one('Role').rules[0]).toMatchObject({ resources: ['secrets'], resourceNames: [secret.name] });
    expect(one('Secret', secret.name).data).toBeUndefined();
    expect(secret).toMatchObject({ namespace: own, service: one('Service').metadata.name });
    expect(one('ClusterRole').rules[0]?.resourceNames).toEqual([one('MutatingWebhookConfiguration').metadata.name]);
  });

  it('of people are bound to nobody, and only theirs have the verbs of exceptions', () => {
    const bound = all().filter(({ kind }) => kind.endsWith('RoleBinding'));
    expect(bound.map(({ metadata }) => metadata.name)).toEqual(['tidewaiter', 'tidewaiter']);
    const verbs = (name: string): readonly string[] => one('ClusterRole', name).rules.flatMap((rule) => rule.verbs);
    expect(verbs('tidewaiter-exception-author')).not.toContain('approve');
    expect(verbs('tidewaiter-exception-author')).not.toContain('breakglass');
    expect(verbs('tidewaiter-exception-approver')).toEqual(expect.arrayContaining(['approve', 'acknowledge']));
    expect(verbs('tidewaiter-breakglass')).toContain('breakglass');
  });

  it('of the Pod are those of the restricted Pod security standard, with a root file system that can’t be written', () => {
    const { spec } = one('Deployment').spec.template;
    expect(one('Namespace', own).metadata.labels?.['pod-security.kubernetes.io/enforce']).toBe('restricted');
    expect(spec.securityContext).toMatchObject({ runAsNonRoot: true, seccompProfile: { type: 'RuntimeDefault' } });
    for (const container of spec.containers) {
      expect(container.securityContext).toEqual({ allowPrivilegeEscalation: false, readOnlyRootFilesystem: true, capabilities: { drop: ['ALL'] } });
      expect(container.resources.limits['memory']).toBeDefined();
    }
    for (const volume of spec.volumes) expect(volume).not.toHaveProperty('hostPath');
  });
});

describe('the Deployment', () => {
  it('runs at least two replicas, apart from each other, and not all may leave at once', () => {
    const { spec } = one('Deployment');
    expect(spec.replicas).toBeGreaterThanOrEqual(2);
    expect(spec.template.spec.topologySpreadConstraints.length).toBeGreaterThan(0);
    expect(one('PodDisruptionBudget').spec.minAvailable).toBe(1);
  });

  it('listens where the configuration says and the Services, the probes and the network policy expect it', () => {
    const { server } = configuration('overlays/enforce');
    const [container] = one('Deployment').spec.template.spec.containers;
    const ports = Object.fromEntries(container.ports.map((port) => [port.name, port.containerPort]));
    expect(ports).toEqual({ admission: Number(server.listen.split(':')[1]), ops: Number(server.ops.split(':')[1]) });
    expect(one('Service').spec.ports).toMatchObject([{ port: 443, targetPort: 'admission' }]);
    expect(one('Service', 'tidewaiter-ops').spec.ports).toMatchObject([{ targetPort: 'ops' }]);
    expect([container.startupProbe, container.livenessProbe, container.readinessProbe].map((probe) => probe.httpGet)).toEqual([
      { path: '/healthz', port: 'ops' },
      { path: '/healthz', port: 'ops' },
      { path: '/readyz', port: 'ops' },
    ]);
    const labels = one('Deployment').spec.template.metadata.labels;
    for (const selector of [
      one('Service').spec.selector,
      one('PodDisruptionBudget').spec.selector.matchLabels,
      one('NetworkPolicy').spec.podSelector.matchLabels,
    ]) {
      expect(labels).toMatchObject(selector);
    }
  });

  it('mounts the configuration and the policies where it reads them', () => {
    const [container] = one('Deployment').spec.template.spec.containers;
    const mounts = Object.fromEntries(container.volumeMounts.map((mount) => [mount.name, mount.mountPath]));
    const { policy, audit } = configuration('overlays/enforce');
    expect(container.args).toEqual(['serve', '--config', `${mounts['config']}/tidewaiter.yaml`]);
    expect(policy.directory).toBe(mounts['policies']);
    expect([audit.store, audit.spool]).toEqual([`sqlite:${mounts['state']}/audit.db`, `${mounts['state']}/audit`]);
  });

  it('has time to answer what has begun before it is ended', () => {
    const { spec } = one('Deployment').spec.template;
    const slowest = Math.max(...one('ValidatingWebhookConfiguration').webhooks.map((webhook) => webhook.timeoutSeconds));
    expect(spec.terminationGracePeriodSeconds).toBeGreaterThan(spec.containers[0].lifecycle.preStop.sleep.seconds + 2 * slowest);
  });

  it('runs the version of this checkout', () => {
    const { version } = JSON.parse(readFileSync(join(root, 'package.json'), 'utf8'));
    expect(one('Deployment').spec.template.spec.containers[0].image).toBe(`tidewaiter:${version}`);
  });
});

describe('the webhook configurations', () => {
  const webhooks = () => (['MutatingWebhookConfiguration', 'ValidatingWebhookConfiguration'] as const).flatMap((kind) => one(kind).webhooks);
  /** Those that are asked about what runs. */
  const judging = () => webhooks().filter(({ name }) => name !== 'exceptions.tidewaiter.dev');

  it('leave out kube-system and our own namespace, by the label that the API server itself sets', () => {
    for (const webhook of judging()) {
      expect(webhook['namespaceSelector']).toEqual({
        matchExpressions: [{ key: 'kubernetes.io/metadata.name', operator: 'NotIn', values: ['kube-system', own] }],
      });
      expect(webhook).not.toHaveProperty('objectSelector');
      expect(webhook).not.toHaveProperty('matchConditions');
    }
  });

  it('leave caBundle and path to the replicas, so that applying them again changes neither', () => {
    for (const webhook of webhooks()) expect(webhook['clientConfig']).toEqual({ service: { name: 'tidewaiter', namespace: own, port: 443 } });
  });

  it('ask about a rewrite again when another webhook has changed the Pod, and say truly what they do besides', () => {
    const [mutating, ...validating] = judging();
    expect(mutating).toMatchObject({ reinvocationPolicy: 'IfNeeded', sideEffects: 'None' });
    for (const webhook of validating) expect(webhook['sideEffects']).toBe('NoneOnDryRun');
    for (const webhook of webhooks()) expect(webhook).toMatchObject({ matchPolicy: 'Equivalent', timeoutSeconds: 10, admissionReviewVersions: ['v1'] });
  });

  it('see Pods and ephemeral containers in both, and every kind that becomes Pods in the validating one', () => {
    const covered = (webhook: ReturnType<typeof webhooks>[number]): string[] =>
      webhook.rules.flatMap((rule) => rule.resources.map((resource: string) => `${rule.apiGroups[0]}/${rule.apiVersions[0]}/${resource} ${rule.operations}`));
    const pods = ['/v1/pods CREATE,UPDATE', '/v1/pods/ephemeralcontainers UPDATE'];
    const [mutating, podsJudged, workloadsJudged] = judging().map(covered);
    expect(mutating).toEqual(pods);
    expect(podsJudged).toEqual(pods);
    const kinds = workloadKinds.filter((kind) => kind !== 'v1/Pod').map((kind) => `${kind.includes('/v1/') ? '' : '/'}${kind.toLowerCase()}s CREATE,UPDATE`);
    expect(workloadsJudged?.sort()).toEqual(kinds.sort());
  });
});

describe('the webhook for exceptions', () => {
  const webhook = () => one('MutatingWebhookConfiguration').webhooks.find(({ name }) => name === 'exceptions.tidewaiter.dev');

  it('is asked about every write, in every namespace, once, and nothing is written while nobody answers', () => {
    expect(webhook()).toMatchObject({ failurePolicy: 'Fail', reinvocationPolicy: 'Never', sideEffects: 'None' });
    expect(webhook()).not.toHaveProperty('namespaceSelector');
    expect(webhook()?.rules).toEqual([
      {
        apiGroups: ['tidewaiter.dev'],
        apiVersions: ['v1'],
        operations: ['CREATE', 'UPDATE', 'DELETE'],
        resources: ['imageexceptions', 'clusterimageexceptions'],
      },
    ]);
  });

  it('finds its key in a Secret that is there and that the webhook may fill', () => {
    const { secret } = configuration('overlays/enforce').exceptions.seal;
    expect(one('Secret', secret.name).data).toBeUndefined();
    expect(one('Role').rules[1]).toMatchObject({ resources: ['secrets'], resourceNames: [secret.name] });
    expect(secret.namespace).toBe(own);
  });
});

describe('the policies', () => {
  it('in the ConfigMap are the whole library, without its tests', () => {
    const { data } = one('ConfigMap', 'tidewaiter-policies');
    const library = globSync('**/*.rego', { cwd: join(root, 'policies') }).filter((path) => !path.endsWith('_test.rego'));
    expect(Object.keys(data).sort()).toEqual(library.map((path) => path.replaceAll('/', '-')).sort());
    for (const path of library) expect(data[path.replaceAll('/', '-')]).toBe(readFileSync(join(root, 'policies', path), 'utf8'));
  });
});

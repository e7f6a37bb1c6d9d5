import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { type AnsweringWebhook, startAnsweringWebhook } from '../rig/answeringWebhook.ts';
import { makeCertificate } from '../rig/certificate.ts';
import { type Cluster, startCluster } from '../rig/cluster.ts';
import { waitFor } from '../rig/wait.ts';
import { applyWebhookService } from '../rig/webhookService.ts';

const pod = (name: string): object => ({ apiVersion: 'v1', kind: 'Pod', metadata: { name }, spec: { containers: [{ name: 'web', image: 'nginx:1.27' }] } });

describe('the rig', () => {
  let cluster: Cluster;
  let webhook: AnsweringWebhook;

  beforeAll(async () => {
    cluster = await startCluster();
    const certificate = makeCertificate(['denier.hooks.svc']);
    webhook = await startAnsweringWebhook(certificate, () => ({
      allowed: false,
      status: { code: 403, reason: 'Forbidden', message: 'nothing goes ashore today' },
      warnings: ['the tide is out'],
      auditAnnotations: { decision: 'deny' },
    }));
    await cluster.createNamespace('hooks');
    await cluster.createNamespace('shop', { team: 'shop' });
    await cluster.createNamespace('quiet');
    await applyWebhookService(cluster, { namespace: 'hooks', name: 'denier', port: webhook.port });
    const applied = await cluster.kubectl(['apply', '-f', '-'], { input: configuration(certificate.cert, webhook.port) });
    expect(applied).toMatchObject({ code: 0 });
    // A configuration is live some milliseconds after it is stored.
    await waitFor('the webhook to be asked', async () => {
      await cluster.api('POST', '/api/v1/namespaces/shop/pods?dryRun=All', { body: pod('probe') });
      return webhook.requests.length > 0 ? true : null;
    });
  });

  afterAll(async () => {
    await webhook?.stop();
    await cluster?.stop();
  });

  it('shows the text of a denial in what kubectl prints, and the status code to an API client', async () => {
    const refused = await cluster.kubectl(['-n', 'shop', 'apply', '-f', '-'], { input: pod('web'), user: 'alice' });
    expect(refused.code).toBe(1);
    expect(refused.stderr).toContain('nothing goes ashore today');
    expect(refused.stderr).toContain('Warning: the tide is out');
    expect(await cluster.api('POST', '/api/v1/namespaces/shop/pods', { body: pod('web') })).toMatchObject({ status: 403 });
  });

  it('has the audit annotations of the webhook in its own audit log', async () => {
    await cluster.kubectl(['-n', 'shop', 'apply', '-f', '-'], { input: pod('logged'), user: 'bob' });
    const entry = await cluster.waitForAudit((e) => e.user.username === 'bob' && e.objectRef?.resource === 'pods' && e.verb === 'create');
    expect(entry.annotations).toMatchObject({ 'denier.hooks.test/decision': 'deny' });
    expect(entry.responseStatus?.code).toBe(403);
  });

  it('creates Pods where no webhook is asked, and lets them be debugged', async () => {
    expect(await cluster.kubectl(['-n', 'quiet', 'apply', '-f', '-'], { input: pod('web'), user: 'alice' })).toMatchObject({ code: 0 });
    const debugged = await cluster.kubectl(['-n', 'quiet', 'debug', 'web', '--image=busybox:1.36', '--container=shell', '--attach=false'], { user: 'alice' });
    expect(debugged).toMatchObject({ code: 0 });
    const stored = await cluster.api('GET', '/api/v1/namespaces/quiet/pods/web');
    expect(stored.body).toMatchObject({ status: { phase: 'Pending' }, spec: { ephemeralContainers: [{ name: 'shell', image: 'busybox:1.36' }] } });
  });

  it('lets nobody in who has no rights', async () => {
    const refused = await cluster.kubectl(['-n', 'quiet', 'get', 'pods'], { user: 'mallory' });
    expect(refused).toMatchObject({ code: 1 });
    expect(refused.stderr).toContain('forbidden');
  });
});

function configuration(caBundle: string, port: number): object {
  return {
    apiVersion: 'admissionregistration.k8s.io/v1',
    kind: 'ValidatingWebhookConfiguration',
    metadata: { name: 'denier' },
    webhooks: [
      {
        name: 'denier.hooks.test',
        admissionReviewVersions: ['v1'],
        sideEffects: 'None',
        failurePolicy: 'Fail',
        timeoutSeconds: 5,
        namespaceSelector: { matchLabels: { team: 'shop' } },
        clientConfig: { service: { name: 'denier', namespace: 'hooks', path: '/validate', port }, caBundle: Buffer.from(caBundle).toString('base64') },
        rules: [{ apiGroups: [''], apiVersions: ['v1'], operations: ['CREATE'], resources: ['pods'] }],
      },
    ],
  };
}

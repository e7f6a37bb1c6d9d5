/**
 * AdmissionReviews as a real kube-apiserver sends them, and a caller that posts them over TLS as it does. A Pod's review has about
 * 3 kB: defaults filled in, projected token volume, managed fields.
 */
import { randomUUID } from 'node:crypto';
import { Agent, request } from 'node:https';

export interface PodOptions {
  readonly name?: string;
  readonly namespace?: string;
  readonly containers: readonly { readonly name: string; readonly image: string }[];
  readonly initContainers?: readonly { readonly name: string; readonly image: string }[];
  readonly ephemeralContainers?: readonly { readonly name: string; readonly image: string }[];
  readonly annotations?: Readonly<Record<string, string>>;
}

/** A Pod as the API server has it when admission begins. */
export function podObject({ name = 'web', namespace = 'shop', containers, initContainers, ephemeralContainers, annotations }: PodOptions) {
  const fill = ({ name: container, image }: { readonly name: string; readonly image: string }) => ({
    name: container,
    image,
    ports: [{ containerPort: 8080, protocol: 'TCP' }],
    env: [{ name: 'LOG_LEVEL', value: 'info' }],
    resources: { limits: { cpu: '500m', memory: '256Mi' }, requests: { cpu: '100m', memory: '128Mi' } },
    volumeMounts: [{ name: 'kube-api-access-x7k2p', readOnly: true, mountPath: '/var/run/secrets/kubernetes.io/serviceaccount' }],
    terminationMessagePath: '/dev/termination-log',
    terminationMessagePolicy: 'File',
    imagePullPolicy: 'IfNotPresent',
    securityContext: { allowPrivilegeEscalation: false, capabilities: { drop: ['ALL'] }, runAsNonRoot: true },
  });
  const debug = ({ name: container, image }: { readonly name: string; readonly image: string }) => ({
    name: container,
    image,
    resources: {},
    terminationMessagePath: '/dev/termination-log',
    terminationMessagePolicy: 'File',
    imagePullPolicy: 'IfNotPresent',
    stdin: true,
    tty: true,
  });
  return {
    kind: 'Pod',
    apiVersion: 'v1',
    metadata: {
      name,
      namespace,
      uid: randomUUID(),
      creationTimestamp: '2026-01-01T00:00:00Z',
      labels: { app: name, 'pod-template-hash': '5d4f8c7b9' },
      ...(annotations === undefined ? {} : { annotations }),
      ownerReferences: [
        { apiVersion: 'apps/v1', kind: 'ReplicaSet', name: `${name}-5d4f8c7b9`, uid: randomUUID(), controller: true, blockOwnerDeletion: true },
      ],
      managedFields: [
        {
          manager: 'kube-controller-manager',
          operation: 'Update',
          apiVersion: 'v1',
          time: '2026-01-01T00:00:00Z',
          fieldsType: 'FieldsV1',
          fieldsV1: {
            'f:metadata': {
              'f:labels': { '.': {}, 'f:app': {}, 'f:pod-template-hash': {} },
              'f:ownerReferences': { '.': {}, 'k:{"uid":"8f2b6f0e-1111-2222-3333-444455556666"}': {} },
            },
            'f:spec': {
              'f:containers': {
                'k:{"name":"web"}': { '.': {}, 'f:env': {}, 'f:image': {}, 'f:imagePullPolicy': {}, 'f:name': {}, 'f:ports': {}, 'f:resources': {} },
              },
              'f:dnsPolicy': {},
              'f:enableServiceLinks': {},
              'f:restartPolicy': {},
              'f:schedulerName': {},
              'f:securityContext': {},
              'f:terminationGracePeriodSeconds': {},
            },
          },
        },
      ],
    },
    spec: {
      volumes: [
        {
          name: 'kube-api-access-x7k2p',
          projected: {
            sources: [
              { serviceAccountToken: { expirationSeconds: 3607, path: 'token' } },
              { configMap: { name: 'kube-root-ca.crt', items: [{ key: 'ca.crt', path: 'ca.crt' }] } },
              { downwardAPI: { items: [{ path: 'namespace', fieldRef: { apiVersion: 'v1', fieldPath: 'metadata.namespace' } }] } },
            ],
            defaultMode: 420,
          },
        },
      ],
      ...(initContainers === undefined ? {} : { initContainers: initContainers.map(fill) }),
      containers: containers.map(fill),
      ...(ephemeralContainers === undefined ? {} : { ephemeralContainers: ephemeralContainers.map(debug) }),
      restartPolicy: 'Always',
      terminationGracePeriodSeconds: 30,
      dnsPolicy: 'ClusterFirst',
      serviceAccountName: 'default',
      serviceAccount: 'default',
      securityContext: {},
      schedulerName: 'default-scheduler',
      tolerations: [
        { key: 'node.kubernetes.io/not-ready', operator: 'Exists', effect: 'NoExecute', tolerationSeconds: 300 },
        { key: 'node.kubernetes.io/unreachable', operator: 'Exists', effect: 'NoExecute', tolerationSeconds: 300 },
      ],
      priority: 0,
      enableServiceLinks: true,
      preemptionPolicy: 'PreemptLowerPriority',
    },
    status: {},
  };
}

export interface ReviewOptions {
  readonly object: unknown;
  readonly oldObject?: unknown;
  readonly operation?: 'CREATE' | 'UPDATE';
  readonly kind?: { readonly group: string; readonly version: string; readonly kind: string };
  readonly resource?: string;
  readonly subResource?: string;
  readonly namespace?: string;
  readonly name?: string;
  readonly user?: string;
  readonly dryRun?: boolean;
}

/** The review of a request, with the members the API server sends. */
export function admissionReview(options: ReviewOptions) {
  const kind = options.kind ?? { group: '', version: 'v1', kind: 'Pod' };
  const resource = { group: kind.group, version: kind.version, resource: options.resource ?? 'pods' };
  const subResource = options.subResource === undefined ? {} : { subResource: options.subResource, requestSubResource: options.subResource };
  return {
    kind: 'AdmissionReview',
    apiVersion: 'admission.k8s.io/v1',
    request: {
      uid: randomUUID(),
      kind,
      resource,
      ...subResource,
      requestKind: kind,
      requestResource: resource,
      name: options.name ?? 'web',
      namespace: options.namespace ?? 'shop',
      operation: options.operation ?? 'CREATE',
      userInfo: {
        username: options.user ?? 'system:serviceaccount:kube-system:replicaset-controller',
        uid: '3c7a0f0e-0000-4000-8000-000000000000',
        groups: ['system:serviceaccounts', 'system:serviceaccounts:kube-system', 'system:authenticated'],
      },
      object: options.object,
      oldObject: options.oldObject ?? null,
      dryRun: options.dryRun ?? false,
      options: { kind: 'CreateOptions', apiVersion: 'meta.k8s.io/v1' },
    },
  };
}

export interface ReviewResponse {
  readonly uid: string;
  readonly allowed: boolean;
  readonly status?: { readonly code: number; readonly message: string };
  readonly warnings?: readonly string[];
  readonly auditAnnotations?: Readonly<Record<string, string>>;
  /** Base64 of a JSON Patch. */
  readonly patch?: string;
}

export interface WebhookCaller {
  /** Posts a body to a route and gives back the HTTP status and the body. */
  post(path: string, body: string | Buffer): Promise<{ readonly status: number; readonly body: string }>;
  /** Posts a review; rejects unless the answer is one. */
  review(path: string, review: unknown): Promise<ReviewResponse>;
  close(): void;
}

/** Calls a webhook as the API server does: HTTP/1.1 over TLS, keep-alive, its user agent, `?timeout=`. */
export function callWebhook(address: { readonly host: string; readonly port: number }, ca: string, prefix = ''): WebhookCaller {
  const agent = new Agent({ keepAlive: true, maxSockets: 64, ca });
  const post: WebhookCaller['post'] = (path, body) =>
    new Promise((resolve, reject) => {
      const bytes = Buffer.from(body);
      const call = request(
        {
          ...address,
          servername: 'localhost',
          agent,
          method: 'POST',
          path: `${prefix}${path}?timeout=10s`,
          headers: { 'user-agent': 'kube-apiserver-admission', 'accept-encoding': 'gzip', 'content-type': 'application/json', 'content-length': bytes.length },
        },
        (response) => {
          const chunks: Buffer[] = [];
          response.on('data', (chunk: Buffer) => chunks.push(chunk));
          response.on('end', () => resolve({ status: response.statusCode ?? 0, body: Buffer.concat(chunks).toString('utf8') }));
          response.on('error', reject);
        },
      );
      call.on('error', reject);
      call.end(bytes);
    });
  return {
    post,
    async review(path, review) {
      const { status, body } = await post(path, JSON.stringify(review));
      if (status !== 200) throw new Error(`${path} answered HTTP ${status}: ${body}`);
      return JSON.parse(body).response;
    },
    close: () => agent.destroy(),
  };
}

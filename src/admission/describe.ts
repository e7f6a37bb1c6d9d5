import type { AdmissionRequest, Review } from '../domain/admission.ts';
import { type ContainerImage, changedImages, readWorkload, type Workload } from '../domain/workload.ts';

/** The workload in a request whose images can come in with it. */
export function wanted(request: AdmissionRequest): Workload | null {
  return readWorkload(request.kind, request.object);
}

/** Labels and annotations more than anybody needs; policies hash their keys, and many of them can be made to collide. */
export function isOverloaded({ labels, annotations }: Workload): boolean {
  return Object.keys(labels).length > mostKeys || Object.keys(annotations).length > mostKeys;
}

const mostKeys = 256;

/** All images of what is new; of an update, those that it added or changed. */
export function imagesToJudge(request: AdmissionRequest, workload: Workload): readonly ContainerImage[] {
  if (request.operation !== 'UPDATE') return workload.images;
  return changedImages(workload, readWorkload(request.kind, request.oldObject));
}

/** A workload is judged as the Pods that it will create. */
export function describeReview(request: AdmissionRequest, workload: Workload, namespaceLabels: Readonly<Record<string, string>> | null): Review {
  const isPod = request.kind === 'v1/Pod';
  return {
    operation: request.operation,
    kind: 'Pod',
    namespace: request.namespace,
    name: isPod ? request.name : null,
    dryRun: request.dryRun,
    user: { username: request.user.username, groups: request.user.groups },
    labels: workload.labels,
    annotations: workload.annotations,
    serviceAccount: workload.serviceAccount,
    owner: isPod ? workload.owner : { kind: workload.kind, name: request.name ?? '' },
    namespaceLabels,
  };
}

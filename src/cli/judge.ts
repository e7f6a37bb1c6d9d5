import { randomUUID } from 'node:crypto';
import pLimit from 'p-limit';
import { createModes } from '../admission/mode.ts';
import type { Position } from '../config/yaml.ts';
import type { AdmissionRequest, Mode } from '../domain/admission.ts';
import type { WeighedFinding } from '../domain/decision.ts';
import { good, type Outcome } from '../domain/fault.ts';
import { property, text } from '../domain/json.ts';
import { workloadKinds } from '../domain/workload.ts';
import type { Checked, Desk } from './desk.ts';
import type { ManifestFault, ManifestObject, Manifests } from './manifests.ts';

/**
 * What the cluster would make of an object. `denied` also where a Deployment itself would only get warnings: its Pods would be
 * refused. `unjudged`: the configuration leaves it to its Pods, or its owner.
 */
export type Result = 'admitted' | 'warned' | 'denied' | 'unjudged';

export interface CheckedObject {
  readonly object: ManifestObject;
  readonly request: AdmissionRequest;
  /** null when nothing in it is judged. */
  readonly checked: Checked | null;
  readonly result: Result;
}

/** All that `check` has to say, in the order of the manifests. */
export interface CheckReport {
  readonly objects: readonly CheckedObject[];
  /** Objects that run no images. */
  readonly others: number;
  readonly faults: readonly ManifestFault[];
}

const atOnce = 8;

/** Judges every workload of the manifests. The fault says why nothing can be judged at all. */
export async function judge(desk: Desk, manifests: Manifests, namespace: string): Promise<Outcome<CheckReport>> {
  const workloads = manifests.objects.filter(({ kind }) => workloadKinds.includes(kind));
  const limit = pLimit(atOnce);
  const modes = createModes(desk.config.settings.mode);
  const outcomes = await Promise.all(
    workloads.map((object) =>
      limit(async (): Promise<Outcome<CheckedObject>> => {
        const request = toRequest(object, namespace);
        const checked = await desk.app.check(request);
        if (!checked.ok) return checked;
        return good({ object, request, checked: checked.value, result: resultOf(checked.value, modes.of(request.namespace)) });
      }),
    ),
  );
  const failed = outcomes.find((outcome) => !outcome.ok);
  if (failed !== undefined && !failed.ok) return failed;
  const objects = outcomes.flatMap((outcome) => (outcome.ok ? [outcome.value] : []));
  return good({ objects, others: manifests.objects.length - workloads.length, faults: manifests.faults });
}

/** The request that creating an object makes. */
function toRequest(object: ManifestObject, namespace: string): AdmissionRequest {
  const metadata = property(object.value, 'metadata');
  return {
    uid: randomUUID(),
    operation: 'CREATE',
    kind: object.kind,
    subResource: '',
    namespace: text(property(metadata, 'namespace')) ?? namespace,
    name: text(property(metadata, 'name')),
    generateName: text(property(metadata, 'generateName')),
    user: { username: 'tidewaiter:check', groups: [] },
    dryRun: false,
    object: object.value,
    oldObject: null,
  };
}

/** `mode` is the namespace's: the one that the Pods will meet. */
function resultOf(checked: Checked | null, mode: Mode): Result {
  if (checked === null) return 'unjudged';
  if (checked.answered === 'deny' || (checked.decision === 'deny' && mode === 'enforce')) return 'denied';
  return checked.decision === 'deny' || checked.findings.some(({ effect }) => effect === 'warn') ? 'warned' : 'admitted';
}

/** `Kind namespace/name`, as far as there are any. */
export function describeObject({ request }: Pick<CheckedObject, 'request'>): string {
  const kind = request.kind.slice(request.kind.lastIndexOf('/') + 1);
  const name = request.name ?? (request.generateName === null ? '(no name)' : `${request.generateName}*`);
  return `${kind} ${request.namespace}/${name}`;
}

/** Where in the manifest a finding points: at its container's image, else at the object. */
export function placeOf({ object, checked }: CheckedObject, finding: WeighedFinding): Position {
  const image = finding.container === null ? undefined : checked?.images.find(({ container }) => container.container === finding.container);
  return image === undefined ? object.position : object.locate(image.container.path);
}

export function countResults(report: CheckReport): Readonly<Record<Result, number>> {
  const counts = { admitted: 0, warned: 0, denied: 0, unjudged: 0 };
  for (const { result } of report.objects) counts[result] += 1;
  return counts;
}

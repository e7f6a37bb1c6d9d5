import { randomUUID } from 'node:crypto';
import pLimit from 'p-limit';
import { createModes } from '../admission/mode.ts';
import type { Position } from '../config/yaml.ts';
import type { AdmissionRequest, Mode } from '../domain/admission.ts';
import type { WeighedFinding } from '../domain/decision.ts';
import { describeException, type Exception } from '../domain/exception.ts';
import { good, type Outcome } from '../domain/fault.ts';
import { parseReference } from '../domain/image.ts';
import { property, text } from '../domain/json.ts';
import { safeText } from '../domain/text.ts';
import { readWorkload, workloadKinds } from '../domain/workload.ts';
import type { Checked, Desk, PolicyText } from './desk.ts';
import type { ManifestFault, ManifestObject, Manifests } from './manifests.ts';
import { isUnseen } from './unseen.ts';
import type { Waiting } from './wait.ts';

/**
 * What the cluster would make of an object. `denied` also where a Deployment itself would only get warnings: its Pods would be
 * refused. `unjudged`: the configuration leaves it to its Pods, or its owner.
 */
export type Result = 'admitted' | 'warned' | 'denied' | 'unjudged';

export interface CheckedObject {
  readonly object: ManifestObject;
  readonly request: AdmissionRequest;
  /** null when it is left to its owner, or to its Pods. */
  readonly checked: Checked | null;
  readonly result: Result;
  /** Denied only because something could not be looked at. */
  readonly unseen: boolean;
}

/** All that `check` has to say, in the order of the manifests. */
export interface CheckReport {
  readonly objects: readonly CheckedObject[];
  /** Objects of kinds that are not looked at, though they hold containers: custom workloads, misspelt kinds. */
  readonly unknown: readonly ManifestObject[];
  /** Objects that run no images. */
  readonly others: number;
  /** One for each file that could not be read whole. */
  readonly faults: readonly ManifestFault[];
  /** What the policies say of themselves. */
  readonly rules: readonly PolicyText[];
}

const atOnce = 8;

/** Judges every workload of the manifests. The fault says why nothing can be judged at all. */
export async function judge(desk: Desk, manifests: Manifests, namespace: string, waiting: Waiting): Promise<Outcome<CheckReport>> {
  const isWorkload = ({ kind }: ManifestObject): boolean => workloadKinds.includes(kind);
  const workloads = manifests.objects.filter(isWorkload);
  const others = manifests.objects.filter((object) => !isWorkload(object));
  const unknown = others.filter(holdsContainers);
  const limit = pLimit(atOnce);
  const modes = createModes(desk.config.settings.mode);
  const outcomes = await Promise.all(
    workloads.map((object) =>
      limit(async (): Promise<Outcome<CheckedObject>> => {
        const request = toRequest(object, namespace);
        const outcome = await waiting.during(registriesOf(object), desk.app.check(request));
        if (!outcome.ok) return outcome;
        const checked = outcome.value;
        const result = resultOf(checked, modes.of(request.namespace));
        return good({ object, request, checked, result, unseen: result === 'denied' && checked !== null && isUnseen(checked) });
      }),
    ),
  );
  const failed = outcomes.find((outcome) => !outcome.ok);
  if (failed !== undefined && !failed.ok) return failed;
  const objects = outcomes.flatMap((outcome) => (outcome.ok ? [outcome.value] : []));
  const rules = objects.length === 0 ? [] : await desk.app.rules();
  return good({ objects, unknown, others: others.length - unknown.length, faults: manifests.faults, rules });
}

/** Where known kinds have their containers, an unknown one that has some means to run them. */
function holdsContainers({ value }: ManifestObject): boolean {
  const spec = property(value, 'spec');
  const template = property(property(spec, 'template'), 'spec');
  const job = property(property(property(property(spec, 'jobTemplate'), 'spec'), 'template'), 'spec');
  return [spec, template, job].some((place) => Array.isArray(property(place, 'containers')));
}

function registriesOf({ kind, value }: ManifestObject): string[] {
  return (readWorkload(kind, value)?.images ?? []).flatMap(({ written }) => {
    const reference = parseReference(written);
    return reference.ok ? [reference.value.registry] : [];
  });
}

/** The request that creating an object makes. */
export function toRequest(object: ManifestObject, namespace: string): AdmissionRequest {
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
  return checked.decision === 'deny' || checked.findings.some(({ effect, waivedBy }) => effect === 'warn' && waivedBy === null) ? 'warned' : 'admitted';
}

/** `Kind namespace/name`, as far as there are any. */
export function describeObject({ request }: Pick<CheckedObject, 'request'>): string {
  const kind = request.kind.slice(request.kind.lastIndexOf('/') + 1);
  const name = request.name ?? (request.generateName === null ? '(no name)' : `${request.generateName}*`);
  return `${kind} ${request.namespace}/${name}`;
}

/** Why an object is left alone, in one sentence. */
export function whyUnjudged({ object }: Pick<CheckedObject, 'object'>): string {
  const owner = readWorkload(object.kind, object.value)?.owner ?? null;
  if (owner === null) return 'Left to its Pods: mode.workloads is off.';
  return `Left to its owner, ${safeText(`${owner.kind} ${owner.name}`, 300)}, and to its Pods.`;
}

/** What a finding says, and what to do about it. */
export function withRemedy({ msg, remediation }: Pick<WeighedFinding, 'msg' | 'remediation'>): string {
  return remediation === null ? msg : `${msg}${/[.!?]$/.test(msg) ? '' : '.'} What to do: ${remediation}`;
}

/** Why an object of an unknown kind is only named. */
export function whyUnknown({ kind }: ManifestObject): string {
  return `kind ${safeText(kind, 200)} is not looked at, though it has containers`;
}

/** By what a finding is dropped, and until when; null when it counts. */
export function describeWaiver({ waivedBy }: Pick<WeighedFinding, 'waivedBy'>): string | null {
  return waivedBy === null ? null : describeUse(waivedBy);
}

/** An exception that was used: until when it counts, and why it is there. */
export function describeUse(exception: Exception): string {
  return `${describeException(exception)} until ${new Date(exception.expires).toISOString()}: ${safeText(exception.spec.reason)}`;
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

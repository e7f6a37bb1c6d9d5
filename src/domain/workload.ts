import { isObject, property, text, textMap } from './json.ts';
import { type NodeDemand, readNodeDemand } from './nodeDemand.ts';

/** In which of a Pod's lists an image stands. */
export type ContainerRole = 'container' | 'initContainer' | 'ephemeralContainer' | 'imageVolume';

/** One image of a Pod, or of what becomes Pods, as it is written there. */
export interface ContainerImage {
  /** Name of the container or volume. */
  readonly container: string;
  readonly role: ContainerRole;
  /** JSON Pointer (RFC 6901) of the image field in the object. */
  readonly path: string;
  readonly pullPolicy: string | null;
  readonly written: string;
}

/** What is the same of a Pod and of a Pod template. */
export interface Workload {
  readonly kind: string;
  /** JSON Pointer of the Pod or the template in the object: empty for a Pod. */
  readonly templatePath: string;
  readonly images: readonly ContainerImage[];
  readonly labels: Readonly<Record<string, string>>;
  readonly annotations: Readonly<Record<string, string>>;
  readonly serviceAccount: string | null;
  /** Names of the Secrets that the kubelet pulls with, in order. */
  readonly pullSecrets: readonly string[];
  readonly nodes: NodeDemand;
  /** The controlling owner, from the object's own metadata. */
  readonly owner: { readonly kind: string; readonly name: string } | null;
}

/** Where each kind keeps its Pod template. https://kubernetes.io/docs/concepts/workloads/ */
const templates: Readonly<Record<string, readonly string[]>> = {
  'v1/Pod': [],
  'v1/PodTemplate': ['template'],
  'v1/ReplicationController': ['spec', 'template'],
  'apps/v1/Deployment': ['spec', 'template'],
  'apps/v1/StatefulSet': ['spec', 'template'],
  'apps/v1/DaemonSet': ['spec', 'template'],
  'apps/v1/ReplicaSet': ['spec', 'template'],
  'batch/v1/Job': ['spec', 'template'],
  'batch/v1/CronJob': ['spec', 'jobTemplate', 'spec', 'template'],
};

/** `apiVersion/Kind` of everything that is, or becomes, Pods. */
export const workloadKinds: readonly string[] = Object.keys(templates);

const lists: readonly (readonly [string, ContainerRole])[] = [
  ['initContainers', 'initContainer'],
  ['containers', 'container'],
  ['ephemeralContainers', 'ephemeralContainer'],
];

/** Reads the workload out of an object; null when its kind runs no Pods. `kind` is `apiVersion/Kind`, as the request names it. */
export function readWorkload(kind: string, object: unknown): Workload | null {
  const steps = templates[kind];
  if (steps === undefined || !Object.hasOwn(templates, kind) || !isObject(object)) return null;
  const template = steps.reduce<unknown>((value, step) => property(value, step), object);
  const templatePath = steps.map((step) => `/${step}`).join('');
  const metadata = property(template, 'metadata');
  const spec = property(template, 'spec');
  return {
    kind: kind.slice(kind.lastIndexOf('/') + 1),
    templatePath,
    images: readImages(spec, `${templatePath}/spec`),
    labels: textMap(property(metadata, 'labels')),
    annotations: textMap(property(metadata, 'annotations')),
    serviceAccount: text(property(spec, 'serviceAccountName')),
    pullSecrets: entries(property(spec, 'imagePullSecrets')).flatMap((secret) => text(property(secret, 'name')) ?? []),
    nodes: readNodeDemand(spec),
    owner: controller(property(object, 'metadata')),
  };
}

/** The images that an update added or changed; all of them where there is no old object. */
export function changedImages(now: Workload, before: Workload | null): readonly ContainerImage[] {
  if (before === null) return now.images;
  const key = (image: ContainerImage): string => `${image.role}/${image.container}`;
  const known = new Map(before.images.map((image) => [key(image), image.written]));
  return now.images.filter((image) => known.get(key(image)) !== image.written);
}

/** What a container is called where people read it. */
export function describeContainer(image: Pick<ContainerImage, 'role' | 'container'>): string {
  const kinds: Record<ContainerRole, string> = {
    container: 'container',
    initContainer: 'init container',
    ephemeralContainer: 'ephemeral container',
    imageVolume: 'image volume',
  };
  return `${kinds[image.role]} ${image.container}`;
}

/** More than the longest image reference has: what is longer is none, and must not hide what is said about it. */
const longestShown = 512;

/** An image and where it stands, where people read it. */
export function describeImage(image: Pick<ContainerImage, 'role' | 'container' | 'written'>): string {
  const { written } = image;
  return `${describeContainer(image)}, image ${written.length > longestShown ? `${written.slice(0, longestShown)}…` : written}`;
}

function readImages(spec: unknown, at: string): ContainerImage[] {
  const images: ContainerImage[] = [];
  for (const [list, role] of lists) {
    entries(property(spec, list)).forEach((container, i) => {
      images.push({
        container: text(property(container, 'name')) ?? '',
        role,
        path: `${at}/${list}/${i}/image`,
        pullPolicy: text(property(container, 'imagePullPolicy')),
        written: text(property(container, 'image')) ?? '',
      });
    });
  }
  entries(property(spec, 'volumes')).forEach((volume, i) => {
    const image = property(volume, 'image');
    if (!isObject(image)) return;
    images.push({
      container: text(property(volume, 'name')) ?? '',
      role: 'imageVolume',
      path: `${at}/volumes/${i}/image/reference`,
      pullPolicy: text(property(image, 'pullPolicy')),
      written: text(property(image, 'reference')) ?? '',
    });
  });
  return images;
}

function entries(value: unknown): readonly unknown[] {
  return Array.isArray(value) ? value : [];
}

function controller(metadata: unknown): { kind: string; name: string } | null {
  const owner = entries(property(metadata, 'ownerReferences')).find((reference) => property(reference, 'controller') === true);
  const kind = text(property(owner, 'kind'));
  const name = text(property(owner, 'name'));
  return kind === null || name === null ? null : { kind, name };
}

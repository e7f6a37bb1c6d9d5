import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { changedImages, describeContainer, readWorkload, type Workload, workloadKinds } from '../../../src/domain/workload.ts';

const podSpec = {
  serviceAccountName: 'builder',
  initContainers: [{ name: 'init', image: 'busybox:1' }],
  containers: [
    { name: 'web', image: 'nginx:1.27', imagePullPolicy: 'Always' },
    { name: 'log', image: 'fluent:3' },
  ],
  ephemeralContainers: [{ name: 'shell', image: 'debug:1' }],
  volumes: [
    { name: 'empty', emptyDir: {} },
    { name: 'model', image: { reference: 'models/llm:7', pullPolicy: 'Never' } },
  ],
};
const template = { metadata: { labels: { app: 'web' }, annotations: { note: 'x' } }, spec: podSpec };

function read(kind: string, object: unknown): Workload {
  const workload = readWorkload(kind, object);
  if (workload === null) throw new Error(`${kind} was not read`);
  return workload;
}

/** The value a JSON Pointer leads to. */
function follow(object: unknown, pointer: string): unknown {
  return pointer
    .split('/')
    .slice(1)
    .reduce<unknown>((value, key) => (value as Record<string, unknown>)[key], object);
}

const objects: Readonly<Record<string, object>> = {
  'v1/Pod': template,
  'v1/PodTemplate': { template },
  'v1/ReplicationController': { spec: { template } },
  'apps/v1/Deployment': { spec: { template } },
  'apps/v1/StatefulSet': { spec: { template } },
  'apps/v1/DaemonSet': { spec: { template } },
  'apps/v1/ReplicaSet': { spec: { template } },
  'batch/v1/Job': { spec: { template } },
  'batch/v1/CronJob': { spec: { jobTemplate: { spec: { template } } } },
};

describe('an object runs no Pods', () => {
  it.each(['v1/Service', 'apps/v1beta1/Deployment', 'Pod', 'v1/pod', '', '__proto__', 'constructor', 'toString'])('when its kind is %j', (kind) => {
    expect(readWorkload(kind, template)).toBeNull();
  });

  it.each([null, undefined, 'text', 1, true, []])('when it is %j', (object) => {
    expect(readWorkload('v1/Pod', object)).toBeNull();
  });
});

describe('a workload', () => {
  it.each(Object.entries(objects))('%s is read where it keeps its Pods, every image with the way to it', (kind, object) => {
    const workload = read(kind, object);
    expect(workload.images.map(({ role, container, written }) => `${role} ${container} ${written}`)).toEqual([
      'initContainer init busybox:1',
      'container web nginx:1.27',
      'container log fluent:3',
      'ephemeralContainer shell debug:1',
      'imageVolume model models/llm:7',
    ]);
    for (const image of workload.images) expect(follow(object, image.path)).toBe(image.written);
    expect(workload).toMatchObject({ labels: { app: 'web' }, annotations: { note: 'x' }, serviceAccount: 'builder', owner: null });
    expect(follow(object, workload.templatePath)).toBe(template);
  });

  it('is read for every kind there is', () => {
    expect(Object.keys(objects).sort()).toEqual([...workloadKinds].sort());
  });

  it('has its controlling owner, and no other', () => {
    const owned = (ownerReferences: unknown): object => ({ metadata: { ownerReferences }, spec: {} });
    const owner = { apiVersion: 'apps/v1', kind: 'ReplicaSet', name: 'web-1', uid: '1' };
    expect(read('v1/Pod', owned([owner, { ...owner, name: 'web-2', controller: true }])).owner).toEqual({ kind: 'ReplicaSet', name: 'web-2' });
    expect(read('v1/Pod', owned([owner])).owner).toBeNull();
    expect(read('v1/Pod', owned([{ ...owner, controller: 'true' }])).owner).toBeNull();
    expect(read('v1/Pod', owned([{ controller: true }])).owner).toBeNull();
    expect(read('v1/Pod', owned('nonsense')).owner).toBeNull();
  });

  it('keeps its pull policies', () => {
    expect(read('v1/Pod', template).images.map((image) => image.pullPolicy)).toEqual([null, 'Always', null, null, 'Never']);
  });
});

describe('an image that can not be read is still an image, so that nothing passes unseen', () => {
  it.each([
    ['a container without an image', { name: 'web' }],
    ['a container whose image is no text', { name: 'web', image: 7 }],
    ['a container that is no object', 'nginx'],
    ['a container that is null', null],
    ['an image that only its prototype has', Object.create({ name: 'web', image: 'nginx' })],
  ])('%s', (_, container) => {
    expect(read('v1/Pod', { spec: { containers: [container] } }).images).toMatchObject([{ role: 'container', written: '' }]);
  });

  it('an image volume without a reference', () => {
    expect(read('v1/Pod', { spec: { volumes: [{ name: 'v', image: {} }] } }).images).toMatchObject([{ role: 'imageVolume', container: 'v', written: '' }]);
  });

  it('whatever the object is: reading never throws', () => {
    const json = fc.jsonValue({ maxDepth: 6 });
    const spec = fc.record({ containers: json, initContainers: json, ephemeralContainers: json, volumes: json, serviceAccountName: json });
    fc.assert(
      fc.property(fc.constantFrom(...workloadKinds), fc.oneof(json, fc.record({ metadata: json, spec: fc.oneof(spec, json) })), (kind, object) => {
        readWorkload(kind, object);
      }),
    );
  });
});

describe('an update', () => {
  const pod = (spec: object): Workload => read('v1/Pod', { spec });
  const before = pod(podSpec);
  const changed = (spec: object): string[] => changedImages(pod(spec), before).map(({ role, container }) => `${role} ${container}`);

  it('changes nothing when only other things change', () => {
    expect(changed({ ...podSpec, serviceAccountName: 'other', nodeName: 'n1' })).toEqual([]);
  });

  it('changes nothing when containers only change places or go', () => {
    expect(changed({ ...podSpec, containers: [...podSpec.containers].reverse() })).toEqual([]);
    expect(changed({ ...podSpec, containers: podSpec.containers.slice(1) })).toEqual([]);
  });

  it('changes an image that is written differently', () => {
    expect(
      changed({
        ...podSpec,
        containers: [
          { name: 'web', image: 'nginx:1.28' },
          { name: 'log', image: 'fluent:3' },
        ],
      }),
    ).toEqual(['container web']);
  });

  it('adds an ephemeral container, also one whose image runs already elsewhere', () => {
    expect(changed({ ...podSpec, ephemeralContainers: [...podSpec.ephemeralContainers, { name: 'more', image: 'nginx:1.27' }] })).toEqual([
      'ephemeralContainer more',
    ]);
  });

  it('adds an image when a container of that name was in another list', () => {
    expect(changed({ ...podSpec, initContainers: [...podSpec.initContainers, { name: 'web', image: 'nginx:1.27' }] })).toEqual(['initContainer web']);
  });

  it('changes a volume that gets another image', () => {
    expect(changed({ ...podSpec, volumes: [{ name: 'model', image: { reference: 'models/llm:8' } }] })).toEqual(['imageVolume model']);
  });

  it('adds all images when there was no object before', () => {
    expect(changedImages(before, null)).toEqual(before.images);
  });
});

describe('a container', () => {
  it.each([
    ['container', 'container web'],
    ['initContainer', 'init container web'],
    ['ephemeralContainer', 'ephemeral container web'],
    ['imageVolume', 'image volume web'],
  ] as const)('as %s is called %s', (role, name) => {
    expect(describeContainer({ role, container: 'web' })).toBe(name);
  });
});

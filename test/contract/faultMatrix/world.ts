/** The whole line, from a request to its answer, around whatever sources a scene has. */
import { fileURLToPath } from 'node:url';
import { createLine } from '../../../src/admission/admit.ts';
import { createModes } from '../../../src/admission/mode.ts';
import type { AdmissionRequest } from '../../../src/domain/admission.ts';
import { deadlineIn } from '../../../src/domain/deadline.ts';
import type { EvidenceSource } from '../../../src/domain/evidence.ts';
import type { Facts } from '../../../src/domain/facts.ts';
import { good } from '../../../src/domain/fault.ts';
import { compileMirrors } from '../../../src/domain/mirror.ts';
import type { Keychain } from '../../../src/domain/registry.ts';
import { createFacts } from '../../../src/evidence/cache.ts';
import { createGatherer } from '../../../src/evidence/gather.ts';
import { createContentReader } from '../../../src/images/content.ts';
import { createResolver } from '../../../src/images/resolve.ts';
import { createPolicies, type PolicyRoom } from '../../../src/policy/index.ts';
import { createRegistry, type RegistryClient } from '../../../src/registry/index.ts';
import { installTool } from '../../../tools/install.ts';
import type { PublishedImage } from '../../fakes/publish.ts';
import { podObject } from '../../fakes/review.ts';
import type { Judged } from './matrix.ts';

/** The shipped policies, one for each stage: what a scan row lacks in signatures is not its fault. */
export interface World {
  readonly signed: PolicyRoom;
  readonly scanned: PolicyRoom;
  close(): Promise<void>;
}

export async function makeWorld(): Promise<World> {
  const opa = good(await installTool('opa'));
  const directory = fileURLToPath(new URL('../../../policies', import.meta.url));
  const open = async (only: 'signed' | 'scanned'): Promise<PolicyRoom> => {
    const names = ['latest', 'pinned', 'registries', 'scanned', 'signed'];
    const modes = Object.fromEntries(names.map((name) => [name, name === only ? ('enforce' as const) : ('off' as const)]));
    const options = { source: { directory }, opa: async () => opa, required: [], modes, data: {}, timeout: 5_000, recordedAnnotations: [], workers: 1 };
    const room = await createPolicies({ ...options, log: () => {} });
    if (!room.ok) throw new Error(room.fault.message);
    return room.value;
  };
  const [signed, scanned] = await Promise.all([open('signed'), open('scanned')]);
  return {
    signed,
    scanned,
    async close() {
      await signed.close();
      await scanned.close();
    },
  };
}

const anonymous: Keychain = { credential: async () => good(null) };

/** As the product has it. */
export function openClient(
  host: string,
  { keychain = anonymous, ca = null }: { readonly keychain?: Keychain; readonly ca?: string | null } = {},
): RegistryClient {
  return createRegistry({
    hosts: [{ host, endpoint: null, plainHTTP: ca === null, ca, alsoHosts: [] }],
    keychain,
    limits: { request: 8_000, flight: 10_000 },
  });
}

export function makeFacts(shared: Parameters<typeof createFacts>[3] = null): Facts {
  return createFacts({ entries: 1_000, askFor: 12_000, lastKnownGoodFor: 0, asking: 1_000 }, Date.now, {}, shared);
}

interface LineParts {
  readonly policies: PolicyRoom;
  readonly client: RegistryClient;
  readonly sources: readonly EvidenceSource[];
  readonly facts?: Facts;
  /** Milliseconds that what was found is believed; twice as long at most. */
  readonly refreshAfter?: number;
}

/** A judge of images, as `/validate` has it. */
export function openLine({
  policies,
  client,
  sources,
  facts = makeFacts(),
  refreshAfter = 60_000,
}: LineParts): (image: PublishedImage, deadline: number) => Promise<Judged> {
  const mirrors = compileMirrors([]);
  if (!mirrors.ok) throw new Error(mirrors.fault.message);
  // "Found none" is asked anew at once, so that what comes next shows whether the source has recovered.
  const times = { tagFor: 0, absentFor: 0, refreshAfter: 60_000, assembled: 100 };
  let input = '';
  let unexpected: unknown = null;
  const line = createLine({
    rights: null,
    resolver: createResolver(client, mirrors.value, facts, times, client),
    gatherer: createGatherer(sources, createContentReader(client), facts, { ...times, refreshAfter }),
    policies,
    rules: { faults: new Map(), revoked: new Set() },
    exceptions: { inForce: () => [] },
    modes: createModes({ default: 'enforce', namespaces: [], workloads: 'off' }),
    keeper: {
      keep(draft) {
        input = draft.input ?? '{}';
        return { id: draft.id, hash: '', durable: Promise.resolve(good(undefined)) };
      },
      keepComparison() {},
    },
    recordRequired: false,
    configRevision: '',
    clock: Date.now,
    timer: () => performance.now(),
    newId: () => 'id',
    observe: () => {},
    unexpected: (error) => {
      unexpected = error;
    },
    platforms: () => ['linux/amd64'],
    namespaceLabels: () => null,
  });
  return async (image, milliseconds) => {
    input = '{}';
    const answer = await line.validate(creating(image), deadlineIn(milliseconds, Date.now()));
    if (unexpected !== null) throw unexpected;
    const message = answer.status?.message ?? '';
    return {
      answer: answer.allowed ? 'allowed' : 'denied',
      saw: summarize(JSON.parse(input)),
      message,
      shown: `${message} ${answer.warnings.join(' ')} ${input}`,
    };
  };
}

interface SeenImage {
  readonly signatures: readonly unknown[];
  readonly scans: readonly { readonly state: string; readonly findings?: readonly { readonly suppressed: unknown }[] }[];
  readonly rejected: readonly { readonly code: string }[];
  readonly faults: readonly { readonly stage: string; readonly code: string }[];
}

/** `faults`, then what was refused, then what there is. */
function summarize(input: { readonly images?: readonly SeenImage[] }): string {
  const [image] = input.images ?? [];
  if (image === undefined) return 'nothing';
  const distinct = (list: readonly string[]): string[] => [...new Set(list)].sort();
  return [
    ...distinct(image.faults.map(({ code }) => code)),
    ...distinct(image.rejected.map(({ code }) => `rejected ${code}`)),
    ...distinct(image.scans.map(({ state }) => `scan ${state}`)),
    ...(image.signatures.length > 0 ? ['signature'] : []),
  ].join(', ');
}

function creating(image: PublishedImage): AdmissionRequest {
  const reference = `${new URL(image.place.registry).host}/${image.place.repository}:${image.tag}@${image.digest}`;
  return {
    uid: 'u',
    operation: 'CREATE',
    kind: 'v1/Pod',
    subResource: '',
    namespace: 'shop',
    name: 'web',
    generateName: null,
    user: { username: 'alice', groups: [] },
    dryRun: false,
    object: podObject({ containers: [{ name: 'web', image: reference }] }),
    oldObject: null,
  };
}

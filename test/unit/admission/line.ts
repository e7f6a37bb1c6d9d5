import { createLine } from '../../../src/admission/admit.ts';
import type { ComparedEvent, LineEvent, LineParts } from '../../../src/admission/line.ts';
import { createModes, type ModeSettings } from '../../../src/admission/mode.ts';
import type { AdmissionRequest } from '../../../src/domain/admission.ts';
import { deadlineIn } from '../../../src/domain/deadline.ts';
import type { Finding, Judgement, Question } from '../../../src/domain/decision.ts';
import type { Evidence } from '../../../src/domain/evidence.ts';
import type { CompiledException } from '../../../src/domain/exception.ts';
import { good, type Outcome } from '../../../src/domain/fault.ts';
import { compileMirrors, type MirrorRule } from '../../../src/domain/mirror.ts';
import type { ComparisonDraft, RecordDraft } from '../../../src/domain/record.ts';
import type { Access } from '../../../src/domain/registry.ts';
import type { RightsFinder } from '../../../src/domain/rights.ts';
import { createFacts } from '../../../src/evidence/cache.ts';
import { createResolver } from '../../../src/images/resolve.ts';
import { digestOf, emptyEvidence, literalRegistry } from '../parts.ts';

export const nginx = digestOf('nginx');
export const pinnedNginx = `docker.io/library/nginx:1.27@${nginx}`;

export const hub: MirrorRule = {
  source: 'docker.io',
  targets: [{ location: 'harbor.corp/hub', pullSecret: 'harbor', region: null, trusted: false }],
  exclude: [],
  required: false,
  evidence: 'source',
};

export function finding(more: Partial<Finding> = {}): Finding {
  return {
    policy: 'signed',
    id: null,
    effect: 'deny',
    msg: 'not signed',
    severity: 'high',
    container: 'web',
    cves: [],
    remediation: 'Sign it.',
    code: null,
    ...more,
  };
}

export function pod(images: readonly string[], more: Record<string, unknown> = {}) {
  return { metadata: { name: 'web' }, spec: { containers: images.map((image, i) => ({ name: i === 0 ? 'web' : `c${i}`, image })), ...more } };
}

export function request(object: unknown, more: Partial<AdmissionRequest> = {}): AdmissionRequest {
  return {
    uid: 'u-1',
    operation: 'CREATE',
    kind: 'v1/Pod',
    subResource: '',
    namespace: 'shop',
    name: 'web',
    generateName: null,
    user: { username: 'alice', groups: ['dev'] },
    dryRun: false,
    object,
    oldObject: null,
    ...more,
  };
}

/** The real line on a literal registry, with evidence and policies that say what a test wants. */
export function setUp(options: { mirrors?: readonly MirrorRule[]; mode?: Partial<ModeSettings>; recordRequired?: boolean; rights?: RightsFinder } = {}) {
  const world = {
    evidence: emptyEvidence as Evidence,
    /** null: the evidence for everybody. */
    evidenceFor: (_access: Access): Evidence | null => null,
    judge: async (_question: Question): Promise<Judgement> => ({ revision: 'r1', recorded: '{}', findings: good([]) }),
    durable: Promise.resolve(good(undefined)) as Promise<Outcome<void>>,
    questions: [] as Question[],
    records: [] as RecordDraft[],
    comparisons: [] as ComparisonDraft[],
    compared: [] as ComparedEvent[],
    events: [] as LineEvent[],
    exceptions: [] as readonly CompiledException[],
    unexpected: [] as unknown[],
    gathered: [] as string[],
    platforms: [] as (readonly string[])[],
  };
  const fake = literalRegistry({
    'docker.io/library/nginx': { tags: { '1.27': 'nginx' }, images: ['nginx'] },
    'harbor.corp/hub/library/nginx': { images: ['nginx'] },
  });
  const mirrors = compileMirrors(options.mirrors ?? []);
  if (!mirrors.ok) throw new Error(mirrors.fault.message);
  const facts = createFacts({ entries: 100, askFor: 1_000, lastKnownGoodFor: 0, asking: 50 }, Date.now);
  const parts: LineParts = {
    rights: options.rights ?? null,
    resolver: createResolver(fake.registry, mirrors.value, facts, { tagFor: 10_000, absentFor: 10_000, refreshAfter: 600_000 }),
    gatherer: {
      gather: (image, _repositories, platforms, access) => {
        world.gathered.push(image.digest);
        world.platforms.push(platforms);
        return world.evidenceFor(access) ?? world.evidence;
      },
    },
    policies: {
      judge: (question) => {
        world.questions.push(question);
        return world.judge(question);
      },
    },
    exceptions: { inForce: () => world.exceptions },
    rules: { faults: new Map([['REGISTRY_RATE_LIMITED', 'warn']]), revoked: new Set([digestOf('revoked')]) },
    modes: createModes({ default: 'enforce', namespaces: [], workloads: 'warn', ...options.mode }),
    keeper: {
      keep: (draft) => {
        world.records.push(draft);
        return { id: draft.id, hash: 'f'.repeat(64), durable: world.durable };
      },
      keepComparison: (draft) => {
        world.comparisons.push(draft);
      },
    },
    recordRequired: options.recordRequired ?? false,
    configRevision: 'c1',
    clock: Date.now,
    timer: () => performance.now(),
    newId: () => '01J0000000000000000000000A',
    observe: (event) => {
      world.events.push(event);
    },
    compared: (event) => {
      world.compared.push(event);
    },
    unexpected: (error) => {
      world.unexpected.push(error);
    },
    platforms: () => ['linux/amd64', 'linux/arm64'],
    namespaceLabels: () => null,
  };
  const line = createLine(parts);
  return Object.assign(world, {
    registry: fake,
    mutate: (asked: AdmissionRequest) => line.mutate(asked, deadlineIn(2_000, Date.now())),
    validate: (asked: AdmissionRequest) => line.validate(asked, deadlineIn(2_000, Date.now())),
    check: (asked: AdmissionRequest) => line.check(asked, deadlineIn(2_000, Date.now())),
  });
}

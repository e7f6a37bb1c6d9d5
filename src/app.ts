/** The program as its commands see it, put together from a configuration. */
import { denialMessage } from './admission/message.ts';
import { openAuditHolds, openAuditReader } from './auditStore.ts';
import type { App, Checked, VerifiedImage } from './cli/desk.ts';
import type { LoadedConfig } from './config/index.ts';
import { buildCore, type Core } from './core.ts';
import { deadlineIn } from './domain/deadline.ts';
import type { EvidenceSource, JudgedImage } from './domain/evidence.ts';
import { bad, fault, good, type Outcome } from './domain/fault.ts';
import { isPinned, parseReference } from './domain/image.ts';
import type { Log } from './domain/log.ts';
import type { RecordKeeper } from './domain/record.ts';
import { createFacts } from './evidence/cache.ts';
import { createIds } from './identifiers.ts';
import { probe } from './probe.ts';
import { createProofDesk } from './proofDesk.ts';
import { serve } from './serve.ts';
import { version } from './version.ts';

/** Nobody at the desk is kept waiting longer than this, and no controller asks again: so it is longer than the webhook's. */
const deskPatience = 60_000;

/** What is judged at the desk leaves no record. */
const noRecord: RecordKeeper = {
  keep: (draft) => ({ id: draft.id, hash: '', durable: Promise.resolve(bad('AUDIT_UNAVAILABLE', 'nothing is recorded at the desk')) }),
  keepComparison: () => {},
};

export async function createApp(config: LoadedConfig, { log }: { readonly log: Log }): Promise<Outcome<App>> {
  let opened: Promise<Outcome<Core>> | null = null;
  // The desk's line is built when something is judged there; the webhook builds its own.
  const core = (): Promise<Outcome<Core>> => {
    opened ??= buildCore(config, {
      log,
      facts: createFacts({ entries: 10_000, askFor: deskPatience, asking: 200, lastKnownGoodFor: 0 }, Date.now),
      keeper: noRecord,
      newId: createIds(),
    });
    return opened;
  };
  return good({
    async check(request) {
      const built = await core();
      if (!built.ok) return built;
      const judged = await built.value.line.check(request, deadlineIn(deskPatience, Date.now()));
      if (judged === null) return good(null);
      const { images, decision, answered, mode, judgement, exceptions } = judged;
      const checked: Checked = {
        request,
        images,
        decision: decision.decision,
        findings: decision.findings,
        exceptions,
        answered,
        mode,
        message: denialMessage(decision.findings, images, null),
        input: judgement?.recorded ?? null,
      };
      return good(checked);
    },
    async verify(image) {
      const built = await core();
      return built.ok ? verifyImage(built.value, image) : built;
    },
    async rules() {
      const built = await opened;
      return built?.ok ? built.value.policies.status().policies : [];
    },
    serve: () => serve(config, { log, version }),
    audit: () => openAuditReader(config, process.env, log),
    holds: () => openAuditHolds(config, process.env),
    probe: () => probe(config, noRecord),
    proof: createProofDesk(config),
    async close() {
      const built = await opened;
      if (built?.ok) await built.value.close();
    },
  });
}

/** Everything about one image, by the stages that the line has for a Pod. */
async function verifyImage(core: Core, written: string): Promise<Outcome<VerifiedImage>> {
  const parsed = parseReference(written);
  if (!parsed.ok) return parsed;
  const image = await core.line.examine({ container: 'image', role: 'container', path: '', pullPolicy: null, written }, deadlineIn(deskPatience, Date.now()));
  const { reference } = image;
  if (reference === null || !isPinned(reference)) {
    const [first] = image.evidence.faults;
    return { ok: false, fault: first === undefined ? fault('INTERNAL', 'the image could not be resolved') : first };
  }
  const asked = core.sources.filter((source) => source.applies(reference));
  return good({ image, looked: asked.map((source) => describeLook(source, image)) });
}

function describeLook(source: EvidenceSource, { evidence, reference }: JudgedImage): VerifiedImage['looked'][number] {
  const own = <T extends { readonly stage: string; readonly source: string }>(list: readonly T[]): T[] =>
    list.filter((entry) => entry.stage === source.stage && entry.source === source.name);
  const good =
    source.stage === 'signatures'
      ? evidence.signatures
          .filter(({ signer }) => signer === source.name)
          .map(({ layout, keyId, identity }) => `verified (${layout}, ${keyId === null ? `identity ${identity ?? 'unknown'}` : `key ${keyId}`})`)
      : evidence.scans.filter((scan) => scan.source === source.name).map((scan) => `${scan.platform}: ${scan.state}`);
  const refused = own(evidence.rejected).map(({ layout, code, message }) => `refused${layout === null ? '' : ` (${layout})`}: ${code}: ${message}`);
  const unseen = own(evidence.faults).map(({ code, message }) => `could not look: ${code}: ${message}`);
  const all = [...good, ...refused, ...unseen];
  const where = source.where ?? (reference === null ? '' : `${reference.registry}/${reference.repository}`);
  return { stage: source.stage, source: `${source.name} (${source.kind})`, where, outcome: all.length === 0 ? 'found none' : all.join('; ') };
}

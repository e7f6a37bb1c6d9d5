import type {
  Evidence,
  EvidenceSource,
  Finds,
  Gatherer,
  PlatformImage,
  Rejection,
  Scan,
  Stage,
  StageFault,
  Subject,
  VerifiedAttestation,
  VerifiedSignature,
} from '../domain/evidence.ts';
import { believe, type Facts, type Known, type Lifetime, type Passing } from '../domain/facts.ts';
import { bad, type Fault, type FaultCode, type Outcome, publicFault } from '../domain/fault.ts';
import { type PinnedReference, type Repository, repositoryName } from '../domain/image.ts';
import type { Access, Manifest } from '../domain/registry.ts';
import { decodeFinds, decodeManifest, decodePlatforms } from './decode.ts';

/** Reads an image's own manifest and its platforms; the images room's work. */
export interface ContentReader {
  manifest(repositories: readonly Repository[], image: PinnedReference, access: Access, signal: AbortSignal): Promise<Outcome<Manifest>>;
  platforms(
    repositories: readonly Repository[],
    manifest: Manifest,
    wanted: readonly string[],
    access: Access,
    signal: AbortSignal,
  ): Promise<Outcome<readonly PlatformImage[]>>;
}

export interface GatherSettings {
  /** Milliseconds that "found none" is believed. */
  readonly absentFor: number;
  /** Milliseconds after which a fact is asked again in the background; at twice this age it is asked before it is used. */
  readonly refreshAfter: number;
  /** Images whose assembled evidence is kept at hand. */
  readonly assembled: number;
}

interface Part<T> {
  readonly stage: Stage;
  readonly source: string;
  readonly known: Known<T>;
}

interface Parts {
  readonly platforms: Part<readonly PlatformImage[]>;
  readonly finds: readonly Part<Finds>[];
}

/**
 * Gathers evidence from every source that has something to say about an image.
 * @param isScarce whether a registry allows few questions more: then none is asked ahead of need
 */
export function createGatherer(
  sources: readonly EvidenceSource[],
  content: ContentReader,
  facts: Facts,
  settings: GatherSettings,
  isScarce: (repository: Repository, access: Access) => boolean = () => false,
): Gatherer {
  const assembled = createAssembler(settings.assembled);
  const stable: Lifetime = { freshFor: 2 * settings.refreshAfter, refreshAfter: settings.refreshAfter };
  const absent: Lifetime = { freshFor: settings.absentFor, refreshAfter: settings.absentFor };
  const immutable = (): Lifetime => ({ freshFor: Number.POSITIVE_INFINITY, refreshAfter: Number.POSITIVE_INFINITY });
  const unhurried: Lifetime = { ...stable, refreshAfter: stable.freshFor };
  const lifetime =
    (stage: Stage, scarce: boolean) =>
    (finds: Finds): Lifetime | Passing => {
      const why = finds.faults.find((f) => f.transient) ?? finds.faults[0];
      // What could not be read may be the newest report, and the worst: such a look counts once and is not kept.
      if (stage === 'scans' && why !== undefined) return { outage: why.code };
      if (!foundNone(stage, finds) && !leftUnread(stage, finds)) return lasting(scarce ? unhurried : stable, finds);
      // With a fault beside it, nobody knows that there is none: that is believed for no time at all, be it an outage or a refusal.
      return why === undefined ? absent : { outage: why.code };
    };

  const gather: Gatherer['gather'] = (image, repositories, wanted, access, deadline) => {
    const running = wanted.join(' ');
    const scarce = repositories.some((repository) => isScarce(repository, access));
    const where = `${access.key} ${repositoryName(image)} ${repositories.map(repositoryName).join(' ')} ${image.digest}`;
    const asked = sources.filter((source) => source.applies(image));
    // A scan is bound to platforms, and may rest on what signers attest: it is another fact when other ones count for this image.
    const scanTrust = `${running} ${asked.map((source) => (source.stage === 'signatures' ? source.trust : '')).join(' ')}`;
    const manifest = facts.know<Manifest>(
      `manifest ${where}`,
      believe(access.key, immutable, decodeManifest),
      (own) => content.manifest(repositories, image, access, own),
      deadline,
    );
    const platforms = then(manifest, ({ outcome }) =>
      outcome.ok
        ? facts.know<readonly PlatformImage[]>(
            `platforms ${running} ${where}`,
            believe(access.key, immutable, decodePlatforms),
            (own) => content.platforms(repositories, outcome.value, wanted, access, own),
            deadline,
          )
        : unknown<readonly PlatformImage[]>(outcome.fault),
    );

    const look = (source: EvidenceSource): Known<Finds> | Promise<Known<Finds>> =>
      then(manifest, (content) => {
        if (!content.outcome.ok) return unknown<Finds>(content.outcome.fault);
        const subject: Subject = { image, repositories, manifest: content.outcome.value, platforms: [], access };
        const key = `${source.stage} ${source.name} ${source.trust} ${source.stage === 'scans' ? scanTrust : ''} ${where}`;
        const ask = (complete: Subject) =>
          facts.know<Finds>(key, believe(access.key, lifetime(source.stage, scarce), decodeFinds), (own) => source.look(complete, own), deadline);
        if (source.stage === 'signatures') return ask(subject);
        return then(platforms, (known) => (known.outcome.ok ? ask({ ...subject, platforms: known.outcome.value }) : unknown<Finds>(known.outcome.fault)));
      });

    const all = asked.map((source) => then(look(source), (known): Part<Finds> => ({ stage: source.stage, source: source.name, known })));
    const assemble = (platformsKnown: Known<readonly PlatformImage[]>, finds: readonly Part<Finds>[]): Evidence =>
      assembled(`${running} ${where}`, { platforms: { stage: 'resolve', source: 'registry', known: platformsKnown }, finds });

    if (platforms instanceof Promise || all.some((part) => part instanceof Promise)) {
      return Promise.all([platforms, Promise.all(all)]).then(([platformsKnown, finds]) => assemble(platformsKnown, finds));
    }
    return assemble(
      platforms,
      all.filter((part): part is Part<Finds> => !(part instanceof Promise)),
    );
  };

  return { gather };
}

/** A lifetime no longer than what it is about lasts, and asked ahead of its end. */
function lasting({ freshFor, refreshAfter }: Lifetime, finds: Finds): Lifetime {
  const end = Math.min(finds.holdsFor ?? Number.POSITIVE_INFINITY, finds.freshFor ?? Number.POSITIVE_INFINITY);
  const held = finds.holdsFor === undefined ? {} : { heldFor: finds.holdsFor };
  return { freshFor: Math.min(freshFor, end), refreshAfter: Math.min(refreshAfter, end / 2), ...held };
}

/** Puts the parts together; the same parts give the same object, so that what is derived from it need not be derived again. */
function createAssembler(most: number): (key: string, parts: Parts) => Evidence {
  const kept = new Map<string, { readonly parts: Parts; readonly evidence: Evidence }>();
  return (key, parts) => {
    const before = kept.get(key);
    if (before !== undefined && sameParts(before.parts, parts)) return before.evidence;
    const evidence = assemble(parts);
    kept.delete(key);
    kept.set(key, { parts, evidence });
    const oldest = kept.keys().next();
    if (kept.size > most && oldest.done !== true) kept.delete(oldest.value);
    return evidence;
  };
}

function sameParts(a: Parts, b: Parts): boolean {
  return (
    a.platforms.known === b.platforms.known &&
    a.finds.length === b.finds.length &&
    a.finds.every((part, i) => part.known === b.finds[i]?.known && part.source === b.finds[i]?.source)
  );
}

function assemble({ platforms, finds }: Parts): Evidence {
  const signatures: VerifiedSignature[] = [];
  const attestations: VerifiedAttestation[] = [];
  const scans: Scan[] = [];
  const rejected: Rejection[] = [];
  const faults: StageFault[] = [];
  const known = platforms.known.outcome.ok ? platforms.known.outcome.value : [];
  const addFault = (part: Pick<Part<unknown>, 'stage' | 'source'>, f: Fault): void => {
    faults.push({ stage: part.stage, source: part.source, ...publicFault(f) });
  };
  if (!platforms.known.outcome.ok) addFault(platforms, platforms.known.outcome.fault);
  for (const part of finds) {
    const { outcome } = part.known;
    if (!outcome.ok) {
      addFault(part, outcome.fault);
      if (part.stage === 'scans') scans.push(...unavailable(part.source, outcome.fault, known));
      continue;
    }
    signatures.push(...outcome.value.signatures);
    attestations.push(...outcome.value.attestations);
    scans.push(...believed(outcome.value));
    rejected.push(...outcome.value.rejected);
    // A signer that is satisfied has no open question: what it could not read beside is of no interest.
    if (part.stage === 'signatures' && outcome.value.signatures.length > 0) continue;
    for (const f of outcome.value.faults) addFault(part, f);
  }
  return {
    platforms: known,
    signatures,
    attestations,
    scans,
    rejected,
    faults,
    lastKnownGood: finds.flatMap(({ stage, source, known }) => (known.lastKnownGoodAge === null ? [] : [{ stage, source, age: known.lastKnownGoodAge }])),
    dark: darkStages({ platforms, finds }),
  };
}

/**
 * The scans of a source that could be looked at in part only: a report that could not be read may be a newer and a worse one, so a
 * result beside it says nothing.
 */
function believed({ scans, faults }: Finds): readonly Scan[] {
  const [first] = faults;
  if (first === undefined) return scans;
  return scans.map((scan) =>
    scan.state === 'evaluated'
      ? {
          source: scan.source,
          platform: scan.platform,
          digest: scan.digest,
          state: 'unavailable',
          reason: `there is a result, but not everything could be read: ${first.code}: ${first.message}`,
        }
      : scan,
  );
}

/** "Could not look" must not be read as "found none": it is said for every platform. */
function unavailable(source: string, f: Fault, platforms: readonly PlatformImage[]): Scan[] {
  const state = f.code === 'SCAN_PENDING' ? 'pending' : 'unavailable';
  return platforms.map(({ platform, digest }) => ({ source, platform, digest, state, reason: f.message }));
}

/** Stages that have sources, none of which could be looked at. */
function darkStages({ platforms, finds }: Parts): Stage[] {
  const dark: Stage[] = platforms.known.outcome.ok ? [] : ['resolve'];
  for (const stage of ['signatures', 'scans'] as const) {
    const sources = finds.filter((part) => part.stage === stage);
    if (sources.length > 0 && sources.every((part) => !part.known.outcome.ok)) dark.push(stage);
  }
  return dark;
}

/** Whether what was looked for is not there: then somebody may be about to put it there. */
function foundNone(stage: Stage, finds: Finds): boolean {
  if (stage === 'signatures') return finds.signatures.length === 0;
  return finds.scans.length === 0 || finds.scans.some((scan) => scan.state !== 'evaluated');
}

/** Codes of a rejection of what was read. */
const read: ReadonlySet<FaultCode> = new Set(['SCAN_INVALID', 'SIGNATURE_INVALID', 'SIGNER_MISMATCH']);

/** Whether a scan counts, but not with all that could speak for the image: a VEX document that a registry did not give out, say. */
function leftUnread(stage: Stage, { rejected }: Finds): boolean {
  return stage === 'scans' && rejected.some(({ code }) => !read.has(code));
}

function unknown<T>(f: Fault): Known<T> {
  return { outcome: bad(f.code, f.message, { cause: f.cause, transient: f.transient }), lastKnownGoodAge: null };
}

/** Goes on at once where the value is there, so that what is warm is never put off to a later turn. */
function then<A, B>(value: A | Promise<A>, next: (value: A) => B | Promise<B>): B | Promise<B> {
  return value instanceof Promise ? value.then(next) : next(value);
}

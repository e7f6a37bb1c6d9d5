/** The scan sources that a configuration names, with what they need of the other rooms. */
import { watchVulnerabilityReports } from './cluster/vulnerabilityReports.ts';
import type { LoadedConfig } from './config/index.ts';
import { type EvidenceSource, type Finds, noFinds, type Subject } from './domain/evidence.ts';
import { bad, good, type Outcome } from './domain/fault.ts';
import type { Log } from './domain/log.ts';
import type { MirrorTable } from './domain/mirror.ts';
import type { Registry } from './domain/registry.ts';
import {
  openIgnoreRules,
  refine,
  type ScanCluster,
  type ScanKind,
  type ScanParts,
  type ScanSource,
  scanKinds,
  type VexKind,
  type VexSource,
  vexKinds,
} from './scans/index.ts';
import type { Signer } from './signatures/index.ts';

interface ScanNeeds {
  readonly mirrors: MirrorTable;
  readonly signers: readonly Signer[];
  readonly registry: Registry;
  readonly log: Log;
}

interface ScanStage {
  readonly sources: readonly EvidenceSource[];
  close(): void;
}

/** Opens every scan source, and what their findings are refined by. CONFIG_INVALID for what only shows when it is used. */
export async function createScans(config: LoadedConfig, needs: ScanNeeds): Promise<Outcome<ScanStage>> {
  const { scans, ignore, severitySource } = config.settings;
  const parts = scanParts(config, needs);
  const opened: { close(): void }[] = [];
  const close = (): void => {
    for (const each of opened) each.close();
  };
  const vex: VexSource[] = [];
  for (const entry of config.settings.vex) {
    const kind: VexKind = vexKinds[entry.kind];
    const source = await kind.create(entry, parts);
    opened.push(source);
    vex.push(source);
  }
  const refinement = { vex, ignore: openIgnoreRules(ignore, Date.now, needs.log), clock: Date.now };
  const sources: ScanSource[] = [];
  for (const entry of scans) {
    const kind: ScanKind = scanKinds[entry.kind];
    const source = await kind.create(entry, parts);
    if (!source.ok) {
      close();
      return bad('CONFIG_INVALID', `scan source ${entry.name}: ${source.fault.message}`, { cause: source.fault.cause });
    }
    opened.push(source.value);
    sources.push(refine(source.value, { ...refinement, severitySource: entry.severitySource ?? severitySource }));
  }
  return good({ sources, close });
}

function scanParts(config: LoadedConfig, { mirrors, signers, registry, log }: ScanNeeds): ScanParts {
  return {
    attestations: (names, subject, digest, signal) => askSigners(signers, names, subject, (signer) => signer.attestations(subject, digest, signal)),
    signatures: (names, subject, signal) => askSigners(signers, names, subject, (signer) => signer.look(subject, signal)),
    signerTrust: (names) => JSON.stringify(signers.flatMap((signer) => (names.includes(signer.name) ? [[signer.name, signer.trust]] : []))),
    registry,
    resolvePath: config.resolvePath,
    file: config.file,
    places: (image) => [image, ...mirrors.forward(image).map(({ reference }) => reference)],
    cluster: scanCluster(config, log),
    clock: Date.now,
    log,
  };
}

/** What those of several signers say that count for an image; could not look only if none of them could. */
async function askSigners(
  signers: readonly Signer[],
  names: readonly string[],
  subject: Subject,
  ask: (signer: Signer) => Promise<Outcome<Finds>>,
): Promise<Outcome<Finds>> {
  const outcomes = await Promise.all(signers.filter((signer) => names.includes(signer.name) && signer.applies(subject.image)).map(ask));
  const first = outcomes.find((outcome) => !outcome.ok);
  if (first !== undefined && outcomes.every((outcome) => !outcome.ok)) return first;
  const found = outcomes.flatMap((outcome) => (outcome.ok ? [outcome.value] : []));
  return good({
    ...noFinds,
    signatures: found.flatMap((finds) => finds.signatures),
    attestations: found.flatMap((finds) => finds.attestations),
    rejected: found.flatMap((finds) => finds.rejected),
    faults: [...found.flatMap((finds) => finds.faults), ...outcomes.flatMap((outcome) => (outcome.ok ? [] : [outcome.fault]))],
  });
}

/** VulnerabilityReports that are followed at most. */
const mostReports = 20_000;
/** Milliseconds that a start waits for the first list of them. */
const firstList = 5_000;

/** The cluster as scan sources see it; null where none is configured. */
function scanCluster({ settings: { cluster }, resolvePath }: LoadedConfig, log: Log): ScanCluster | null {
  if (cluster === null) return null;
  const kubeconfig = cluster.kubeconfig === null ? null : resolvePath(cluster.kubeconfig);
  return {
    watchReports: (namespace, { put, drop }) => watchVulnerabilityReports({ kubeconfig, namespace, most: mostReports, patience: firstList, put, drop, log }),
  };
}

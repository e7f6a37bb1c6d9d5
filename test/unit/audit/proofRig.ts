import { cpSync, mkdtempSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { copyKinds, createAudit, openSigners, type StoreSettings } from '../../../src/audit/index.ts';
import { verifyAudit } from '../../../src/audit/proof/index.ts';
import type { AuditProof, ProofRequest } from '../../../src/domain/auditProof.ts';
import { bad } from '../../../src/domain/fault.ts';
import type { ArtifactStore } from '../../../src/domain/registry.ts';
import { draft, evidence, finding, image, logger, now, options, scan } from './fixtures.ts';

const noArtifacts: ArtifactStore = {
  push: async () => bad('REGISTRY_UNAVAILABLE', 'there is no registry'),
  tags: async () => bad('REGISTRY_UNAVAILABLE', 'there is no registry'),
  pull: async () => bad('REGISTRY_UNAVAILABLE', 'there is no registry'),
};

/** A store with its key, and a folder of copies. */
export interface Site {
  readonly root: string;
  readonly records: string;
  readonly keyFile: string;
  readonly copies: string;
}

export function newSite(root: string = mkdtempSync(join(tmpdir(), 'audit-proof-'))): Site {
  return { root, records: join(root, 'audit'), keyFile: join(root, 'audit.key'), copies: join(root, 'copies') };
}

/** The same site in another folder, to be changed there. */
export function copySite(site: Site): Site {
  const copy = newSite();
  cpSync(site.root, copy.root, { recursive: true });
  return copy;
}

const large = (mark: string) => image(evidence({ scans: [scan(Array.from({ length: 6 }, (_, i) => finding({ id: `CVE-2026-${mark}${i}` })))] }));

/** One process from its start to its end, with so many decisions. */
export async function runProcess(
  site: Site,
  decisions: number,
  at: number = now,
  keep = (i: number) => draft({ id: recordId(at, i), images: i % 2 === 0 ? [large(`${at}${i}`)] : [image(evidence())] }),
) {
  const signers = await openSigners(site.keyFile);
  if (!signers.ok) throw new Error(signers.fault.message);
  const copy = copyKinds.folder.create({ kind: 'folder', path: site.copies }, { resolvePath: (path) => path, artifacts: noArtifacts });
  if (!copy.ok) throw new Error(copy.fault.message);
  const log = logger();
  let clock = at;
  const audit = await createAudit(
    options(site.records, { clock: () => (clock += 1_000), log, checkpoints: { signers: signers.value, every: 3_600_000, copies: [copy.value] } }),
  );
  if (!audit.ok) throw new Error(audit.fault.message);
  for (let i = 0; i < decisions; i += 1) audit.value.keep(keep(i));
  const status = audit.value.status();
  await audit.value.close();
  return { log, status };
}

function recordId(at: number, i: number): string {
  return `01KB${String(Math.floor(at / 60_000) % 1e6).padStart(6, '0')}${String(i).padStart(16, '0')}`;
}

export async function prove(site: Site, changes: Partial<ProofRequest> = {}, store: StoreSettings | null = null): Promise<AuditProof> {
  const proof = await verifyAudit(
    {
      folder: store === null ? site.records : null,
      checkpoints: [site.copies],
      keys: [`${site.keyFile}.pub`],
      apiserverLogs: [],
      store: null,
      signal: new AbortController().signal,
      onProgress: () => {},
      ...changes,
    },
    { folder: site.records, store, published: null, artifacts: noArtifacts },
  );
  if (!proof.ok) throw new Error(`${proof.fault.code}: ${proof.fault.message}`);
  return proof.value;
}

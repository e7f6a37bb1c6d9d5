import { bad, good, type Outcome } from '../../domain/fault.ts';
import type { Repository } from '../../domain/image.ts';
import { type ArtifactStore, type Call, ownAccess } from '../../domain/registry.ts';
import { checkpointType, longestEnvelope } from './envelope.ts';
import type { JournalLine } from './journal.ts';

/** As copies are named: they sort by time. */
const tagForm = /^\d{8}T\d{9}Z-[0-9A-HJKMNP-TV-Z]{26}-\d{6,}$/;

/** Copies that are fetched at most, the newest: each names all chains of its time. */
const mostCopies = 2_000;
const atOnce = 8;

/** The newest copies of checkpoints in a repository, and how many older ones there are. Faults: those of the registry. */
export async function pullCheckpoints(
  artifacts: ArtifactStore,
  repository: Repository,
  signal: AbortSignal,
): Promise<Outcome<{ readonly lines: readonly JournalLine[]; readonly older: number }>> {
  const call: Call = { signal, access: ownAccess };
  const tags = await artifacts.tags(repository, call);
  if (!tags.ok) return tags;
  const known = tags.value.filter((tag) => tagForm.test(tag)).sort();
  if (known.length === 0) return bad('MANIFEST_UNKNOWN', `there are no copies of checkpoints in ${repository.registry}/${repository.repository}`);
  const newest = known.slice(-mostCopies);
  const lines: JournalLine[] = [];
  for (let at = 0; at < newest.length; at += atOnce) {
    const pulled = await Promise.all(newest.slice(at, at + atOnce).map(async (tag) => ({ tag, content: await pull(artifacts, repository, tag, call) })));
    for (const { tag, content } of pulled) {
      if (!content.ok) return content;
      const file = `oci://${repository.registry}/${repository.repository}:${tag}`;
      lines.push({ file, line: 1, text: Buffer.from(content.value).toString('utf8').replace(/\n$/, '') });
    }
  }
  return good({ lines, older: known.length - newest.length });
}

function pull(artifacts: ArtifactStore, repository: Repository, tag: string, call: Call): Promise<Outcome<Uint8Array>> {
  return artifacts.pull(repository, tag, checkpointType, longestEnvelope, call);
}

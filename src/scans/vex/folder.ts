import { z } from 'zod';
import { bad, good, type Outcome } from '../../domain/fault.ts';
import { safeText } from '../../domain/text.ts';
import type { FolderLimits, FolderUse } from '../jsonFolder.ts';
import { trustOf } from '../trust.ts';
import { WatchedFolder } from '../watchedFolder.ts';
import { decodeVex, type VexStatement } from './document.ts';
import type { VexKind } from './kind.ts';
import type { VexClaim } from './match.ts';

const settings = z.strictObject({
  name: z.string().min(1).max(64),
  kind: z.literal('folder'),
  path: z.string().min(1).describe('a folder of OpenVEX documents (*.json); whoever can write there is trusted'),
});
type Settings = z.infer<typeof settings>;

type Document = Outcome<readonly VexStatement[]>;

/** Tighter than for reports: each statement is held parsed, and weighed for every image. */
const limits: FolderLimits = { files: 1_000, fileBytes: 8 << 20, bytes: 64 << 20 };

/** OpenVEX documents as files. While one of them can't be used, none counts. */
export const vexFolder: VexKind<Settings> = {
  settings,
  async create({ name, kind, path }, parts) {
    const absolute = parts.resolvePath(path);
    const folder = new WatchedFolder(absolute, vexFiles(name), parts.log, limits);
    await folder.refresh();
    let made: { readonly items: readonly Document[]; readonly claims: readonly VexClaim[] } | null = null;
    const trust = trustOf([kind, absolute], () => folder.hash);
    return {
      name,
      get trust() {
        return trust();
      },
      close: () => folder.close(),
      async claims() {
        const { content } = folder;
        if (!content.ok) return content;
        const [fault] = content.value.faults;
        if (fault !== undefined) return { ok: false, fault };
        const [unusable, ...more] = content.value.items.flatMap((item) => (item.ok ? [] : [item.fault]));
        if (unusable !== undefined) {
          // It may be the one that takes another back. Which it is, the log says.
          return bad('SCAN_INVALID', `${more.length + 1} of ${content.value.items.length} files can't be used: ${unusable.message}`);
        }
        // The same for every image, until the folder changes.
        if (made?.items !== content.value.items) made = { items: content.value.items, claims: claimsOf(name, content.value.items) };
        return good(made.claims);
      },
    };
  },
};

function claimsOf(name: string, documents: readonly Document[]): readonly VexClaim[] {
  const statements = documents.flatMap((each) => (each.ok ? each.value : []));
  return statements.map((statement) => ({ by: `vex ${name} by ${safeText(statement.author, 200)}`, about: null, statement }));
}

function vexFiles(name: string): FolderUse<Document> {
  return {
    label: { vex: name },
    what: `VEX document of ${name}`,
    decode: (json) => (json.ok ? decodeVex(json.value) : json),
    faultOf: (item) => (item.ok ? null : item.fault),
  };
}

import { z } from 'zod';
import { good, type Outcome } from '../../domain/fault.ts';
import { safeText } from '../../domain/text.ts';
import type { FolderUse } from '../jsonFolder.ts';
import { trustOf } from '../trust.ts';
import { WatchedFolder } from '../watchedFolder.ts';
import { decodeVex, type VexStatement } from './document.ts';
import type { VexKind } from './kind.ts';

const settings = z.strictObject({
  name: z.string().min(1).max(64),
  kind: z.literal('folder'),
  path: z.string().min(1).describe('a folder of OpenVEX documents (*.json); whoever can write there is trusted'),
});
type Settings = z.infer<typeof settings>;

/** OpenVEX documents as files. One that is no OpenVEX document is told of in the log and left out. */
export const vexFolder: VexKind<Settings> = {
  settings,
  async create({ name, kind, path }, parts) {
    const absolute = parts.resolvePath(path);
    const folder = new WatchedFolder(absolute, vexFiles(name), parts.log);
    await folder.refresh();
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
        const statements = content.value.items.flatMap((item) => (item.ok ? item.value : []));
        return good({
          claims: statements.map((statement) => ({ by: `vex ${name} by ${safeText(statement.author, 200)}`, about: null, statement })),
          rejected: [],
        });
      },
    };
  },
};

function vexFiles(name: string): FolderUse<Outcome<readonly VexStatement[]>> {
  return {
    label: { vex: name },
    what: `VEX document of ${name}`,
    decode: (json) => (json.ok ? decodeVex(json.value) : json),
    faultOf: (item) => (item.ok ? null : item.fault),
  };
}

/** Evidence in files: what is struck is the folder and what lies in it. */
import { mkdirSync, mkdtempSync, renameSync, rmSync, symlinkSync, truncateSync, writeFileSync } from 'node:fs';
import { rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { refine, vexKinds } from '../../../src/scans/index.ts';
import { type PublishedImage, publishImage, trivyReport } from '../../fakes/publish.ts';
import { startRegistry } from '../../fakes/registry.ts';
import { partsOf } from '../../unit/scans/fixtures.ts';
import { findingEverywhere, openVex } from './attached.ts';
import type { Scene, Strike } from './matrix.ts';
import { openSource } from './servers.ts';
import { openClient, openLine, type World } from './world.ts';

interface FolderUse {
  /** What the one file says of an image. */
  readonly file: (image: PublishedImage) => object;
  /** The same of other content. */
  readonly other: (image: PublishedImage) => object;
  readonly open: (path: string) => ReturnType<typeof openSource>;
  /** Files that are read at most; null where there are more than a test can write. */
  readonly most: number | null;
}

let serial = 0;

async function openScene(world: World, { file, other, open, most }: FolderUse): Promise<Scene> {
  const registry = await startRegistry();
  const client = openClient(registry.host);
  const root = mkdtempSync(join(tmpdir(), 'matrix-'));
  const folderOf = ({ place }: PublishedImage): string => join(root, place.repository.replaceAll('/', '-'));
  const fileOf = (image: PublishedImage): string => join(folderOf(image), 'a.json');
  const write = (image: PublishedImage, what: (image: PublishedImage) => object): void => writeFileSync(fileOf(image), JSON.stringify(what(image)));
  const written =
    (text: (image: PublishedImage) => string): Strike =>
    (image) => {
      writeFileSync(fileOf(image), text(image));
      return () => write(image, file);
    };
  const linked =
    (target: string): Strike =>
    (image) => {
      rmSync(fileOf(image));
      symlinkSync(target, fileOf(image));
      return () => {
        rmSync(fileOf(image));
        write(image, file);
      };
    };
  const noServer = 'files are no server';
  return {
    words: {
      down: 'is not there',
      404: 'does not hold the file',
      reset: 'holds half a file',
      garbage: 'holds a file that is no JSON',
      other: 'holds a file about another image',
      junk: 'holds more files than are read',
      huge: 'holds a file of 65 MiB',
      loop: 'holds a file that can not be read',
    },
    strikes: {
      down: (image) => {
        renameSync(folderOf(image), `${folderOf(image)}-away`);
        return () => renameSync(`${folderOf(image)}-away`, folderOf(image));
      },
      slow: 'the folder is read ahead of need, never while somebody waits',
      401: noServer,
      403: noServer,
      404: (image) => {
        rmSync(fileOf(image));
        return () => write(image, file);
      },
      429: noServer,
      500: noServer,
      reset: written((image) => JSON.stringify(file(image)).slice(0, 100)),
      garbage: written(() => '\u0000'),
      other: written((image) => JSON.stringify(other(image))),
      endless: noServer,
      junk:
        most === null
          ? 'ten thousand files are read, and as many reports are no junk'
          : async (image) => {
              const names = Array.from({ length: most + 1 }, (_, i) => join(folderOf(image), `0-${i}.json`));
              await Promise.all(names.map((name) => writeFile(name, '{}')));
              return () => Promise.all(names.map((name) => rm(name)));
            },
      huge: (image) => {
        truncateSync(fileOf(image), 65 << 20);
        return () => write(image, file);
      },
      loop: linked('a.json'),
      inward: 'a link is followed: whoever can write into the folder is trusted',
      expired: noServer,
    },
    async cell() {
      serial += 1;
      const image = await publishImage({ registry: registry.origin, repository: `acme/filed-${serial}`, tag: '1.0', content: `filed ${serial}` });
      mkdirSync(folderOf(image));
      write(image, file);
      // Opened when it is asked for the first time, so that it has seen what was done to the folder.
      let opened: ReturnType<typeof openSource> | null = null;
      let judge: ReturnType<typeof openLine> | null = null;
      return {
        image,
        prepare() {
          opened ??= open(folderOf(image));
          return opened;
        },
        async judge(deadline) {
          opened ??= open(folderOf(image));
          judge ??= openLine({ policies: world.scanned, client, sources: [await opened] });
          return judge(image, deadline);
        },
        async close() {
          (await opened)?.close();
          rmSync(folderOf(image), { recursive: true, force: true });
        },
      };
    },
    async close() {
      await client.close();
      await registry.close();
      rmSync(root, { recursive: true });
    },
  };
}

const nobody = `sha256:${'0'.repeat(64)}` as const;

export const directoryScene = (world: World): Promise<Scene> =>
  openScene(world, {
    file: ({ imageId }) => trivyReport({ imageId }),
    other: () => trivyReport({ imageId: nobody }),
    open: (path) => openSource('trivy-directory', { path }),
    most: null,
  });

export const vexFolderScene = (world: World): Promise<Scene> =>
  openScene(world, {
    file: openVex,
    other: (image) => openVex({ ...image, digest: nobody }),
    async open(path) {
      const vex = await vexKinds.folder.create({ name: 'notes', kind: 'folder', path }, partsOf({}, { clock: Date.now }));
      const source = refine(findingEverywhere(), { severitySource: 'reported', vex: [vex], ignore: null, clock: Date.now });
      return {
        ...source,
        get trust() {
          return source.trust;
        },
        applies: () => true,
        close: () => vex.close(),
      };
    },
    most: 1_000,
  });

/**
 * Bundles the program into dist/: an ES module for the command line and one for each kind of worker thread, with the chunks that they
 * share or load on demand, without node_modules.
 *
 *     node tools/bundle.ts
 */
import { readdirSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { build } from 'esbuild';

/** Bundle by name, with its entry point. */
const entries = {
  tidewaiter: 'src/main.ts',
  'policy-worker': 'src/policy/worker.ts',
  'proving-worker': 'src/signatures/proving/worker.ts',
  'audit-worker': 'src/audit/store/worker.ts',
} as const;

/** What CommonJS packages such as Express expect to find, in an ES module. Under names that no package uses. */
const banner = [
  `import { createRequire as tidewaiterCreateRequire } from 'node:module';`,
  `import { fileURLToPath as tidewaiterFileURLToPath } from 'node:url';`,
  `const require = tidewaiterCreateRequire(import.meta.url);`,
  `const __filename = tidewaiterFileURLToPath(import.meta.url);`,
  `const __dirname = tidewaiterFileURLToPath(new URL('.', import.meta.url));`,
].join('\n');

const root = join(import.meta.dirname, '..');

/** Licences ask that their texts travel with what is made of the packages. */
const licencesFile = 'THIRD_PARTY_LICENSES.txt';

/** Writes the bundles, and the licences of all that is in them; rejects with esbuild's own message when the sources don't bundle. */
export async function bundle(outdir: string): Promise<readonly string[]> {
  const { metafile } = await build({
    absWorkingDir: root,
    metafile: true,
    entryPoints: { ...entries },
    outdir,
    outExtension: { '.js': '.mjs' },
    bundle: true,
    // What is imported on demand stays apart: the libraries of clouds and clusters are most of the code, and most never need them.
    splitting: true,
    chunkNames: 'chunk-[hash]',
    format: 'esm',
    platform: 'node',
    target: 'node24',
    // Stack traces, and the messages of libraries that print constructor names, stay readable.
    minify: false,
    keepNames: true,
    legalComments: 'linked',
    banner: { js: banner },
    logLevel: 'warning',
  });
  writeFileSync(join(outdir, licencesFile), licences(Object.keys(metafile.inputs)));
  return Object.keys(entries).map((name) => join(outdir, `${name}.mjs`));
}

/** The licence texts of the packages that inputs belong to; a package without one is named with what its package.json says. */
function licences(inputs: readonly string[]): string {
  const folders = new Set(inputs.flatMap((input) => /^.*node_modules\/(?:@[^/]+\/)?[^/]+/.exec(input)?.[0] ?? []));
  const texts = [...folders].sort().map((folder) => {
    const path = join(root, folder);
    const { name, version, license } = JSON.parse(readFileSync(join(path, 'package.json'), 'utf8'));
    const files = readdirSync(path).filter((file) => /^(licen[cs]e|copying|notice)/i.test(file) && statSync(join(path, file)).isFile());
    return [`${name} ${version} (${license})`, ...files.map((file) => readFileSync(join(path, file), 'utf8').trim())].join('\n\n');
  });
  return `${texts.join(`\n\n${'-'.repeat(80)}\n\n`)}\n`;
}

if (import.meta.main) {
  const outdir = join(root, 'dist');
  // Chunks are named by what they hold: those of the build before would stay.
  rmSync(outdir, { recursive: true, force: true });
  for (const file of await bundle(outdir)) process.stdout.write(`${file}  ${Math.round(statSync(file).size / 1024)} KiB\n`);
}

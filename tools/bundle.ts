/**
 * Bundles the program into dist/: one ES module for the command line and one for the policy worker threads, without node_modules.
 *
 *     node tools/bundle.ts
 */
import { statSync } from 'node:fs';
import { join } from 'node:path';
import { build } from 'esbuild';

/** Bundle by name, with its entry point. */
const entries = { tidewaiter: 'src/main.ts', 'policy-worker': 'src/policy/worker.ts' } as const;

/** What CommonJS packages such as Express expect to find, in an ES module. Under names that no package uses. */
const banner = [
  `import { createRequire as tidewaiterCreateRequire } from 'node:module';`,
  `import { fileURLToPath as tidewaiterFileURLToPath } from 'node:url';`,
  `const require = tidewaiterCreateRequire(import.meta.url);`,
  `const __filename = tidewaiterFileURLToPath(import.meta.url);`,
  `const __dirname = tidewaiterFileURLToPath(new URL('.', import.meta.url));`,
].join('\n');

/** Writes the bundles, each beside its licence texts; rejects with esbuild's own message when the sources don't bundle. */
export async function bundle(outdir: string): Promise<readonly string[]> {
  await build({
    absWorkingDir: join(import.meta.dirname, '..'),
    entryPoints: { ...entries },
    outdir,
    outExtension: { '.js': '.mjs' },
    bundle: true,
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
  return Object.keys(entries).map((name) => join(outdir, `${name}.mjs`));
}

if (import.meta.main) {
  const outdir = join(import.meta.dirname, '..', 'dist');
  for (const file of await bundle(outdir)) process.stdout.write(`${file}  ${Math.round(statSync(file).size / 1024)} KiB\n`);
}

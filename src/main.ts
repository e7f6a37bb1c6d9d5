#!/usr/bin/env node
/** The command line: arguments in, exit code out. The only place that ends the process. */
const needed = 24;

if (Number.parseInt(process.versions.node, 10) < needed) {
  process.stderr.write(
    `tidewaiter: this is Node ${process.versions.node}, and Node ${needed} or newer is needed; a checkout has one: node_modules/.bin/node\n`,
  );
  process.exitCode = 2;
} else {
  // Imported only now: an older Node would stop at the first thing that it lacks, and say no more than that.
  const [{ createApp }, { run }] = await Promise.all([import('./app.ts'), import('./cli/index.ts')]);
  const { argv, env, stdin, stdout, stderr } = process;
  const code = await run(argv.slice(2), { stdin, stdout, stderr, env, cwd: process.cwd() }, { createApp, signals: process });
  process.exitCode = code;
  // What hangs in the system, a write to a disk that does not answer, say, must not keep a process that is done.
  setTimeout(() => process.exit(code), 2_000).unref();
}

#!/usr/bin/env node
/** The command line: arguments in, exit code out. The only place that ends the process. */
import { createApp } from './app.ts';
import { run } from './cli/index.ts';

const { argv, env, stdin, stdout, stderr } = process;
const code = await run(argv.slice(2), { stdin, stdout, stderr, env, cwd: process.cwd() }, { createApp, signals: process });
process.exitCode = code;
// What hangs in the system, a write to a disk that does not answer, say, must not keep a process that is done.
setTimeout(() => process.exit(code), 2_000).unref();

#!/usr/bin/env node
/** The command line: arguments in, exit code out. The only place that ends the process. */
import { createApp } from './app.ts';
import { run } from './cli/index.ts';

const { argv, env, stdin, stdout, stderr } = process;
process.exitCode = await run(argv.slice(2), { stdin, stdout, stderr, env, cwd: process.cwd() }, { createApp, signals: process });

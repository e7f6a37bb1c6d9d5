import { join } from 'node:path';
import { defineConfig } from 'vitest/config';

/** What takes long, and so is run by `make soak` only. */
export default defineConfig({
  root: join(import.meta.dirname, '..', '..'),
  test: { include: ['test/soak/**/*.test.ts'], pool: 'forks', execArgv: ['--expose-gc'], fileParallelism: false, testTimeout: 900_000, hookTimeout: 120_000 },
});

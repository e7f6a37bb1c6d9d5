import { defineConfig } from 'vitest/config';

const needed = 24;
if (Number.parseInt(process.versions.node, 10) < needed) {
  throw new Error(`The tests run on Node ${needed} or newer, this is ${process.version}. Use make, or put node_modules/.bin first in PATH.`);
}

/** What talks to real programs runs one file at a time, after the rest: it measures them, and must not starve them. */
const serial = { fileParallelism: false, testTimeout: 60_000, hookTimeout: 120_000 };

export default defineConfig({
  test: {
    pool: 'forks',
    maxWorkers: 2,
    teardownTimeout: 10_000,
    projects: [
      { test: { name: 'unit', include: ['test/unit/**/*.test.ts', 'test/contract/**/*.test.ts'], testTimeout: 15_000, sequence: { groupOrder: 0 } } },
      { test: { name: 'conformance', include: ['test/conformance/**/*.test.ts', 'test/integration/**/*.test.ts'], ...serial, sequence: { groupOrder: 1 } } },
      { test: { name: 'e2e', include: ['test/e2e/**/*.test.ts'], ...serial, sequence: { groupOrder: 2 } } },
    ],
  },
});

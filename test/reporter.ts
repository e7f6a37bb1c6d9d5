import { writeFileSync } from 'node:fs';
import type { Reporter, SerializedError, TestCase, TestModule, TestSuite } from 'vitest/node';
import { addCounts, type Counts } from './counts.ts';

/** The environment variable that names the file the counts are written to. */
export const countsFileVariable = 'TIDEWAITER_TEST_COUNTS';

interface Failed {
  readonly name: string;
  readonly errors: readonly Pick<SerializedError, 'message' | 'stack'>[];
}

/**
 * Prints a line for each test file, and at the end what failed and why; counts every way in which a run can fail: a test, a file that
 * can't be loaded, a hook, an error that nobody caught.
 */
export default class CountingReporter implements Reporter {
  readonly #failed: Failed[] = [];
  readonly #counted: Counts[] = [];

  onTestModuleEnd(module: TestModule): void {
    const modules = failuresOf(module);
    const tests = [...module.children.allTests()];
    const cases = tests
      .filter((test) => stateOf(test) === 'failed')
      .map((test) => ({ name: `${module.relativeModuleId} > ${test.fullName}`, errors: errorsOf(test) }));
    const counted = {
      passed: tests.filter((test) => stateOf(test) === 'passed').length,
      failed: cases.length + modules.length,
      skipped: tests.filter((test) => stateOf(test) === 'skipped').length,
    };
    this.#counted.push(counted);
    this.#failed.push(...modules, ...cases);
    const milliseconds = Math.round(module.diagnostic().duration);
    const line = `${counted.failed === 0 ? 'ok    ' : 'FAILED'} ${module.relativeModuleId} (${tests.length} tests, ${milliseconds} ms)`;
    process.stdout.write(`${line}\n`);
    for (const { name } of [...modules, ...cases]) process.stdout.write(`         ${name}\n`);
  }

  onTestRunEnd(modules: readonly TestModule[], unhandled: readonly SerializedError[]): void {
    // A file that a crash or an interruption kept from ending has not been counted above.
    const lost = modules
      .filter((module) => module.state() === 'pending' || module.state() === 'queued')
      .map((module) => ({ name: module.relativeModuleId, errors: [] }));
    const stray = unhandled.map((error) => ({ name: 'an error that nobody caught', errors: [error] }));
    this.#failed.push(...lost, ...stray);
    const total = addCounts([...this.#counted, { passed: 0, failed: lost.length + stray.length, skipped: 0 }]);
    for (const { name, errors } of this.#failed) {
      process.stdout.write(`\nFAILED ${name}\n`);
      for (const error of errors) process.stdout.write(`${indent(error.stack ?? error.message)}\n`);
    }
    const file = process.env[countsFileVariable];
    if (file !== undefined) writeFileSync(file, JSON.stringify(total));
  }
}

/** What went wrong outside of tests: while loading, or in a hook, whose tests are then merely skipped. */
function failuresOf(module: TestModule): Failed[] {
  const at = (suite: TestModule | TestSuite): string => (suite.type === 'module' ? 'the file itself' : suite.fullName);
  return [module, ...module.children.allSuites()]
    .filter((suite) => suite.errors().length > 0)
    .map((suite) => ({ name: `${module.relativeModuleId} > ${at(suite)}`, errors: suite.errors() }));
}

/** A test that never ended has failed. */
function stateOf(test: TestCase): 'passed' | 'failed' | 'skipped' {
  const { state } = test.result();
  return state === 'pending' ? 'failed' : state;
}

function errorsOf(test: TestCase): Failed['errors'] {
  return test.result().errors ?? [];
}

function indent(text: string): string {
  return text
    .split('\n')
    .slice(0, 40)
    .map((line) => `    ${line}`)
    .join('\n');
}

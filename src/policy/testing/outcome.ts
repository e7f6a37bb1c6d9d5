/** One test of OPA's. */
export interface RegoTest {
  readonly package: string;
  readonly name: string;
  readonly file: string;
  readonly line: number;
  readonly outcome: 'passed' | 'failed' | 'skipped' | 'error';
  /** Names of the cases that passed, of a test that has several. */
  readonly cases: readonly string[] | null;
  /** What it printed. */
  readonly printed: string;
  /** Milliseconds. */
  readonly duration: number;
}

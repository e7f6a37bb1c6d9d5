import { isObject, property } from '../../domain/json.ts';
import { isTestFile } from '../snapshot.ts';

/** Lines that tests ran, of those that are no tests. */
export interface Coverage {
  /** Percent. */
  readonly total: number;
  readonly files: readonly FileCoverage[];
}

export interface FileCoverage {
  readonly file: string;
  /** Percent. */
  readonly share: number;
  /** First and last line of what no test ran, from 1. */
  readonly missed: readonly (readonly [number, number])[];
}

/** Reads `opa test --coverage --format=json`; null where there is no such report. */
export function readCoverage(output: string): Coverage | null {
  let parsed: unknown;
  try {
    parsed = JSON.parse(output);
  } catch {
    return null;
  }
  const reports = property(parsed, 'files');
  if (!isObject(reports)) return null;
  const files: FileCoverage[] = [];
  let covered = 0;
  let all = 0;
  for (const [file, report] of Object.entries(reports)) {
    if (isTestFile(file)) continue;
    const [hit, missed] = [count(property(report, 'covered_lines')), count(property(report, 'not_covered_lines'))];
    covered += hit;
    all += hit + missed;
    files.push({ file, share: share(hit, hit + missed), missed: rangesOf(property(report, 'not_covered')) });
  }
  return { total: share(covered, all), files: files.sort((a, b) => (a.file < b.file ? -1 : 1)) };
}

function share(part: number, all: number): number {
  return all === 0 ? 100 : (100 * part) / all;
}

/** Ranges that touch are one. */
function rangesOf(value: unknown): FileCoverage['missed'] {
  const ranges = (Array.isArray(value) ? value : []).map(
    (range) => [count(property(property(range, 'start'), 'row')), count(property(property(range, 'end'), 'row'))] as const,
  );
  const merged: [number, number][] = [];
  for (const [first, last] of ranges.sort((a, b) => a[0] - b[0])) {
    const before = merged.at(-1);
    if (before !== undefined && first <= before[1] + 1) before[1] = Math.max(before[1], last);
    else merged.push([first, last]);
  }
  return merged;
}

function count(value: unknown): number {
  return typeof value === 'number' ? value : 0;
}

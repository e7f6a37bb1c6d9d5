import { isAbsolute } from 'node:path';
import { pathToFileURL } from 'node:url';
import { version } from '../../version.ts';
import { safeJson } from './json.ts';

/** What a run found. https://docs.oasis-open.org/sarif/sarif/v2.1.0/os/sarif-v2.1.0-os.html */
export interface SarifRun {
  /** reportingDescriptors (3.49). */
  readonly rules: readonly object[];
  /** results (3.27). */
  readonly results: readonly object[];
  /** Whether everything could be looked at. */
  readonly successful: boolean;
  /** notifications (3.58). */
  readonly notifications: readonly object[];
}

/** A SARIF 2.1.0 log of one run. */
export function sarifLog({ rules, results, successful, notifications }: SarifRun): string {
  return safeJson({
    $schema: 'https://docs.oasis-open.org/sarif/sarif/v2.1.0/os/schemas/sarif-schema-2.1.0.json',
    version: '2.1.0',
    runs: [
      {
        tool: { driver: { name: 'tidewaiter', version, rules } },
        columnKind: 'utf16CodeUnits',
        invocations: [{ executionSuccessful: successful, toolExecutionNotifications: notifications }],
        results,
      },
    ],
  });
}

/** A location (3.28); lines and columns from 1, and null where it is the whole file. */
export function sarifPlace(file: string, line: number | null, column: number | null): { readonly physicalLocation: object } {
  const region = line === null || column === null || line < 1 || column < 1 ? {} : { region: { startLine: line, startColumn: column } };
  return { physicalLocation: { artifactLocation: { uri: uriOf(file) }, ...region } };
}

/** A relative path stays relative, so that code hosts find the file in their checkout. */
function uriOf(file: string): string {
  if (file === '-') return 'stdin';
  if (isAbsolute(file)) return pathToFileURL(file).href;
  // A first segment with a colon would read as a scheme.
  return file.split(/[\\/]/).map(encodeURIComponent).join('/');
}

import { type Scan, severities, type VerifiedSignature } from '../../domain/evidence.ts';
import { formatReference } from '../../domain/image.ts';
import { safeText } from '../../domain/text.ts';
import type { Conclusion } from '../conclude.ts';
import type { VerifiedImage } from '../desk.ts';
import type { Paint } from '../io.ts';

/** One line: a word of ours, which may have a colour, and what comes from outside, which is made safe. */
interface Line {
  readonly word?: string;
  readonly style?: 'green' | 'yellow';
  readonly rest: string;
}

/** All evidence about one image, for people: what was verified, what was refused, what could not be looked at, and where. */
export function evidenceText({ image, looked }: VerifiedImage, conclusion: Conclusion, paint: Paint): string {
  const { evidence, reference } = image;
  const verified = (rest: string): Line => ({ word: 'verified', style: 'green', rest });
  const sections: (readonly [title: string, lines: readonly Line[]])[] = [
    ['Platforms', evidence.platforms.map(({ platform, digest, imageId }) => ({ rest: `${platform}  ${digest}  (image ID ${imageId})` }))],
    [
      'Signatures',
      evidence.signatures.map(({ signer, kind, layout, keyId, identity, subject }) => {
        const by = keyId === null ? (identity ?? 'unknown') : `key ${keyId}`;
        return verified(`${signer}  (${kind}, ${layout}, ${by}, on the ${subject})`);
      }),
    ],
    ['Failed, and only logged by the level of the signer', evidence.signatures.flatMap(failureLines)],
    ['Attestations', evidence.attestations.map(({ signer, predicateType }) => verified(`${signer}  ${predicateType}`))],
    ['Scans', evidence.scans.map(scanLine)],
    [
      'Refused',
      evidence.rejected.map((found) => ({
        rest: `${found.stage}  ${found.source}${found.layout === null ? '' : ` (${found.layout})`}  ${found.code}: ${found.message}`,
      })),
    ],
    ['Could not look', evidence.faults.map(({ stage, source, code, message }) => ({ rest: `${stage}  ${source}  ${code}: ${message}` }))],
    ['Rests on an earlier look', evidence.lastKnownGood.map(({ stage, source, age }) => ({ rest: `${stage}  ${source}  ${Math.round(age)} s old` }))],
    ['Looked at', looked.map(({ stage, source, where, outcome }) => ({ rest: `${stage}  ${source}  ${where}: ${outcome}` }))],
  ];
  const head = [
    paint('bold', safeText(reference === null ? image.container.written : formatReference(reference), 600)),
    `  written   ${safeText(image.container.written, 600)}`,
    `  admitted  ${image.pinned ? safeText(image.admitted, 600) : 'no digest is known'}`,
  ].join('\n');
  const shown = sections.filter(([title, lines]) => lines.length > 0 || always.has(title));
  return [
    head,
    ...shown.map(([title, lines]) => [title, ...(lines.length === 0 ? [{ rest: 'none' }] : lines).map((line) => write(line, paint))].join('\n')),
    paint(styles[conclusion.result], safeText(conclusion.text, 2000)),
  ].join('\n\n');
}

const styles = { good: 'green', wrong: 'red', unable: 'yellow' } as const;

/** What is worth saying even when there is none. */
const always: ReadonlySet<string> = new Set(['Signatures', 'Scans']);

function write({ word, style, rest }: Line, paint: Paint): string {
  return `  ${word === undefined ? '' : `${style === undefined ? word : paint(style, word)}  `}${safeText(rest, 2000)}`;
}

/** Checks that a signature did not pass and that its signer's level only logs: claims `failure.CHECK`, for each of `failures`. */
function failureLines({ signer, claims }: VerifiedSignature): readonly Line[] {
  const checks = (claims['failures'] ?? '').split(',').filter((check) => check !== '');
  return checks.map((check) => ({ word: check, style: 'yellow', rest: `${signer}  ${claims[`failure.${check}`] ?? ''}` }));
}

function scanLine(scan: Scan): Line {
  const head = `${scan.source}  ${scan.platform}`;
  if (scan.state !== 'evaluated') return { word: scan.state, style: 'yellow', rest: `${head}  ${scan.reason}` };
  const counts = severities.map((severity) => `${scan.counts[severity]} ${severity.toLowerCase()}`).join(', ');
  const vouched = scan.signer === null ? '' : `, attested by ${scan.signer}`;
  return {
    word: 'evaluated',
    style: 'green',
    rest: `${head}  ${counts}  (${scan.scanner}, ${scan.scannedAt}${vouched}${scan.endOfLife === true ? ', end of life' : ''})`,
  };
}

import type { VerifiedImage } from './desk.ts';

/** What all evidence about an image comes to, when no policy is asked. */
export interface Conclusion {
  readonly result: 'good' | 'wrong' | 'unable';
  /** In one sentence, for people. */
  readonly text: string;
}

/**
 * Good: somebody vouches, where a signer of the configuration applies, and every platform has an evaluated scan, where there is a scan
 * source. An image that nobody was to look at is not good: a pipeline that asks wants an answer.
 */
export function conclude({ image: { evidence }, looked }: Pick<VerifiedImage, 'image' | 'looked'>): Conclusion {
  if (evidence.dark.length > 0) return { result: 'unable', text: `Could not look: ${evidence.dark.map((stage) => darkWords[stage]).join(', ')}.` };
  const isAsked = (stage: string): boolean => looked.some((source) => source.stage === stage);
  const [signed, scanned] = [isAsked('signatures'), isAsked('scans')];
  if (!signed && !scanned)
    return { result: 'wrong', text: 'Wrong: no signer and no scan source of the configuration is about this image, so nothing was looked for.' };

  const signers = [...new Set(evidence.signatures.map(({ signer }) => signer))];
  const unscanned = evidence.platforms.filter(({ digest }) => !evidence.scans.some((scan) => scan.digest === digest && scan.state === 'evaluated'));
  const faults = [
    ...(signed && signers.length === 0 ? ['no signer vouches for it'] : []),
    ...(scanned && evidence.platforms.length === 0 ? ['it is not known for which platforms it is built'] : []),
    ...(scanned && unscanned.length > 0 ? [`no scan source has a usable result for ${unscanned.map(({ platform }) => platform).join(', ')}`] : []),
  ];
  if (faults.length > 0) return { result: 'wrong', text: `Wrong: ${faults.join(', and ')}.` };
  const vouched = signed ? `${signers.join(', ')} ${signers.length === 1 ? 'vouches' : 'vouch'} for it` : 'no signer is asked about it';
  return { result: 'good', text: `Good: ${vouched}, and ${scanned ? 'every platform is scanned' : 'no scan source is asked about it'}.` };
}

const darkWords = {
  resolve: 'the image could not be resolved',
  signatures: 'no signature could be looked at',
  scans: 'no scan result could be looked at',
} as const;

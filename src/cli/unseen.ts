import { hostPolicy, type WeighedFinding } from '../domain/decision.ts';
import type { FaultCode } from '../domain/fault.ts';
import type { Checked } from './desk.ts';

/** Faults that say nothing about an image or a Pod, besides those of the moment. */
const blind: ReadonlySet<FaultCode> = new Set([
  'REGISTRY_UNAVAILABLE',
  'REGISTRY_RATE_LIMITED',
  'REGISTRY_UNAUTHORIZED',
  'RESPONSE_INVALID',
  'TRUST_ROOT_UNAVAILABLE',
  'REVOCATION_UNAVAILABLE',
  'SCAN_PENDING',
  'POLICY_BROKEN',
  'POLICY_TIMEOUT',
  'DEADLINE_EXCEEDED',
  'CONFIG_INVALID',
  'INTERNAL',
]);

/** Whether every reason for a denial is that something could not be looked at. */
export function isUnseen({ images, findings }: Pick<Checked, 'images' | 'findings'>): boolean {
  const darkOf = (container: string | null): string[] =>
    images
      .filter((image) => image.container.container === container)
      .flatMap(({ evidence }) => evidence.dark.filter((stage) => evidence.faults.every((f) => f.stage !== stage || f.transient || blind.has(f.code))));
  const isBlind = ({ policy, id, code, container }: WeighedFinding): boolean => {
    const dark = darkOf(container);
    // What a policy denies of an image in the dark may follow from just that; nobody has seen that it is wrong.
    if (policy !== hostPolicy) return dark.length > 0;
    return id?.startsWith('dark-') === true ? dark.includes(id.slice('dark-'.length)) : code !== null && blind.has(code);
  };
  const decisive = findings.filter((finding) => finding.decisive);
  return decisive.length > 0 && decisive.every(isBlind);
}

import { describe, expect, it } from 'vitest';
import { fault, faultCodes, publicFault } from '../../../src/domain/fault.ts';

describe('a fault', () => {
  it('does not let its cause out of the process', () => {
    const made = fault('REGISTRY_UNAVAILABLE', 'registry.corp does not answer', { cause: new Error('Bearer secret') });
    expect(publicFault(made)).toEqual({ code: 'REGISTRY_UNAVAILABLE', message: 'registry.corp does not answer', transient: true });
  });

  it('is of the moment only when it is an outage, not an answer', () => {
    expect(faultCodes.filter((code) => fault(code, '').transient)).toEqual([
      'REGISTRY_UNAVAILABLE',
      'REGISTRY_RATE_LIMITED',
      'TRUST_ROOT_UNAVAILABLE',
      'REVOCATION_UNAVAILABLE',
      'SCAN_PENDING',
      'POLICY_TIMEOUT',
      'DEADLINE_EXCEEDED',
      'AUDIT_UNAVAILABLE',
    ]);
  });

  it('may know better than its code', () => {
    expect(fault('INTERNAL', '', { transient: true }).transient).toBe(true);
  });
});

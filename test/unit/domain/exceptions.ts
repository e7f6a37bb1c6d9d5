import { type CompiledException, compileException, type Exception, type ExceptionSpec } from '../../../src/domain/exception.ts';

export const noon = Date.parse('2026-11-24T12:00:00Z');

export const emptySpec: ExceptionSpec = {
  policies: [],
  cves: [],
  images: [],
  digests: [],
  namespaces: [],
  reason: 'the fix ships on Friday',
  ticket: null,
  owner: null,
  starts: null,
  expires: '2026-11-25T12:00:00Z',
  breakglass: false,
};

/** An approved exception for every image of Docker Hub in `shop`, for a day from noon on. */
export function exceptionOf(spec: Partial<ExceptionSpec>, more: Partial<Exception> = {}): Exception {
  return {
    kind: 'ImageException',
    namespace: 'shop',
    name: 'web',
    uid: 'uid-1',
    revision: 'a'.repeat(64),
    spec: { ...emptySpec, images: spec.breakglass === true ? [] : ['docker.io/**'], ...spec },
    createdBy: 'alice',
    approvedBy: 'bob',
    starts: noon,
    expires: noon + 86_400_000,
    warnFrom: noon + 82_800_000,
    file: null,
    stale: false,
    ...more,
  };
}

export function compiled(spec: Partial<ExceptionSpec>, more: Partial<Exception> = {}): CompiledException {
  return compileException(exceptionOf(spec, more));
}

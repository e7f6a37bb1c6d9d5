import type { Exception } from '../../domain/exception.ts';
import type { CheckedObject, CheckReport } from '../judge.ts';
import { countResults } from '../judge.ts';

/** JSON whose every hidden character is escaped: it stays JSON, and a terminal that shows it shows what is there. */
export function safeJson(value: unknown): string {
  return JSON.stringify(value, null, 2).replace(/[\p{Cc}\p{Cf}\p{Zl}\p{Zp}]/gu, (c) =>
    c === '\n' ? c : Array.from({ length: c.length }, (_, i) => `\\u${c.charCodeAt(i).toString(16).padStart(4, '0')}`).join(''),
  );
}

/** The report as one JSON document, for programs; `version` changes when a key changes its meaning. */
export function checkJson(report: CheckReport): string {
  return safeJson({
    version: 1,
    summary: {
      ...countResults(report),
      unseen: report.objects.filter(({ unseen }) => unseen).length,
      unknown: report.unknown.length,
      others: report.others,
      unreadable: report.faults.length,
    },
    objects: report.objects.map(objectJson),
    unknown: report.unknown.map(({ file, position, kind }) => ({ file, ...position, kind })),
    faults: report.faults,
  });
}

function exceptionJson({ kind, namespace, name, expires, spec, file }: Exception): object {
  return { kind, namespace, name, breakglass: spec.breakglass, expires: new Date(expires).toISOString(), reason: spec.reason, file };
}

function objectJson({ object, request, checked, result, unseen }: CheckedObject): object {
  return {
    result,
    unseen,
    file: object.file,
    ...object.position,
    kind: object.kind,
    namespace: request.namespace,
    name: request.name,
    decision: checked?.decision ?? null,
    answered: checked?.answered ?? null,
    mode: checked?.mode ?? null,
    images: (checked?.images ?? []).map((image) => ({
      container: image.container.container,
      role: image.container.role,
      path: image.container.path,
      ...object.locate(image.container.path),
      written: image.container.written,
      admitted: image.admitted,
      pinned: image.pinned,
      mirror: image.mirror,
      signers: [...new Set(image.evidence.signatures.map(({ signer }) => signer))],
      scans: image.evidence.scans.map(({ source, platform, state }) => ({ source, platform, state })),
      rejected: image.evidence.rejected,
      faults: image.evidence.faults,
    })),
    findings: (checked?.findings ?? []).map((finding) => ({ ...finding, waivedBy: finding.waivedBy === null ? null : exceptionJson(finding.waivedBy) })),
    exceptions: (checked?.exceptions ?? []).map(exceptionJson),
  };
}

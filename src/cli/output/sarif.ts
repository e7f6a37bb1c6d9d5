import type { WeighedFinding } from '../../domain/decision.ts';
import { safeText } from '../../domain/text.ts';
import type { PolicyText } from '../desk.ts';
import { type CheckedObject, type CheckReport, describeObject, describeWaiver, placeOf, whyUnknown, withRemedy } from '../judge.ts';
import type { ManifestFault, ManifestObject } from '../manifests.ts';
import { sarifLog, sarifPlace } from './sarifLog.ts';

/** SARIF 2.1.0: https://docs.oasis-open.org/sarif/sarif/v2.1.0/os/sarif-v2.1.0-os.html. A rule is a policy; a place is the image's line. */
export function checkSarif(report: CheckReport): string {
  const found = report.objects.flatMap((object) => (object.checked?.findings ?? []).map((finding) => ({ object, finding })));
  const rules = [...new Set(found.map(({ finding }) => finding.policy))].sort();
  return sarifLog({
    rules: rules.map((id) =>
      describeRule(
        id,
        report.rules.find(({ name }) => name === id),
      ),
    ),
    results: found.map(({ object, finding }) => result(object, finding, rules.indexOf(finding.policy))),
    successful: report.faults.length === 0,
    // What could not be read is no result (3.58): nobody may take it for a clean file.
    notifications: [...report.faults.map(notification), ...report.unknown.map(note)],
  });
}

/** A reportingDescriptor (3.49), from what the policy's METADATA says. */
function describeRule(id: string, about: PolicyText | undefined): object {
  const { title = null, description = null, remediation = null } = about ?? {};
  return {
    id,
    shortDescription: { text: safeText(title ?? `Policy ${id}`, 300) },
    ...(description === null ? {} : { fullDescription: { text: safeText(description, 2000) } }),
    ...(remediation === null ? {} : { help: { text: safeText(remediation, 2000) } }),
  };
}

function note(object: ManifestObject): object {
  const { file, position } = object;
  return { ...notification({ file, line: position.line, column: position.column, message: whyUnknown(object) }), level: 'note' };
}

function result(object: CheckedObject, finding: WeighedFinding, ruleIndex: number): object {
  const { line, column } = placeOf(object, finding);
  const waiver = describeWaiver(finding);
  return {
    ruleId: finding.policy,
    ruleIndex,
    level: finding.effect === 'deny' && finding.waivedBy === null && object.result === 'denied' ? 'error' : 'warning',
    message: { text: safeText(`${describeObject(object)}: ${withRemedy(finding)}`, 4000) },
    locations: [
      {
        ...sarifPlace(object.object.file, line, column),
        logicalLocations: [{ fullyQualifiedName: safeText(describeObject(object)), kind: 'resource' }],
      },
    ],
    // What an exception drops is shown, and counts for nothing (3.27.23, 3.35).
    ...(waiver === null ? {} : { suppressions: [{ kind: 'external', justification: waiver }] }),
    properties: {
      result: object.result,
      mode: object.checked?.mode ?? null,
      container: finding.container,
      severity: finding.severity,
      cves: finding.cves,
      id: finding.id,
    },
  };
}

function notification({ file, line, column, message }: ManifestFault): object {
  return { level: 'error', message: { text: message }, locations: [sarifPlace(file, line, column)] };
}

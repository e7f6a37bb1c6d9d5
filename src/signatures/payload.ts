import { isDigest } from '../domain/digest.ts';
import { bad, good, type Outcome } from '../domain/fault.ts';
import { parseReference, repositoryName } from '../domain/image.ts';
import { isObject, property, text, textMap } from '../domain/json.ts';
import type { Layout, NamedSubject, Said } from './claim.ts';

/** The predicate that makes a statement a signature. Nothing else by the same key is one. */
export const signPredicateType = 'https://sigstore.dev/cosign/sign/v1';

const statementTypes: readonly unknown[] = ['https://in-toto.io/Statement/v0.1', 'https://in-toto.io/Statement/v1'];
const mostSubjects = 256;
const deepest = 100;

/**
 * Reads a simple-signing payload.
 * https://github.com/containers/image/blob/main/docs/containers-signature.5.md#json-data-format
 */
export function readPayload(bytes: Uint8Array): Outcome<Said> {
  const payload = parseJson(bytes);
  if (!payload.ok) return payload;
  const critical = property(payload.value, 'critical');
  if (text(property(critical, 'type')) !== 'cosign container image signature') {
    return bad('SIGNATURE_INVALID', 'the signed payload is no cosign container image signature (critical.type)');
  }
  const digest = text(property(property(critical, 'image'), 'docker-manifest-digest')) ?? '';
  if (!isDigest(digest)) return bad('SIGNATURE_INVALID', 'the signed payload names no image digest');
  const named = parseReference(text(property(property(critical, 'identity'), 'docker-reference')) ?? '');
  if (!named.ok) return bad('SIGNATURE_INVALID', 'the signed payload names no repository (docker-reference)');
  if (named.value.digest !== null && named.value.digest !== digest) return bad('SIGNATURE_INVALID', 'the signed payload names two different digests');
  return good({
    kind: 'signature',
    subjects: [{ digest, annotations: textMap(property(payload.value, 'optional')) }],
    repository: repositoryName(named.value),
  });
}

/**
 * Reads an in-toto statement. It is a signature only as a bundle with cosign's own predicate type.
 * https://github.com/in-toto/attestation/blob/v1.1.0/spec/v1/statement.md
 */
export function readStatement(bytes: Uint8Array, layout: Layout): Outcome<Said> {
  const statement = parseJson(bytes);
  if (!statement.ok) return statement;
  if (!statementTypes.includes(property(statement.value, '_type')))
    return bad('SIGNATURE_INVALID', 'the signed payload is no in-toto statement of a known version');
  const predicateType = text(property(statement.value, 'predicateType')) ?? '';
  if (predicateType === '') return bad('SIGNATURE_INVALID', 'the signed statement has no predicate type');
  const listed = property(statement.value, 'subject');
  if (!Array.isArray(listed) || listed.length > mostSubjects)
    return bad('SIGNATURE_INVALID', `the signed statement does not have 1 to ${mostSubjects} subjects`);
  const subjects = listed.flatMap(readSubject);
  if (layout === 'bundle' && predicateType === signPredicateType) return good({ kind: 'signature', subjects, repository: null });
  return good({ kind: 'attestation', subjects, predicateType, predicate: property(statement.value, 'predicate') });
}

function readSubject(subject: unknown): NamedSubject[] {
  const annotations = textMap(property(subject, 'annotations'));
  return Object.entries(textMap(property(subject, 'digest'))).flatMap(([algorithm, hex]) => {
    const digest = `${algorithm}:${hex}`;
    return isDigest(digest) ? [{ digest, annotations }] : [];
  });
}

function parseJson(bytes: Uint8Array): Outcome<unknown> {
  try {
    const value: unknown = JSON.parse(new TextDecoder('utf-8', { fatal: true }).decode(bytes));
    return deeperThan(value, deepest) ? bad('SIGNATURE_INVALID', `the signed payload is nested more than ${deepest} deep`) : good(value);
  } catch (cause) {
    return bad('SIGNATURE_INVALID', 'the signed payload is no JSON', { cause });
  }
}

function deeperThan(value: unknown, depth: number): boolean {
  if (depth === 0) return isObject(value) || Array.isArray(value);
  if (Array.isArray(value)) return value.some((each) => deeperThan(each, depth - 1));
  return isObject(value) && Object.values(value).some((each) => deeperThan(each, depth - 1));
}

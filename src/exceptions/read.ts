import { createHash } from 'node:crypto';
import { z } from 'zod';
import type { ExceptionIdentity, ExceptionKind, ExceptionSpec } from '../domain/exception.ts';
import { specText } from '../domain/exception.ts';
import { bad, good, type Outcome } from '../domain/fault.ts';
import { property, text, textMap } from '../domain/json.ts';
import { safeText } from '../domain/text.ts';
import { clusterImageExceptionSpec, type ExceptionStatus, exceptionApiVersion, imageExceptionSpec, statusSchema } from './schema.ts';

/** An exception as an object says it is; whether it counts is another question. */
export interface ReadException {
  readonly identity: ExceptionIdentity;
  readonly spec: ExceptionSpec;
  /** Hex SHA-256 of the spec. */
  readonly revision: string;
  /** null where there is none, or none that the webhook could have written. */
  readonly status: ExceptionStatus | null;
  /** Milliseconds since the epoch; null where the API server has not made it. */
  readonly createdAt: number | null;
  readonly annotations: Readonly<Record<string, string>>;
}

const metadata = z.object({
  name: z.string().regex(/^[a-z0-9](?:[a-z0-9.-]{0,251}[a-z0-9])?$/, 'must be the name of a Kubernetes object'),
  namespace: z.string().max(63).default(''),
  uid: z.string().min(1).max(256).nullable().default(null),
  creationTimestamp: z.iso.datetime({ offset: true }).nullable().default(null),
});

/** Which of the two kinds an object is; null for any other. */
export function kindOf(object: unknown): ExceptionKind | null {
  if (property(object, 'apiVersion') !== exceptionApiVersion) return null;
  const kind = property(object, 'kind');
  return kind === 'ImageException' || kind === 'ClusterImageException' ? kind : null;
}

/** Reads an object of one of the two kinds. EXCEPTION_INVALID, with everything that is wrong with it. */
export function readException(object: unknown): Outcome<ReadException> {
  const kind = kindOf(object);
  if (kind === null) return bad('EXCEPTION_INVALID', `it is no ImageException or ClusterImageException of ${exceptionApiVersion}`);
  const named = metadata.safeParse(property(object, 'metadata'));
  const spec = readSpec(kind, property(object, 'spec'));
  if (!named.success) return bad('EXCEPTION_INVALID', issuesOf(named.error, 'metadata'));
  if (!spec.ok) return spec;
  const { name, namespace, uid, creationTimestamp } = named.data;
  if ((kind === 'ClusterImageException') !== (namespace === '')) {
    return bad(
      'EXCEPTION_INVALID',
      kind === 'ImageException' ? 'metadata.namespace: an ImageException has a namespace' : 'metadata.namespace: a ClusterImageException has none',
    );
  }
  const status = statusSchema.safeParse(property(object, 'status'));
  return good({
    identity: { kind, namespace, name, uid },
    spec: spec.value,
    revision: revisionOf(spec.value),
    status: status.success ? status.data : null,
    createdAt: creationTimestamp === null ? null : Date.parse(creationTimestamp),
    annotations: textMap(property(property(object, 'metadata'), 'annotations')),
  });
}

function readSpec(kind: ExceptionKind, spec: unknown): Outcome<ExceptionSpec> {
  if (kind === 'ClusterImageException') {
    const parsed = clusterImageExceptionSpec.safeParse(spec);
    return parsed.success ? good(parsed.data) : bad('EXCEPTION_INVALID', issuesOf(parsed.error, 'spec'));
  }
  const parsed = imageExceptionSpec.safeParse(spec);
  return parsed.success ? good({ ...parsed.data, namespaces: [] }) : bad('EXCEPTION_INVALID', issuesOf(parsed.error, 'spec'));
}

function revisionOf(spec: ExceptionSpec): string {
  return createHash('sha256').update(specText(spec)).digest('hex');
}

const mostIssues = 5;

function issuesOf({ issues }: z.ZodError, root: string): string {
  const said = issues.slice(0, mostIssues).map(({ path, message }) => `${[root, ...path].map(String).join('.')}: ${message}`);
  const more = issues.length > mostIssues ? `; and ${issues.length - mostIssues} more` : '';
  return `${safeText(said.join('; '), 1500)}${more}`;
}

/** What an object is called before it could be read. */
export function labelOf(object: unknown): string {
  const { name = null, namespace = null } = {
    name: text(property(property(object, 'metadata'), 'name')),
    namespace: text(property(property(object, 'metadata'), 'namespace')),
  };
  const kind = kindOf(object) ?? 'object';
  return safeText(`${kind} ${namespace === null || namespace === '' ? '' : `${namespace}/`}${name ?? '(no name)'}`, 400);
}

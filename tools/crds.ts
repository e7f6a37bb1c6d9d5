/**
 * Writes the CustomResourceDefinitions of exceptions, from the schemas by which the program reads them: `node tools/crds.ts`. A test holds
 * that manifests/ has what this makes.
 */
import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { stringify } from 'yaml';
import { z } from 'zod';
import { namespacesField, specFields, statusFields } from '../src/exceptions/schema.ts';

type Schema = Readonly<Record<string, unknown>>;

/** File names below manifests/base/crds, and their content. */
export function exceptionCrds(): Readonly<Record<string, string>> {
  const clusterFields = { ...specFields, namespaces: namespacesField };
  return {
    'imageexceptions.yaml': render(
      crdOf('ImageException', ['imgex'], 'Namespaced', specFields, 'What may run in its namespace in spite of a policy, and until when.'),
    ),
    'clusterimageexceptions.yaml': render(
      crdOf(
        'ClusterImageException',
        ['cimgex'],
        'Cluster',
        clusterFields,
        'What may run in the namespaces that it names in spite of a policy, and until when.',
      ),
    ),
  };
}

function render(crd: object): string {
  return `# Made by tools/crds.ts from src/exceptions/schema.ts.\n${stringify(crd, { lineWidth: 140 })}`;
}

function crdOf(kind: string, shortNames: readonly string[], scope: 'Namespaced' | 'Cluster', spec: z.ZodRawShape, description: string): object {
  const plural = `${kind.toLowerCase()}s`;
  const column = (name: string, jsonPath: string, priority = 0): object => ({ name, type: 'string', jsonPath, ...(priority === 0 ? {} : { priority }) });
  return {
    apiVersion: 'apiextensions.k8s.io/v1',
    kind: 'CustomResourceDefinition',
    metadata: { name: `${plural}.tidewaiter.dev` },
    spec: {
      group: 'tidewaiter.dev',
      names: { kind, listKind: `${kind}List`, plural, singular: kind.toLowerCase(), shortNames },
      scope,
      versions: [
        {
          name: 'v1',
          served: true,
          storage: true,
          additionalPrinterColumns: [
            column('State', '.status.state'),
            column('Expires', '.spec.expires'),
            column('Created by', '.status.createdBy'),
            column('Approved by', '.status.approvedBy'),
            column('Owner', '.spec.owner', 1),
            column('Reason', '.spec.reason', 1),
            column('Acknowledged by', '.status.acknowledgedBy', 1),
          ],
          schema: {
            openAPIV3Schema: {
              type: 'object',
              description,
              required: ['spec'],
              properties: {
                apiVersion: { type: 'string' },
                kind: { type: 'string' },
                metadata: { type: 'object' },
                spec: structural(z.object(spec)),
                // No subresource: the webhook stamps in the same write that it is asked about.
                status: {
                  ...structural(z.object(statusFields).partial()),
                  description: 'Stamped and sealed by the webhook. What anybody else writes here is thrown away.',
                },
              },
            },
          },
        },
      ],
    },
  };
}

/**
 * A structural schema (https://kubernetes.io/docs/tasks/extend-kubernetes/custom-resources/custom-resource-definitions/#specifying-a-structural-schema).
 * Defaults are left out: they would be written into what others manage.
 */
function structural(schema: z.ZodType): Schema {
  return cleaned(z.toJSONSchema(schema, { target: 'openapi-3.0', io: 'input' }));
}

function cleaned(schema: unknown): Schema {
  if (typeof schema !== 'object' || schema === null) throw new Error('no schema');
  const { $schema: _, default: __, additionalProperties: ___, ...rest } = schema as Record<string, unknown>;
  // The format says it, and the pattern is longer than all the rest.
  if (rest['format'] === 'date-time') delete rest['pattern'];
  if (Array.isArray(rest['anyOf']) || Array.isArray(rest['oneOf'])) throw new Error(`not structural: ${JSON.stringify(rest)}`);
  if (rest['items'] !== undefined) rest['items'] = cleaned(rest['items']);
  const { properties } = rest;
  if (typeof properties === 'object' && properties !== null) {
    rest['properties'] = Object.fromEntries(Object.entries(properties).map(([key, value]) => [key, cleaned(value)]));
  }
  return rest;
}

if (import.meta.main) {
  const folder = join(import.meta.dirname, '..', 'manifests', 'base', 'crds');
  mkdirSync(folder, { recursive: true });
  for (const [name, content] of Object.entries(exceptionCrds())) writeFileSync(join(folder, name), content);
}

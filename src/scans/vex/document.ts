import { z } from 'zod';
import { bad, good, type Outcome } from '../../domain/fault.ts';
import { property } from '../../domain/json.ts';
import { type Purl, parsePurl } from '../purl.ts';
import { parseTime } from '../time.ts';

export const vexStatuses = ['affected', 'under_investigation', 'fixed', 'not_affected'] as const;

/** What somebody says about one vulnerability in some products. */
export interface VexStatement {
  readonly author: string;
  /** The vulnerability's name and its aliases. */
  readonly ids: readonly string[];
  readonly products: readonly VexProduct[];
  readonly status: (typeof vexStatuses)[number];
  /** One of the five of the specification; null where there is none. */
  readonly justification: string | null;
  readonly impact: string | null;
  /** Milliseconds since the epoch. */
  readonly time: number;
}

export interface VexProduct {
  readonly purls: readonly Purl[];
  /** null: the whole product. One that is not named by a package URL fits nothing. */
  readonly subcomponents: readonly Purl[] | null;
}

const mostComponents = 50_000;
const line = z.string().max(4096);
const component = z.object({ '@id': line.nullish(), identifiers: z.object({ purl: line.nullish() }).nullish() });
const product = component.extend({ subcomponents: z.array(component).nullish() });
const justifications = [
  'component_not_present',
  'vulnerable_code_not_present',
  'vulnerable_code_not_in_execute_path',
  'vulnerable_code_cannot_be_controlled_by_adversary',
  'inline_mitigations_already_exist',
] as const;
const statement = z.object({
  vulnerability: z.object({ name: line.min(1), aliases: z.array(line).max(100).nullish() }),
  timestamp: line.nullish(),
  products: z.array(product).nullish(),
  // Version 0.0.1 had them here: overlooked, a statement about one package would be one about all.
  subcomponents: z.undefined().optional(),
  status: z.enum(vexStatuses),
  justification: z.enum(justifications).nullish(),
  impact_statement: line.nullish(),
});
const document = z.object({
  '@context': z.string().regex(/^https:\/\/openvex\.dev\/ns\/v0\.2\.\d{1,3}$/),
  author: line.min(1),
  timestamp: line,
  statements: z.array(statement).max(10_000),
});

/** Reads an OpenVEX document. SCAN_INVALID names the first place that is not as it should be. https://github.com/openvex/spec/blob/v0.2.0/OPENVEX-SPEC.md */
export function decodeVex(value: unknown): Outcome<readonly VexStatement[]> {
  if (tooLarge(value)) return bad('SCAN_INVALID', `the VEX document has more than ${mostComponents} products and subcomponents`);
  const parsed = document.safeParse(value);
  if (!parsed.success) return bad('SCAN_INVALID', `it is no OpenVEX document of version 0.2: ${placeOf(parsed.error)}`);
  const { author, timestamp, statements } = parsed.data;
  const made = parseTime(timestamp);
  const read: VexStatement[] = [];
  for (const each of statements) {
    const time = each.timestamp ? parseTime(each.timestamp) : made;
    if (time === null) return bad('SCAN_INVALID', 'the VEX document has a timestamp that is no time');
    read.push({
      author,
      ids: [each.vulnerability.name, ...(each.vulnerability.aliases ?? [])],
      products: (each.products ?? []).map((one) => ({
        purls: purlsOf(one),
        subcomponents: one.subcomponents?.length ? one.subcomponents.flatMap(purlsOf) : null,
      })),
      status: each.status,
      justification: each.justification ?? null,
      impact: each.impact_statement?.trim() || null,
      time,
    });
  }
  return good(read);
}

function purlsOf({ '@id': id, identifiers }: z.infer<typeof component>): Purl[] {
  return [id, identifiers?.purl].flatMap((text) => parsePurl(text ?? '') ?? []);
}

/** Counted before anything is parsed, so that a flood costs no more than a look at lengths. */
function tooLarge(value: unknown): boolean {
  const list = (of: unknown, key: string): readonly unknown[] => {
    const found = property(of, key);
    return Array.isArray(found) ? found : [];
  };
  let total = 0;
  for (const each of list(value, 'statements')) {
    const products = list(each, 'products');
    total += products.length;
    if (total > mostComponents) return true;
    for (const one of products) total += list(one, 'subcomponents').length;
  }
  return total > mostComponents;
}

function placeOf(error: z.ZodError): string {
  const path = (error.issues[0]?.path ?? []).join('.');
  return path === '' ? 'it is no object of that form' : `${path} is not as it should be`;
}

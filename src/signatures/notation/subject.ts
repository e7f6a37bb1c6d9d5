import * as asn1js from 'asn1js';
import { bad, good, type Outcome } from '../../domain/fault.ts';
import { safeText } from '../../domain/text.ts';

/** A distinguished name's attributes by their short names, each once. */
export type Attributes = ReadonlyMap<string, string>;

/** RFC 4514 section 3, and those that X.520 adds. */
const shortNames: ReadonlyMap<string, string> = new Map([
  ['2.5.4.3', 'CN'],
  ['2.5.4.5', 'SERIALNUMBER'],
  ['2.5.4.6', 'C'],
  ['2.5.4.7', 'L'],
  ['2.5.4.8', 'ST'],
  ['2.5.4.9', 'STREET'],
  ['2.5.4.10', 'O'],
  ['2.5.4.11', 'OU'],
  ['2.5.4.17', 'POSTALCODE'],
]);
const mandatory = ['C', 'ST', 'O'] as const;
const prefix = 'x509.subject:';
const mostAttributes = 32;

/**
 * Reads a trusted identity, `x509.subject: C=US, ST=WA, O=Partner`: RFC 4514 with C, ST (or S) and O at least, each attribute once.
 * https://github.com/notaryproject/specifications/blob/v1.1.0/specs/trust-store-trust-policy.md#trusted-identities-constraints
 */
export function parseIdentity(identity: string): Outcome<Attributes> {
  if (!identity.startsWith(prefix)) return bad('CONFIG_INVALID', `an identity is * or begins with ${prefix}`);
  const attributes = new Map<string, string>();
  for (const part of split(identity.slice(prefix.length))) {
    const equals = part.indexOf('=');
    const written = part.slice(0, Math.max(equals, 0)).trim().toUpperCase();
    const type = written === 'S' ? 'ST' : written;
    if (![...shortNames.values()].includes(type)) {
      return bad('CONFIG_INVALID', `an identity consists of ${[...shortNames.values()].join(', ')}, such as ${prefix} C=US, ST=WA, O=Partner`);
    }
    const value = unescapeValue(part.slice(equals + 1));
    if (!value.ok) return value;
    if (attributes.has(type)) return bad('CONFIG_INVALID', `an identity has each attribute once; this one has ${type} twice`);
    attributes.set(type, value.value);
  }
  const missing = mandatory.find((type) => !attributes.has(type));
  return missing === undefined ? good(attributes) : bad('CONFIG_INVALID', `an identity has C, ST and O at least; this one has no ${missing}`);
}

/** Whether a certificate's subject has all that an identity asks for. */
export function hasIdentity(subject: Subject, identity: Attributes): boolean {
  const { attributes } = subject;
  if (attributes === null || mandatory.some((type) => !attributes.has(type))) return false;
  return [...identity].every(([type, value]) => attributes.get(type) === value);
}

export interface Subject {
  /** Written out as RFC 4514 has it, the most specific attribute first. */
  readonly text: string;
  /** null where no identity can match: an attribute twice, several in one place, or one of an unknown kind. */
  readonly attributes: Attributes | null;
}

/** Reads a subject as it is encoded (RFC 5280 section 4.1.2.4). Throws on what is none. */
export function readSubject(der: Buffer): Subject {
  const { result } = asn1js.fromBER(der);
  if (!(result instanceof asn1js.Sequence)) throw new TypeError('a subject that is no sequence');
  const sets = result.valueBlock.value;
  if (sets.length > mostAttributes) throw new RangeError('a subject with too many attributes');
  const attributes = new Map<string, string>();
  let plain = true;
  const texts = sets.map((set) => {
    if (!(set instanceof asn1js.Set)) throw new TypeError('a subject whose parts are no sets');
    if (set.valueBlock.value.length !== 1) plain = false;
    return set.valueBlock.value
      .map((pair) => {
        const [type, value] = pair instanceof asn1js.Sequence ? pair.valueBlock.value : [];
        if (!(type instanceof asn1js.ObjectIdentifier)) throw new TypeError('a subject with an attribute that has no type');
        const oid = type.valueBlock.toString();
        const name = shortNames.get(oid);
        const written = textOf(value);
        if (name === undefined || written === null || written === '' || attributes.has(name)) plain = false;
        else attributes.set(name, written);
        return `${name ?? oid}=${escapeValue(written ?? '?')}`;
      })
      .join('+');
  });
  return { text: safeText(texts.reverse().join(','), 1024), attributes: plain ? attributes : null };
}

function textOf(value: unknown): string | null {
  const isText = value instanceof asn1js.Utf8String || value instanceof asn1js.PrintableString || value instanceof asn1js.IA5String;
  return isText ? value.valueBlock.value : null;
}

function escapeValue(value: string): string {
  return value.replace(/[\\",+;<>=]/g, (character) => `\\${character}`).replace(/^[ #]| $/g, (character) => `\\${character}`);
}

/** At each comma that no backslash precedes. */
function split(name: string): string[] {
  return name.match(/(?:\\.|[^,\\])+/gs) ?? [];
}

/** RFC 4514 section 2.4, without its quoted and hexadecimal forms. */
function unescapeValue(written: string): Outcome<string> {
  const trimmed = written.trimStart().replace(/((?:^|[^\\])(?:\\\\)*(?:\\ )?) *$/, '$1');
  if (trimmed === '' || trimmed.startsWith('#')) return bad('CONFIG_INVALID', 'an identity has no empty and no hexadecimal (#) values');
  if (/(?:^|[^\\])(?:\\\\)*[+";<>]/.test(trimmed))
    return bad('CONFIG_INVALID', 'an identity has one attribute in each place, and a backslash before each of +";<>');
  const bytes = trimmed.replace(/\\([0-9a-fA-F]{2}|.)|[^\\]/gsu, (character, escaped: string | undefined) => {
    if (escaped === undefined) return encodeURIComponent(character.isWellFormed() ? character : '\ufffd');
    return escaped.length === 2 ? `%${escaped}` : encodeURIComponent(escaped);
  });
  try {
    return good(decodeURIComponent(bytes));
  } catch (cause) {
    return bad('CONFIG_INVALID', 'an identity is text in UTF-8', { cause });
  }
}

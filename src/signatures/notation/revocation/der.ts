/** One element of DER: https://www.itu.int/rec/T-REC-X.690 sections 8.1 and 10.1. */
export interface Element {
  /** The identifier octet; elements with longer ones have no place in what is read here. */
  readonly tag: number;
  /** With its identifier and length. */
  readonly bytes: Buffer;
  readonly content: Buffer;
}

export const tags = { boolean: 0x01, integer: 0x02, bitString: 0x03, objectIdentifier: 0x06, utcTime: 0x17, generalizedTime: 0x18, sequence: 0x30 } as const;

/**
 * Walks over the elements that lie one behind the other. No value is interpreted: this is for what is too long for a parser that makes
 * an object of each part (a list of 10,000 revoked certificates would hold up everybody else for most of a second). Throws on what is no DER.
 */
export function* walk(bytes: Buffer): Generator<Element> {
  for (let at = 0; at < bytes.length; ) {
    const tag = bytes[at];
    const first = bytes[at + 1];
    if (tag === undefined || first === undefined || (tag & 0x1f) === 0x1f) throw new TypeError('no DER');
    const more = first < 0x80 ? 0 : first & 0x7f;
    if (first === 0x80 || more > 4 || at + 2 + more > bytes.length) throw new TypeError('no DER');
    const length = more === 0 ? first : bytes.readUIntBE(at + 2, more);
    const [start, end] = [at + 2 + more, at + 2 + more + length];
    if (end > bytes.length) throw new TypeError('no DER');
    yield { tag, bytes: bytes.subarray(at, end), content: bytes.subarray(start, end) };
    at = end;
  }
}

/** The elements within one that fills the bytes. */
export function open(bytes: Buffer, tag: number): readonly Element[] {
  const [whole, ...more] = walk(bytes);
  if (whole === undefined || more.length > 0 || whole.tag !== tag) throw new TypeError('another kind of DER');
  return [...walk(whole.content)];
}

import { promisify } from 'node:util';
import { gunzip, gzip } from 'node:zlib';
import { bad, good, type Outcome } from '../domain/fault.ts';

// ustar, as much of it as `opa build` writes: https://pubs.opengroup.org/onlinepubs/9799919799/utilities/pax.html#tag_20_94_13_06
const block = 512;
const mostEntries = 10_000;

/** The regular files of a gzipped tar archive by name, without leading `./` or `/`. Fault: POLICY_BROKEN when it is none, or longer unpacked than `longest` bytes. */
export async function readTarGz(archive: Uint8Array, longest: number): Promise<Outcome<ReadonlyMap<string, Buffer>>> {
  let tar: Buffer;
  try {
    tar = await promisify(gunzip)(archive, { maxOutputLength: longest });
  } catch (cause) {
    return bad('POLICY_BROKEN', 'the policy bundle is no gzip archive, or too large unpacked', { cause });
  }
  const files = new Map<string, Buffer>();
  for (let at = 0; at + block <= tar.length; ) {
    const header = tar.subarray(at, at + block);
    if (header.every((byte) => byte === 0)) return good(files);
    const size = octal(header.subarray(124, 136));
    if (size === null || at + block + size > tar.length || octal(header.subarray(148, 156)) !== checksum(header) || files.size >= mostEntries) break;
    const prefix = field(header.subarray(345, 500));
    const name = `${prefix === '' ? '' : `${prefix}/`}${field(header.subarray(0, 100))}`.replace(/^(\.?\/)+/, '');
    const type = header[156];
    if (type === 0 || type === 0x30) {
      // Two files of one name would be read differently by different readers.
      if (files.has(name)) return bad('POLICY_BROKEN', 'the policy bundle has two files of one name');
      files.set(name, tar.subarray(at + block, at + block + size));
    }
    at += block + Math.ceil(size / block) * block;
  }
  return bad('POLICY_BROKEN', 'the policy bundle is a broken tar archive');
}

/** A gzipped tar archive; the same files give the same bytes. Names are at most 100 bytes. */
export async function writeTarGz(files: ReadonlyMap<string, Buffer>): Promise<Buffer> {
  const parts: Buffer[] = [];
  for (const [name, content] of files) {
    const header = Buffer.alloc(block);
    header.write(name, 0, 100);
    header.write('0000644\0', 100);
    header.write('0000000\0', 108);
    header.write('0000000\0', 116);
    header.write(`${content.length.toString(8).padStart(11, '0')}\0`, 124);
    header.write(`${'0'.repeat(11)}\0`, 136);
    header.write('0', 156);
    header.write('ustar\x0000', 257);
    header.write(`${checksum(header).toString(8).padStart(6, '0')}\0 `, 148);
    parts.push(header, content, Buffer.alloc((block - (content.length % block)) % block));
  }
  parts.push(Buffer.alloc(2 * block));
  return promisify(gzip)(Buffer.concat(parts));
}

function field(bytes: Buffer): string {
  const end = bytes.indexOf(0);
  return bytes.subarray(0, end < 0 ? bytes.length : end).toString('utf8');
}

function octal(bytes: Buffer): number | null {
  const digits = /^\s*([0-7]+)[\s\0]*$/.exec(bytes.toString('latin1'))?.[1];
  return digits === undefined ? null : Number.parseInt(digits, 8);
}

/** Sum of the header's bytes, with its own field taken as spaces. */
function checksum(header: Buffer): number {
  let sum = 0;
  for (const [i, byte] of header.entries()) sum += i >= 148 && i < 156 ? 0x20 : byte;
  return sum;
}

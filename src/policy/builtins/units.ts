import { type HostBuiltin, textOf } from './builtin.ts';

const decimal: Readonly<Record<string, bigint>> = { '': 1n, k: 10n ** 3n, m: 10n ** 6n, g: 10n ** 9n, t: 10n ** 12n, p: 10n ** 15n, e: 10n ** 18n };
const binary: Readonly<Record<string, bigint>> = { ki: 2n ** 10n, mi: 2n ** 20n, gi: 2n ** 30n, ti: 2n ** 40n, pi: 2n ** 50n, ei: 2n ** 60n };

/** https://www.openpolicyagent.org/docs/policy-reference/builtins/units */
export const unitBuiltins: Readonly<Record<string, HostBuiltin>> = {
  'units.parse': (value) => {
    const parts = split(textOf(value));
    if (parts === null) return undefined;
    // Milli is the one unit whose case matters.
    if (parts.unit === 'm') return decimalText(parts.digits, parts.exponent - 3);
    const scale = decimal[parts.unit.toLowerCase()] ?? binary[parts.unit.toLowerCase()];
    return scale === undefined ? undefined : decimalText(parts.digits * scale, parts.exponent);
  },
  'units.parse_bytes': (value) => {
    const parts = split(textOf(value));
    if (parts === null) return undefined;
    const unit = parts.unit.toLowerCase().replace(/(?<=.)b$/, '');
    const scale = decimal[unit] ?? binary[unit];
    if (scale === undefined) return undefined;
    const total = parts.digits * scale;
    return (parts.exponent >= 0 ? total * 10n ** BigInt(parts.exponent) : total / 10n ** BigInt(-parts.exponent)).toString();
  },
};

/** A number as digits times a power of ten, and the unit behind it. */
function split(text: string | null): { readonly digits: bigint; readonly exponent: number; readonly unit: string } | null {
  const bare = (text ?? '').replaceAll('"', '');
  const parts = /^([+-]?)(\d*)(?:\.(\d*))?(?:[eE]([+-]?\d{1,3})(?![A-Za-z0-9]*[.]))?([A-Za-z]*)$/.exec(bare);
  if (parts === null) return null;
  const [, mark = '', whole = '', fraction = '', power = '0', unit = ''] = parts;
  if (whole === '' && fraction === '') return null;
  const digits = BigInt(`${whole}${fraction}`) * (mark === '-' ? -1n : 1n);
  return { digits, exponent: Number(power) - fraction.length, unit };
}

function decimalText(digits: bigint, exponent: number): string {
  if (exponent >= 0) return (digits * 10n ** BigInt(exponent)).toString();
  const text = (digits < 0n ? -digits : digits).toString().padStart(1 - exponent, '0');
  const whole = text.slice(0, exponent);
  const fraction = text.slice(exponent).replace(/0+$/, '');
  return `${digits < 0n ? '-' : ''}${whole}${fraction === '' ? '' : `.${fraction}`}`;
}

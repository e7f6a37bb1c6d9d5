import { printRegoValue, quoteGo, type RegoValue } from './value.ts';

/** An argument as OPA hands it to Go's fmt: whole numbers as int64 or *big.Int, others as float64, all else as text. */
type Argument =
  | { readonly type: 'int64' | '*big.Int'; readonly value: bigint }
  | { readonly type: 'float64'; readonly value: number }
  | { readonly type: 'string'; readonly value: string };

interface Form {
  readonly minus: boolean;
  readonly plus: boolean;
  readonly sharp: boolean;
  readonly space: boolean;
  readonly zero: boolean;
  readonly width: number | null;
  readonly precision: number | null;
  readonly verb: string;
}

const longestText = 1024 * 1024;
/** Takes a format apart: flags, index, width, index, precision, index, verb. */
export const sprintfDirective = /%([-+# 0]*)(?:\[(\d+)\])?(\*|\d+)?(?:\.(?:\[(\d+)\])?(\*|\d*))?(?:\[(\d+)\])?(.|$)/gsu;

/**
 * Rego's sprintf, which is Go's fmt.Sprintf over OPA's values (https://pkg.go.dev/fmt,
 * https://github.com/open-policy-agent/opa/blob/v1.22.2/v1/topdown/strings.go). The SDK would use a C-like one that throws at `%q` and at
 * `%v` of null. Throws at what is not covered (`%b` and `%x` of fractions, widths over 1,000), which denies and names the policy.
 */
export function sprintf(format: string, values: readonly RegoValue[]): string {
  const args = values.map(argumentOf);
  let next = 0;
  let reordered = false;
  const star = (): number | null => {
    const arg = args[next++];
    return arg?.type === 'int64' && arg.value > -1000n && arg.value < 1000n ? Number(arg.value) : null;
  };
  const text = format.replace(
    sprintfDirective,
    (whole, flags: string, at1?: string, width?: string, at2?: string, precision?: string, at3?: string, verb = '') => {
      if (verb === '') return '%!(NOVERB)';
      if (verb === '%') return '%';
      const index = at3 ?? at2 ?? at1;
      if (at1 !== undefined && (width !== undefined || precision !== undefined)) throw new Error(`sprintf: the form ${whole} is not supported`);
      if (index !== undefined) {
        reordered = true;
        next = Number(index) - 1;
        if (next < 0 || next >= args.length) return `%!${verb}(BADINDEX)`;
      }
      const widthOf = width === '*' ? star() : width === undefined ? null : Number(width);
      if (width === '*' && widthOf === null) return `%!(BADWIDTH)`;
      const precisionOf = precision === '*' ? star() : precision === undefined ? null : Number(precision);
      if ((widthOf ?? 0) > 1000 || (precisionOf ?? 0) > 1000) throw new Error('sprintf: a width or precision over 1000 is not supported');
      const arg = args[next++];
      if (arg === undefined) return `%!${verb}(MISSING)`;
      const negative = widthOf !== null && widthOf < 0;
      return write(arg, {
        minus: flags.includes('-') || negative,
        // With %v it means field names of structs, and there are none.
        plus: flags.includes('+') && verb !== 'v',
        sharp: flags.includes('#'),
        space: flags.includes(' '),
        zero: flags.includes('0') && !flags.includes('-') && !negative,
        width: widthOf === null ? null : Math.abs(widthOf),
        precision: precisionOf,
        verb,
      });
    },
  );
  if (text.length > longestText) throw new Error('sprintf: the text is longer than 1 MiB');
  if (reordered || next >= args.length) return text;
  const extra = args.slice(next).map((arg) => `${arg.type}=${write(arg, plain('v'))}`);
  return `${text}%!(EXTRA ${extra.join(', ')})`;
}

function argumentOf(value: RegoValue): Argument {
  if (typeof value === 'string') return { type: 'string', value };
  if (value === null || typeof value === 'boolean' || value.kind !== 'number') return { type: 'string', value: printRegoValue(value) };
  if (!/^-?[0-9]+$/.test(value.text)) return { type: 'float64', value: Number(value.text) };
  const whole = BigInt(value.text);
  return { type: BigInt.asIntN(64, whole) === whole ? 'int64' : '*big.Int', value: whole };
}

function plain(verb: string): Form {
  return { minus: false, plus: false, sharp: false, space: false, zero: false, width: null, precision: null, verb };
}

function write(arg: Argument, form: Form): string {
  if (form.verb === 'T') return pad(arg.type, form, false);
  const text = arg.type === 'string' ? writeText(arg.value, form) : arg.type === 'float64' ? writeFloat(arg.value, form) : writeInteger(arg, form);
  if (text !== null) return text;
  if (arg.type === '*big.Int') return `%!${form.verb}(big.Int=${write(arg, plain('v'))})`;
  // Go keeps width and flags for the value within; # counts only for what is written as a number.
  return `%!${form.verb}(${arg.type}=${write(arg, { ...form, verb: 'v', sharp: form.sharp && arg.type === 'float64' })})`;
}

function writeText(value: string, form: Form): string | null {
  const cut = form.precision === null ? value : [...value].slice(0, form.precision).join('');
  switch (form.verb) {
    case 'v':
      return pad(form.sharp ? quoteGo(cut) : cut, form, false);
    case 's':
      return pad(cut, form, false);
    case 'q':
      if (form.sharp || form.plus) throw new Error('sprintf: the flags # and + of %q are not supported');
      return pad(quoteGo(cut), form, false);
    case 'x':
    case 'X': {
      if (form.sharp || form.space || form.precision !== null) throw new Error('sprintf: flags of %x are not supported for text');
      const hex = Buffer.from(value).toString('hex');
      return pad(form.verb === 'X' ? hex.toUpperCase() : hex, form, false);
    }
    default:
      return null;
  }
}

function writeInteger(arg: { readonly type: string; readonly value: bigint }, form: Form): string | null {
  const { value } = arg;
  const verb = arg.type === '*big.Int' && form.verb === 's' ? 'd' : form.verb;
  if (['e', 'E', 'f', 'F', 'g', 'G', 's', 't', 'p', 'w'].includes(verb)) return null;
  if (arg.type === '*big.Int' && ['c', 'q', 'U'].includes(verb)) return null;
  if (verb === 'c') return pad(character(value), form, false);
  if (verb === 'q') return pad(`'${quoteGo(character(value)).slice(1, -1).replace('\\"', '"').replace(/^'$/, "\\'")}'`, form, false);
  if (verb === 'U') return pad(`U+${value.toString(16).toUpperCase().padStart(4, '0')}`, form, false);
  const bases: Readonly<Record<string, number>> = { v: 10, d: 10, b: 2, o: 8, O: 8, x: 16, X: 16 };
  const base = bases[verb];
  if (base === undefined) return null;
  const magnitude = value < 0n ? -value : value;
  let digits = magnitude.toString(base);
  if (form.precision !== null) digits = form.precision === 0 && value === 0n ? '' : digits.padStart(form.precision, '0');
  if (verb === 'X') digits = digits.toUpperCase();
  const marks: Readonly<Record<string, string>> = { b: '0b', o: '0', x: '0x', X: '0X' };
  const mark = verb === 'O' ? '0o' : form.sharp ? (marks[verb] ?? '') : '';
  return padNumber(sign(value < 0n, form), mark + digits, { ...form, zero: form.zero && form.precision === null });
}

function character(value: bigint): string {
  return value >= 0n && value <= 0x10ffffn ? String.fromCodePoint(Number(value)).toWellFormed() : '\ufffd';
}

function writeFloat(value: number, form: Form): string | null {
  const { verb, precision } = form;
  const magnitude = Math.abs(value);
  let digits: string;
  if (verb === 'f' || verb === 'F') digits = fixed(magnitude, Math.min(precision ?? 6, 100));
  else if (verb === 'e' || verb === 'E') digits = exponent(scientific(magnitude, Math.min(precision ?? 6, 100)));
  else if (verb === 'g' || verb === 'G' || verb === 'v') digits = general(magnitude, precision, precision ?? 6);
  else if (verb === 'b' || verb === 'x' || verb === 'X') throw new Error(`sprintf: %${verb} of a fraction is not supported`);
  else return null;
  if (form.sharp) throw new Error('sprintf: the flag # is not supported for fractions');
  if (!Number.isFinite(value)) return pad(value > 0 ? '+Inf' : '-Inf', form, false);
  return padNumber(sign(value < 0 || Object.is(value, -0), form), verb === 'E' || verb === 'G' ? digits.toUpperCase() : digits, form);
}

// JavaScript rounds an exact half up, Go to the even digit. A half has one digit more than is asked for, so 100 digits show it.

function fixed(value: number, precision: number): string {
  // From 1e21 on toFixed writes an exponent; such numbers are whole.
  if (value >= 1e21) return Number.isFinite(value) ? BigInt(value).toString() + (precision > 0 ? `.${'0'.repeat(precision)}` : '') : '';
  const exact = value.toFixed(100);
  const end = exact.length - 100 + precision;
  return isEvenHalf(exact, end) ? exact.slice(0, precision === 0 ? end - 1 : end) : value.toFixed(precision);
}

function scientific(value: number, precision: number): string {
  const [digits = '', power = ''] = value.toExponential(100).split('e');
  const end = 2 + precision;
  return isEvenHalf(digits, end) ? `${digits.slice(0, precision === 0 ? 1 : end)}e${power}` : value.toExponential(precision);
}

/** Whether what follows `end` is exactly a half, and the digit before it even. */
function isEvenHalf(digits: string, end: number): boolean {
  const last = digits.slice(0, end).replace('.', '').at(-1) ?? '';
  return /^50*$/.test(digits.slice(end)) && '02468'.includes(last);
}

/** Go's %g: the shortest digits that read back the same, or as many as asked for, without trailing zeros; large and small ones with exponent. */
function general(value: number, precision: number | null, limit: number): string {
  const digits = precision === null ? value.toExponential() : scientific(value, Math.min(Math.max(precision - 1, 0), 100));
  const [mantissa = '', power = '0'] = digits.split('e');
  const shortest = mantissa.includes('.') ? mantissa.replace(/\.?0+$/, '') : mantissa;
  const exp = Number(power);
  if (exp < -4 || exp >= Math.max(limit, 1)) return exponent(`${shortest}e${power}`);
  const all = shortest.replace('.', '');
  if (exp < 0) return `0.${'0'.repeat(-exp - 1)}${all}`;
  return all.length <= exp + 1 ? all.padEnd(exp + 1, '0') : `${all.slice(0, exp + 1)}.${all.slice(exp + 1)}`;
}

/** Go writes at least two digits of exponent. */
function exponent(text: string): string {
  return text.replace(/e([+-])?(\d)$/, (_, mark: string | undefined, digit: string) => `e${mark ?? '+'}0${digit}`).replace(/e(\d)/, 'e+$1');
}

function sign(negative: boolean, form: Form): string {
  return negative ? '-' : form.plus ? '+' : form.space ? ' ' : '';
}

function padNumber(mark: string, digits: string, form: Form): string {
  if (form.zero && form.width !== null) return mark + digits.padStart(form.width - mark.length, '0');
  return pad(mark + digits, form, true);
}

function pad(text: string, form: Form, number: boolean): string {
  const missing = (form.width ?? 0) - [...text].length;
  if (missing <= 0) return text;
  if (form.minus) return text + ' '.repeat(missing);
  return (form.zero && !number ? '0' : ' ').repeat(missing) + text;
}

import { bad, good, type Outcome } from '../domain/fault.ts';
import { isObject, property } from '../domain/json.ts';
import { suggest } from '../domain/suggest.ts';
import { hostBuiltins } from './builtins/index.ts';
import { runOpa } from './opa.ts';

/**
 * What OPA compiles into Wasm itself (ABI 1.3); a conformance test asks `opa build` whether each is. Left out although compiled:
 * deprecated names, and what reads the clock or chance.
 */
export const nativeBuiltins: ReadonlySet<string> = new Set(
  `abs and array.concat array.flatten array.reverse array.slice assign base64.decode base64.encode base64.is_valid base64url.decode
  base64url.encode bits.and bits.lsh bits.negate bits.or bits.rsh bits.xor ceil concat contains count div endswith eq equal floor format_int
  glob.match graph.reachable gt gte indexof internal.member_2 internal.member_3 internal.print internal.template_string internal.test_case
  intersection is_array is_boolean is_null is_number is_object is_set is_string json.filter json.is_valid json.marshal json.remove
  json.unmarshal lower lt lte max min minus mul neq net.cidr_contains net.cidr_intersects numbers.range object.filter object.get object.keys
  object.remove object.union object.union_n or plus print product regex.find_all_string_submatch_n regex.is_valid regex.match
  rego.metadata.chain rego.metadata.rule rem replace round sort split startswith strings.replace_n strings.reverse substring sum to_number
  trace trim trim_left trim_prefix trim_right trim_space trim_suffix type_name union upper walk`.split(/\s+/),
);

/** What to do instead of some builtins that can't be had: by name, or by family. */
const instead: Readonly<Record<string, string>> = {
  'time.now_ns': 'use time.parse_rfc3339_ns(input.now), which is the same at replay',
  'http.send': 'a decision depends on its input only; add a source of evidence instead',
  'regex.replace': 'use regex.find_all_string_submatch_n, or replace',
  'regex.split': 'use split, or regex.find_all_string_submatch_n',
  'rand.intn': 'a decision must be the same at replay',
  'uuid.rfc4122': 'a decision must be the same at replay',
  'json.patch': 'use object.union, object.remove or json.filter',
  'json.verify_schema': 'compare the members that matter',
  'json.match_schema': 'compare the members that matter',
  'opa.runtime': 'use data.config, which is policy.data of the configuration',
  'yaml.unmarshal': 'bring it as JSON: json.unmarshal',
  'yaml.marshal': 'use json.marshal',
  'graph.reachable_paths': 'use graph.reachable',
  'glob.quote_meta': 'write the pattern with a backslash before what is meant literally',
  'io.jwt': 'signatures are verified before the policies: see image.signatures and image.attestations',
  crypto: 'signatures are verified before the policies: see image.signatures and image.attestations',
  net: 'a decision depends on its input only; of networks there are net.cidr_contains and net.cidr_intersects',
};

/** Builtins whose argument may be `[ns, zone]` in OPA: here UTC only, so that a zone is an error when the policy is checked. */
const utcOnly = new Set(['time.date', 'time.clock', 'time.weekday', 'time.diff']);

/**
 * The capabilities (https://www.openpolicyagent.org/docs/deployments#capabilities) of this engine, made from those of the given opa:
 * a builtin that would fail in production is an error with a line number when it is checked. `checking`: as given; else the full ones
 * of OPA, which `opa build` needs unnarrowed. Fault: INTERNAL.
 */
export async function capabilitiesOf(opa: string, signal: AbortSignal): Promise<Outcome<string>> {
  const run = await runOpa(opa, ['capabilities', '--current'], '/', signal);
  if (!run.ok) return run;
  try {
    const all: unknown = JSON.parse(run.value.stdout);
    const builtins = property(all, 'builtins');
    if (!isObject(all) || !Array.isArray(builtins)) return bad('INTERNAL', 'opa names no capabilities');
    const kept = builtins.filter((builtin) => isAvailable(String(property(builtin, 'name')))).map(narrow);
    return good(JSON.stringify({ ...all, builtins: kept }));
  } catch (cause) {
    return bad('INTERNAL', 'opa names no capabilities that can be read', { cause });
  }
}

/** What an author can do about a builtin that is not there; null when nothing is known. */
export function suggestInstead(builtin: string): string | null {
  if (Object.hasOwn(instead, builtin)) return instead[builtin] ?? null;
  const family = builtin.slice(0, Math.max(0, builtin.lastIndexOf('.')));
  if (Object.hasOwn(instead, family)) return instead[family] ?? null;
  const near = suggest(builtin, [...nativeBuiltins, ...Object.keys(hostBuiltins)]);
  return near === null ? null : `did you mean ${near}?`;
}

function isAvailable(name: string): boolean {
  return nativeBuiltins.has(name) || Object.hasOwn(hostBuiltins, name);
}

function narrow(builtin: unknown): unknown {
  if (!isObject(builtin) || !utcOnly.has(String(builtin['name']))) return builtin;
  const declaration = property(builtin, 'decl');
  const args = property(declaration, 'args');
  if (!isObject(declaration) || !Array.isArray(args)) return builtin;
  return { ...builtin, decl: { ...declaration, args: args.map(() => ({ type: 'number' })) } };
}

import { property, text } from '../domain/json.ts';
import { compileMirrors } from '../domain/mirror.ts';
import { suggest } from '../domain/suggest.ts';
import { safeText } from '../domain/text.ts';
import type { Problem } from './explain.ts';
import type { Path } from './fault.ts';
import { mirrorSettings, registrySettings } from './schema/images.ts';
import { isLoopback, listenAddress } from './values.ts';

/**
 * What no single key can be blamed for. Works on the document as written, and looks only at parts that are right by themselves, so
 * that a fault elsewhere doesn't hide these.
 */
export function crossCheck(document: unknown): Problem[] {
  return [
    ...twice(document, 'signers', 'name'),
    ...twice(document, 'scans', 'name'),
    ...twice(document, 'vex', 'name'),
    ...twice(document, 'registries', 'host'),
    ...unknownSigners(document, 'scans'),
    ...unknownSigners(document, 'vex'),
    ...unknownSigner(document, ['policy', 'signers'], property(property(document, 'policy'), 'signers')),
    ...mirrorProblems(document),
    ...listenProblems(document),
    ...pathProblems(document),
    ...requiredButOff(document),
  ];
}

function problem(path: Path, message: string): Problem {
  return { path, message, key: false };
}

function entries(value: unknown): readonly unknown[] {
  return Array.isArray(value) ? value : [];
}

function twice(document: unknown, section: string, key: string): Problem[] {
  const seen = new Map<string, number>();
  return entries(property(document, section)).flatMap((entry, i) => {
    const value = text(property(entry, key));
    if (value === null) return [];
    const first = seen.get(value.toLowerCase());
    if (first === undefined) seen.set(value.toLowerCase(), i);
    return first === undefined ? [] : [problem([section, i, key], `${section}[${first}] has this ${key} already`)];
  });
}

function unknownSigners(document: unknown, section: 'scans' | 'vex'): Problem[] {
  return entries(property(document, section)).flatMap((entry, i) => unknownSigner(document, [section, i, 'signers'], property(entry, 'signers')));
}

function unknownSigner(document: unknown, path: Path, listed: unknown): Problem[] {
  const names = entries(property(document, 'signers')).flatMap((signer) => text(property(signer, 'name')) ?? []);
  return entries(listed).flatMap((named, i) => {
    if (typeof named !== 'string' || names.includes(named)) return [];
    const near = suggest(named, names);
    return [problem([...path, i], `there is no signer ${safeText(named, 60)}${near === null ? '' : `; did you mean ${near}?`}`)];
  });
}

function mirrorProblems(document: unknown): Problem[] {
  const mirrors = mirrorSettings.safeParse(property(document, 'mirrors'));
  if (!mirrors.success) return [];
  const rules = mirrors.data;
  const compiled = compileMirrors(rules);
  const overlaps = compiled.ok ? [] : compiled.fault.message.split('; ').map((message) => problem(placeOf(message, rules), message));
  const registries = registrySettings.safeParse(property(document, 'registries'));
  if (!registries.success || registries.data === null) return overlaps;
  const hosts = registries.data.map(({ host }) => host);
  const unlisted = rules.flatMap((rule, i) =>
    rule.targets.flatMap(({ location }, j) => {
      const host = location.split('/')[0] ?? '';
      const listed = hosts.some((entry) => entry === host || (entry.startsWith('*.') && host.endsWith(entry.slice(1))));
      return listed ? [] : [problem(['mirrors', i, 'targets', j, 'location'], `${host} is not among the registries that may be contacted`)];
    }),
  );
  return [...overlaps, ...unlisted];
}

/** The last rule that an overlap names: the one that was added to what had been right. */
function placeOf(message: string, rules: readonly { readonly source: string; readonly targets: readonly { readonly location: string }[] }[]): Path {
  const words = new Set(message.split(/[ ,]+/));
  const last = rules.findLastIndex((rule) => words.has(rule.source) || rule.targets.some(({ location }) => words.has(location)));
  const target = rules[last]?.targets.findLastIndex(({ location }) => words.has(location)) ?? -1;
  if (last < 0) return ['mirrors'];
  return target < 0 ? ['mirrors', last, 'source'] : ['mirrors', last, 'targets', target, 'location'];
}

function listenProblems(document: unknown): Problem[] {
  const server = property(document, 'server');
  const listen = listenAddress.safeParse(property(server, 'listen'));
  const ops = listenAddress.safeParse(property(server, 'ops'));
  if (!listen.success) return [];
  // The Secret that replicas share holds a secret path too.
  const shared = property(property(server, 'tls'), 'secret') !== undefined;
  const guarded = shared || property(server, 'clientCAFile') !== undefined || property(server, 'pathSecretFile') !== undefined;
  const open = isLoopback(listen.data) || guarded ? [] : [problem(['server', 'listen'], unguarded)];
  const { host, port } = listen.data;
  const same = ops.success && port !== 0 && ops.data.port === port && ops.data.host === host;
  return same ? [...open, problem(['server', 'ops'], 'must differ from server.listen')] : open;
}

function pathProblems(document: unknown): Problem[] {
  const server = property(document, 'server');
  const twofold = property(property(server, 'tls'), 'secret') !== undefined && property(server, 'pathSecretFile') !== undefined;
  return twofold ? [problem(['server', 'pathSecretFile'], 'has no meaning with server.tls.secret, which holds a secret path of its own')] : [];
}

const unguarded = 'beyond loopback, server.clientCAFile, server.pathSecretFile or server.tls.secret must be given: anybody could ask otherwise';

function requiredButOff(document: unknown): Problem[] {
  const policy = property(document, 'policy');
  return entries(property(policy, 'required')).flatMap((name, i) =>
    typeof name === 'string' && property(property(policy, 'modes'), name) === 'off'
      ? [problem(['policy', 'required', i], `policy.modes turns ${safeText(name, 60)} off, so it can not be required`)]
      : [],
  );
}

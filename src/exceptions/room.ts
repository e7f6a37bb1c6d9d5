import { type CompiledException, compileException, type Exception, type Exceptions, isInForce } from '../domain/exception.ts';
import type { Log } from '../domain/log.ts';
import { type Held, type Standing, standingOf } from './held.ts';
import type { ExceptionSource } from './source.ts';

/** How the exceptions stand at a time, for readiness, metrics and people. */
export interface ExceptionStatus {
  readonly counts: Readonly<Record<Standing, number>>;
  /** Those that are void, each with the reason; the first of many. */
  readonly voids: readonly { readonly label: string; readonly reason: string }[];
  /** Breakglasses that nobody has taken note of, whether or not they still last. */
  readonly unacknowledged: readonly Exception[];
  /** In force, and near their end. */
  readonly ending: readonly Exception[];
  readonly breakglass: number;
  /** Why what is known may not be what is there now; null when it is. */
  readonly stale: string | null;
}

export interface ExceptionRoom extends Exceptions {
  status(now: number): ExceptionStatus;
  /** Objects of a namespace, of whatever standing, in the cluster. */
  countIn(namespace: string): number;
  close(): void;
}

const mostShown = 10;

/** Brings the sources together. What is void, and what comes near its end, is logged once. */
export function createExceptionRoom(sources: readonly ExceptionSource[], log: Pick<Log, 'warn' | 'info'>): ExceptionRoom {
  let held: readonly Held[] = [];
  /** Of each source, when it was last looked at. */
  let stale: readonly (string | null)[] = [];
  let everywhere: readonly CompiledException[] = [];
  let byNamespace: ReadonlyMap<string, readonly CompiledException[]> = new Map();
  let counts = new Map<string, number>();
  const told = new Set<string>();

  const tellOnce = (key: string, tell: () => void): void => {
    if (told.has(key)) return;
    // Whoever may write many that are void must not fill the memory.
    if (told.size >= 10_000) told.clear();
    told.add(key);
    tell();
  };
  const rebuild = (): void => {
    held = sources.flatMap((source) => source.held);
    stale = sources.map((source) => source.stale);
    const compiled = sources.flatMap((source) =>
      source.held.flatMap((each) => (each.state === 'usable' ? [compileException({ ...each.exception, stale: source.stale !== null })] : [])),
    );
    everywhere = compiled.filter(({ exception }) => exception.kind === 'ClusterImageException');
    byNamespace = Map.groupBy(
      compiled.filter(({ exception }) => exception.kind === 'ImageException'),
      ({ exception }) => exception.namespace,
    );
    counts = new Map();
    for (const { label } of held) {
      const namespace = /^ImageException ([^/]+)\//.exec(label)?.[1] ?? '';
      counts.set(namespace, (counts.get(namespace) ?? 0) + 1);
    }
    for (const each of held) {
      if (each.state === 'void')
        tellOnce(`${each.label} ${each.reason}`, () => log.warn({ exception: each.label, reason: each.reason }, 'an exception is void'));
      if (each.state === 'usable' && each.exception.spec.breakglass) {
        const { expires, createdBy, spec } = each.exception;
        const fields = { exception: each.label, createdBy, reason: spec.reason, expires: new Date(expires).toISOString() };
        tellOnce(`${each.label} ${each.exception.uid} ${expires}`, () =>
          log.warn(fields, 'a breakglass is there: until it ends, what policies say is recorded and not enforced'),
        );
      }
    }
  };
  /** A source does not tell when it can't be looked at any more. */
  const refresh = (): void => {
    if (sources.some((source, i) => source.stale !== stale[i])) rebuild();
  };
  for (const source of sources) source.onChange(rebuild);
  rebuild();

  return {
    inForce(namespace, now) {
      refresh();
      const own = byNamespace.get(namespace);
      if (own === undefined && everywhere.length === 0) return none;
      return [...(own ?? []), ...everywhere].filter((each) => isInForce(each.exception, now) && each.appliesIn(namespace));
    },
    status(now) {
      refresh();
      const all: Record<Standing, number> = { inForce: 0, upcoming: 0, expired: 0, pending: 0, void: 0 };
      const ending: Exception[] = [];
      const unacknowledged: Exception[] = [];
      let breakglass = 0;
      for (const each of held) {
        const standing = standingOf(each, now);
        all[standing] += 1;
        if (each.state !== 'usable') continue;
        const { exception } = each;
        if (exception.spec.breakglass && each.acknowledgedBy === null && exception.file === null) unacknowledged.push(exception);
        if (standing !== 'inForce') continue;
        if (exception.spec.breakglass) breakglass += 1;
        if (exception.warnFrom > now) continue;
        ending.push(exception);
        const fields = { exception: each.label, owner: exception.spec.owner, expires: new Date(exception.expires).toISOString() };
        tellOnce(`ends ${each.label} ${exception.expires}`, () => log.warn(fields, 'an exception ends soon'));
      }
      const voids = held.flatMap((each) => (each.state === 'void' ? [{ label: each.label, reason: each.reason }] : [])).slice(0, mostShown);
      return { counts: all, voids, unacknowledged, ending, breakglass, stale: stale.find((reason) => reason !== null) ?? null };
    },
    countIn: (namespace) => counts.get(namespace) ?? 0,
    close() {
      for (const source of sources) source.close();
    },
  };
}

const none: readonly CompiledException[] = [];

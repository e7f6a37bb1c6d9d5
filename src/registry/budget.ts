import { LRUCache } from 'lru-cache';
import { type Fault, fault } from '../domain/fault.ts';

/** How long hosts want to be left alone, as they said (RFC 6585, 4; RFC 9110, 10.2.3). All times in milliseconds. */
export interface Budget {
  /** What is left of the pause of a repository, or of its whole host; null: it may be asked. */
  pause(asked: Asked, now: number): Pause | null;
  /** A host answered 429, or 503 with a time. `after` is the time it named. */
  limited(answer: Limited, now: number): void;
  /** A host answered for a repository with anything else. */
  answered(asked: Asked): void;
}

export interface Asked {
  readonly host: string;
  readonly repository: string;
  /** Key of the right that it is asked with: registries count by account, and nobody's limit is to silence another. */
  readonly access: string;
}

export interface Pause {
  readonly left: number;
  readonly fault: Fault;
}

export interface Limited extends Asked {
  readonly status: number;
  readonly after: number | null;
}

export interface BudgetRules {
  /** Answers without a time that a question waits out by itself, before the next questions wait too. */
  readonly attempts: number;
  readonly backoff: number;
  /** No answer silences us for longer. */
  readonly longestPause: number;
}

interface Spell {
  until: number;
  status: number;
  /** Such answers in a row. */
  row: number;
}

interface Host extends Spell {
  /** Who was limited since anybody was answered. */
  readonly limited: Set<string>;
}

/** Limited in a row, without an answer to another: then it is the host. */
const repositoriesOfHost = 2;

/** Registries do not say whose limit was reached. The first is taken for its repository's, a second one's for that of the host. */
export function createBudget(rules: BudgetRules, jitter: () => number): Budget {
  const hosts = new LRUCache<string, Host>({ max: 500 });
  const repositories = new LRUCache<string, Spell>({ max: 5_000 });
  return {
    pause(asked, now) {
      const { host, repository } = asked;
      const wide = hosts.get(hostKey(asked));
      const narrow = repositories.get(repositoryKey(asked));
      const spell = wide !== undefined && wide.until > now ? wide : narrow;
      if (spell === undefined || spell.until <= now) return null;
      const left = spell.until - now;
      const code = spell.status === 429 ? 'REGISTRY_RATE_LIMITED' : 'REGISTRY_UNAVAILABLE';
      const whom = spell === wide ? '' : ` for ${repository}`;
      return {
        left,
        fault: fault(code, `${host} answered ${spell.status}${whom} and wants to be left alone: it is not asked for ${Math.ceil(left / 1000)} s`),
      };
    },
    limited(answer, now) {
      const { repository, status, after } = answer;
      const wide: Host = hosts.get(hostKey(answer)) ?? { until: 0, status, row: 0, limited: new Set() };
      const narrow: Spell = repositories.get(repositoryKey(answer)) ?? { until: 0, status, row: 0 };
      hosts.set(hostKey(answer), wide);
      repositories.set(repositoryKey(answer), narrow);
      narrow.row += 1;
      const backedOff = narrow.row < rules.attempts ? 0 : rules.backoff * 2 ** Math.min(narrow.row - 1, 30) * (0.5 + jitter() / 2);
      const until = now + Math.min(rules.longestPause, after ?? backedOff);
      extend(narrow, until, status);
      if (wide.limited.size < repositoriesOfHost) wide.limited.add(repository);
      if (wide.limited.size >= repositoriesOfHost) extend(wide, until, status);
    },
    answered(asked) {
      hosts.get(hostKey(asked))?.limited.clear();
      const narrow = repositories.get(repositoryKey(asked));
      if (narrow !== undefined) narrow.row = 0;
    },
  };
}

function extend(spell: Spell, until: number, status: number): void {
  if (until <= spell.until) return;
  spell.until = until;
  spell.status = status;
}

function hostKey({ host, access }: Asked): string {
  return `${access} ${host}`;
}

function repositoryKey({ host, repository, access }: Asked): string {
  return `${access} ${host}/${repository}`;
}

import type { Mode } from '../domain/admission.ts';
import { anyGlob, type Glob } from '../domain/glob.ts';

export interface ModeSettings {
  readonly default: Mode;
  /** The first rule that matches the namespace wins. */
  readonly namespaces: readonly { readonly match: readonly string[]; readonly mode: Mode }[];
  /** What a workload that will create bad Pods gets. */
  readonly workloads: 'warn' | 'deny' | 'off';
}

export interface Modes {
  of(namespace: string): Mode;
  /** For a workload; null when workloads are not judged. */
  ofWorkload(namespace: string): Mode | null;
}

const mildness: Record<Mode, number> = { enforce: 0, warn: 1, observe: 2 };

export function createModes(settings: ModeSettings): Modes {
  const rules: readonly { matches: Glob; mode: Mode }[] = settings.namespaces.map(({ match, mode }) => ({ matches: anyGlob(match), mode }));
  const of = (namespace: string): Mode => rules.find(({ matches }) => matches(namespace))?.mode ?? settings.default;
  return {
    of,
    ofWorkload(namespace) {
      if (settings.workloads === 'off') return null;
      return milder(of(namespace), settings.workloads === 'deny' ? 'enforce' : 'warn');
    },
  };
}

function milder(a: Mode, b: Mode): Mode {
  return mildness[a] >= mildness[b] ? a : b;
}

/** What a decision comes to under a mode: the one place where a mode means anything. */
export function answerUnder(mode: Mode, decision: 'allow' | 'deny'): 'allow' | 'deny' {
  return mode === 'enforce' ? decision : 'allow';
}

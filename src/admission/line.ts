import type { AdmissionAnswer, AdmissionRequest, Mode } from '../domain/admission.ts';
import type { Comparison } from '../domain/candidate.ts';
import type { Deadline } from '../domain/deadline.ts';
import type { Answered, Decision, DecisionRules, Judgement, Policies } from '../domain/decision.ts';
import type { Gatherer, JudgedImage } from '../domain/evidence.ts';
import type { Exception, Exceptions } from '../domain/exception.ts';
import type { RecordKeeper } from '../domain/record.ts';
import type { Resolver } from '../domain/resolved.ts';
import type { RightsFinder } from '../domain/rights.ts';
import type { ContainerImage, Workload } from '../domain/workload.ts';
import type { Modes } from './mode.ts';

/** All that the line needs of the world. */
export interface LineParts {
  /** null: every image is read with the right of the configuration alone. */
  readonly rights: RightsFinder | null;
  readonly resolver: Resolver;
  readonly gatherer: Gatherer;
  readonly policies: Policies;
  readonly rules: DecisionRules;
  readonly exceptions: Exceptions;
  readonly modes: Modes;
  readonly keeper: RecordKeeper;
  /** Whether a request is refused (in enforce) when its record can't be kept. */
  readonly recordRequired: boolean;
  readonly configRevision: string;
  /** Milliseconds since the epoch. */
  readonly clock: () => number;
  /** Milliseconds since some moment, with fractions: for durations. */
  readonly timer: () => number;
  readonly newId: () => string;
  readonly observe: (event: LineEvent) => void;
  /** Told what the candidate policies made of a decision, after its answer. */
  readonly compared?: (event: ComparedEvent) => void;
  /** Told of what should never happen; for the log. */
  readonly unexpected: (error: unknown) => void;
  /** The platforms that matter: those of the nodes, or of the configuration. */
  readonly platforms: () => readonly string[];
  readonly namespaceLabels: (namespace: string) => Readonly<Record<string, string>> | null;
}

/** What happened to one request, for counting. */
export interface LineEvent {
  readonly route: 'mutate' | 'validate';
  readonly request: AdmissionRequest;
  readonly outcome: 'skipped' | 'patched' | 'unchanged' | 'allow' | 'deny';
  readonly answered: 'allow' | 'deny';
  readonly mode: Mode | null;
  readonly timings: Readonly<Record<string, number>>;
  readonly images: readonly JudgedImage[];
  /** Those that were used. */
  readonly exceptions: readonly Exception[];
}

/** What the candidate policies would have decided; `comparison` null: they were not asked, since too much waits for them. */
export interface ComparedEvent {
  readonly inForce: 'allow' | 'deny';
  readonly comparison: Comparison | null;
  /** Id of the record of the decision in force. */
  readonly record: string;
}

/** The outcome of judging, before a mode is applied and an answer is made. */
export interface Judged {
  /** Milliseconds since the epoch: the time it was judged for. */
  readonly now: number;
  /** The controlling owner the object names. */
  readonly owner: Workload['owner'];
  readonly images: readonly JudgedImage[];
  /** null when the policies were not asked. */
  readonly judgement: Judgement | null;
  readonly decision: Decision;
  /** Lets the candidate policies judge the same; null where there is nothing to compare with. */
  readonly compare: (() => Promise<Comparison | null>) | null;
  /** Those that dropped a finding or took one out of the count. */
  readonly exceptions: readonly Exception[];
  readonly timings: Readonly<Record<string, number>>;
}

export interface Line {
  mutate(request: AdmissionRequest, deadline: Deadline): Promise<AdmissionAnswer>;
  validate(request: AdmissionRequest, deadline: Deadline): Promise<AdmissionAnswer>;
  /** Judges an object as /mutate and then /validate would, without answering or recording. Null: nothing in it is judged. */
  check(request: AdmissionRequest, deadline: Deadline): Promise<(Judged & Answered) | null>;
  /** All that is known of one image, placed as /mutate would place it. */
  examine(image: ContainerImage, deadline: Deadline): Promise<JudgedImage>;
}

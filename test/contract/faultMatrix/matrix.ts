/** What a source can do wrong, and what a cell of the matrix is. */
import type { PublishedImage } from '../../fakes/publish.ts';

/** Every fault, in words that follow "a source that". */
export const faults = {
  down: 'is down',
  slow: 'answers later than the deadline',
  401: 'answers 401',
  403: 'answers 403',
  404: 'answers 404',
  429: 'answers 429',
  500: 'answers 500',
  reset: 'breaks off within the body',
  garbage: 'answers with garbage',
  other: 'answers with other content than it was asked for',
  endless: 'has pages without an end',
  junk: 'has thousands of entries that are junk',
  huge: 'answers without an end',
  loop: 'redirects in a circle',
  inward: 'redirects to an internal address',
  expired: 'shows an expired certificate',
} as const;
export type Fault = keyof typeof faults;

/** One image that nobody has looked at, and what is needed to judge it. */
export interface Cell {
  readonly image: PublishedImage;
  /** What is done ahead of need, after something went wrong and before anybody asks. */
  prepare?(): Promise<unknown>;
  /** Judges it once; `saw` is what the policies were told of it, in a few words. */
  judge(deadline: number): Promise<Judged>;
  close(): Promise<void> | void;
}

export interface Judged {
  readonly answer: 'allowed' | 'denied';
  readonly saw: string;
  readonly message: string;
  /** All that came out: answer, record, policy input. */
  readonly shown: string;
}

/** Does one thing wrong, and gives what ends it. */
export type Strike = (image: PublishedImage) => Promise<() => unknown> | (() => unknown);

export interface Scene {
  /** Where what is done is better said in other words. */
  readonly words?: Partial<Record<Fault, string>>;
  /** Milliseconds for every judgement, where the source is none that anybody waits for. */
  readonly deadline?: number;
  /** For each fault how it is done, or why it does not arise. */
  readonly strikes: Readonly<Record<Fault, Strike | string>>;
  cell(): Promise<Cell>;
  /** After a fault is over: lets the time pass that a source is left alone for. */
  recover?(): void;
  close(): Promise<void>;
}

export interface Result extends Omit<Judged, 'shown'> {
  readonly milliseconds: number;
  readonly recovered: boolean;
}

/** Milliseconds that a judgement may take; short where a source that is too slow is to be seen. */
export const deadlineOf = (fault: Fault): number => (fault === 'slow' ? 800 : 10_000);
const patience = 15_000;

/** What a source that does no wrong comes to: everything is loaded by then, and the row can fail. */
export async function runHonest(scene: Scene): Promise<Judged> {
  const cell = await scene.cell();
  try {
    return await cell.judge(30_000);
  } finally {
    await cell.close();
  }
}

/** Strikes, judges, ends the fault, and judges again until it is as if nothing had been. */
export async function runCell(scene: Scene, fault: Fault, strike: Strike): Promise<Result & { readonly shown: string }> {
  const cell = await scene.cell();
  try {
    const undo = await strike(cell.image);
    await cell.prepare?.();
    const began = performance.now();
    const judged = await cell.judge(scene.deadline ?? deadlineOf(fault));
    const milliseconds = performance.now() - began;
    await undo();
    return { ...judged, milliseconds, recovered: await admittedSoon(scene, cell) };
  } finally {
    await cell.close();
  }
}

async function admittedSoon(scene: Scene, cell: Cell): Promise<boolean> {
  const until = performance.now() + patience;
  while (performance.now() < until) {
    scene.recover?.();
    const { answer, saw } = await cell.judge(2_000);
    if (answer === 'allowed' && !saw.includes('store')) return true;
    await new Promise((resolve) => setTimeout(resolve, 20));
  }
  return false;
}

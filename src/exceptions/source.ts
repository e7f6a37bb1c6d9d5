import type { Held } from './held.ts';

/** Somewhere that exceptions come from. */
export interface ExceptionSource {
  readonly held: readonly Held[];
  /** Why what is held may not be what is there now; null when it is. */
  readonly stale: string | null;
  onChange(listener: () => void): void;
  close(): void;
}

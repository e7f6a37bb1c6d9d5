import { file } from './file.ts';
import type { SinkKind } from './kind.ts';
import { stdout } from './stdout.ts';

export type { Sink, SinkKind } from './kind.ts';

/** Every kind of place that records can be sent to. A new one is a new file here and a line below. */
export const sinkKinds = { stdout, file } satisfies Record<string, SinkKind>;

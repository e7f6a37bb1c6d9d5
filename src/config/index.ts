export { type ConfigFault, formatConfigFault } from './fault.ts';
export { configJsonSchema } from './jsonSchema.ts';
export { type LoadedConfig, type LoadOutcome, loadConfig } from './load.ts';
export type { Settings } from './schema/index.ts';
export { type ConfigWatch, watchConfig } from './watch.ts';

import type { HostBuiltin } from './builtin.ts';
import { objectBuiltins } from './objects.ts';
import { semverBuiltins } from './semver.ts';
import { stringBuiltins } from './strings.ts';
import { timeBuiltins } from './time.ts';
import { unitBuiltins } from './units.ts';

/** Every builtin that Wasm asks the host for and gets. A new one is a line here; the capabilities follow. */
export const hostBuiltins: Readonly<Record<string, HostBuiltin>> = {
  ...stringBuiltins,
  ...objectBuiltins,
  ...semverBuiltins,
  ...timeBuiltins,
  ...unitBuiltins,
};

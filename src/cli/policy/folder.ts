import { stat } from 'node:fs/promises';
import { dirname, resolve } from 'node:path';
import type { Fault, Outcome } from '../../domain/fault.ts';
import { safeText } from '../../domain/text.ts';
import { findOpa } from '../../policy/index.ts';
import { complain, exitCodes, type Io } from '../io.ts';

/** opa never takes this long; what hangs is ended. Milliseconds. */
export const longestRun = 300_000;

/** A folder of policies, and opa to look into it. */
export interface PolicyFolder {
  readonly path: string;
  readonly opa: string;
}

/** Says on stderr why a folder can't be looked into. */
export async function openFolder(io: Io, directory: string): Promise<PolicyFolder | null> {
  const path = resolve(io.cwd, directory);
  const found = await stat(path).catch(() => null);
  if (!found?.isDirectory()) {
    const name = safeText(directory, 300);
    complain(io, found === null ? `there is no folder ${name}` : `${name} is a file; give the folder it is in: ${safeText(dirname(directory), 300)}`);
    return null;
  }
  const opa: Outcome<string> = await findOpa(io.env);
  if (opa.ok) return { path, opa: opa.value };
  complain(io, opa.fault);
  return null;
}

/** Policies that are broken were looked at; anything else that stands in the way was not the policies' doing. */
export function giveUp(io: Io, fault: Fault): number {
  complain(io, fault);
  return fault.code === 'POLICY_BROKEN' ? exitCodes.wrong : exitCodes.unable;
}

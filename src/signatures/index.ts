import { cosignKey } from './cosignKey.ts';
import type { SignerKind } from './signer.ts';

/** Every kind of signer. A new one is a new file here and a line below. */
export const signerKinds = { 'cosign-key': cosignKey } satisfies Record<string, SignerKind>;

export { createLayouts, type LayoutLimits } from './layouts.ts';
export type { Signer, SignerKind } from './signer.ts';

import { cosignKey } from './cosignKey.ts';
import { cosignKeyless } from './cosignKeyless.ts';
import { notation } from './notation.ts';
import type { SignerKind } from './signer.ts';

/** Every kind of signer. A new one is a new file here and a line below. */
export const signerKinds = { 'cosign-key': cosignKey, 'cosign-keyless': cosignKeyless, notation } satisfies Record<string, SignerKind>;

export { createLayouts, type LayoutLimits } from './layouts.ts';
export { createProving, type Proving } from './proving/thread.ts';
export type { Signer, SignerKind, SignerParts } from './signer.ts';
export { createTrustRoots, type TrustRoots } from './trustRoots/index.ts';

import { bad, type Fault, good, type Outcome, publicFault } from '../domain/fault.ts';
import { type OpenedBundle, openBundle } from './bundle.ts';
import type { BundleChecks } from './bundleSignature.ts';
import { type KeptBundle, readKeptBundle, writeKeptBundle } from './keptBundle.ts';
import type { BundleOrigin, FetchOutcome, FollowStatus } from './origin.ts';
import type { FollowedBundle } from './source.ts';

export interface FollowOptions {
  readonly origin: BundleOrigin;
  readonly checks: BundleChecks;
  /** Milliseconds between looks, give or take a tenth, so that replicas do not come all at once. */
  readonly every: number;
  /** Whether a bundle may be older than the one in force. */
  readonly allowOlder: boolean;
  /** Folder for the last good bundle; null: it is not kept. */
  readonly folder: string | null;
  readonly log: (level: 'info' | 'warn' | 'error', message: string, details?: Readonly<Record<string, unknown>>) => void;
  /** Milliseconds since the epoch. */
  clock(): number;
  /** Told after each look. */
  looked?(outcome: FetchOutcome): void;
  /** Told when there is another bundle to load. */
  changed(): void;
}

/** Milliseconds that one look may take. */
const longestLook = 30_000;

/** Follows a bundle at its origin. What can't be fetched or is not what it must be changes nothing. */
export class BundleFollower implements FollowedBundle {
  readonly #options: FollowOptions;
  readonly #stopped = new AbortController();
  #accepted: { readonly bundle: OpenedBundle; readonly bytes: Uint8Array; readonly version: string | null } | null = null;
  /** What is in force; its age is what others are held to. */
  #inForce: OpenedBundle | null = null;
  /** The version that was looked at last, accepted or not. */
  #seen: string | null = null;
  #fault: Fault | null = null;
  #told: string | null = null;
  #confirmedAt: number | null = null;
  #timer: NodeJS.Timeout | null = null;
  #looking: Promise<void> | null = null;

  constructor(options: FollowOptions) {
    this.#options = options;
  }

  get name(): string {
    return this.#options.origin.name;
  }

  current(): Outcome<OpenedBundle> {
    if (this.#accepted !== null) return good(this.#accepted.bundle);
    return this.#fault === null ? bad('POLICY_BROKEN', 'the policy bundle was not fetched yet') : { ok: false, fault: this.#fault };
  }

  status(): FollowStatus {
    return {
      origin: this.name,
      digest: this.#accepted?.bundle.digest ?? null,
      version: this.#accepted?.version ?? null,
      confirmedAt: this.#confirmedAt,
      fault: this.#fault,
    };
  }

  /** Takes up what was kept on disk, as long as it is still what it must be. */
  async recall(): Promise<void> {
    const { checks, folder, log, origin } = this.#options;
    const kept = folder === null ? null : await readKeptBundle(folder, origin);
    if (kept === null) return;
    const opened = await openBundle(kept.bytes, checks);
    if (!opened.ok) {
      log('warn', 'the policy bundle that was kept on disk is no longer used', { origin: origin.name, fault: publicFault(opened.fault) });
      return;
    }
    this.#accepted = { bundle: opened.value, bytes: kept.bytes, version: kept.version };
    this.#seen = kept.version;
    this.#confirmedAt = kept.confirmedAt;
  }

  /** Looks once, then again and again. */
  async begin(): Promise<void> {
    await this.look();
    this.#schedule();
  }

  /** Looks at the origin. Never rejects. */
  look(): Promise<void> {
    this.#looking ??= this.#look()
      .catch((cause: unknown) => this.#fail(bad('POLICY_BROKEN', 'fetching the policy bundle failed for an unexpected reason', { cause }).fault))
      .finally(() => {
        this.#looking = null;
      });
    return this.#looking;
  }

  async adopted(digest: string): Promise<void> {
    const accepted = this.#accepted;
    if (accepted?.bundle.digest !== digest) return;
    this.#inForce = accepted.bundle;
    await this.#keep({ bytes: accepted.bytes, version: accepted.version, confirmedAt: this.#confirmedAt ?? this.#options.clock() });
  }

  /** Looks no more. */
  freeze(): void {
    this.#stopped.abort();
    if (this.#timer !== null) clearTimeout(this.#timer);
  }

  async close(): Promise<void> {
    this.freeze();
    await this.#looking;
  }

  #schedule(): void {
    if (this.#stopped.signal.aborted) return;
    this.#timer = setTimeout(() => void this.look().then(() => this.#schedule()), this.#options.every * (0.9 + Math.random() / 5));
    this.#timer.unref();
  }

  async #look(): Promise<void> {
    const { clock, origin } = this.#options;
    const signal = AbortSignal.any([this.#stopped.signal, AbortSignal.timeout(longestLook)]);
    const fetched = await origin.fetch(this.#seen, signal);
    if (this.#stopped.signal.aborted) return;
    if (!fetched.ok) return this.#fail(fetched.fault);
    if (fetched.value === 'unchanged') {
      // What was refused is refused still.
      if (this.#seen === this.#accepted?.version) await this.#confirm();
      this.#options.looked?.(this.#fault === null ? 'unchanged' : 'refused');
      return;
    }
    const { bytes, version } = fetched.value;
    const opened = await openBundle(bytes, this.#options.checks);
    const fault = opened.ok ? this.#faultOfAge(opened.value) : opened.fault;
    if (!opened.ok || fault !== null) {
      this.#seen = version;
      return this.#fail(fault ?? bad('POLICY_BROKEN', 'the policy bundle can not be opened').fault);
    }
    this.#seen = version;
    const isNew = opened.value.digest !== this.#accepted?.bundle.digest;
    if (isNew) {
      this.#accepted = { bundle: opened.value, bytes, version };
      this.#confirmedAt = clock();
      this.#recover();
      this.#options.log('info', 'a policy bundle was fetched', { origin: origin.name, version, digest: opened.value.digest });
      this.#options.changed();
    } else {
      if (this.#accepted !== null) this.#accepted = { ...this.#accepted, version };
      await this.#confirm();
    }
    this.#options.looked?.(isNew ? 'new' : 'unchanged');
  }

  /** Whoever can answer in the origin's place could bring back an old bundle, with holes that are long mended. */
  #faultOfAge({ built, digest }: OpenedBundle): Fault | null {
    const inForce = this.#inForce ?? this.#accepted?.bundle ?? null;
    if (this.#options.allowOlder || this.#options.origin.pinned || inForce === null || inForce.built === null || inForce.digest === digest) return null;
    if (built !== null && built >= inForce.built) return null;
    const age = built === null ? 'does not say when it was made' : `was made at ${new Date(built).toISOString()}`;
    const why = `it ${age}, and the one in force at ${new Date(inForce.built).toISOString()}: name it by digest, or set policy.allowOlder, to go back`;
    return bad('SIGNATURE_INVALID', `the policy bundle is refused: ${why}`).fault;
  }

  async #confirm(): Promise<void> {
    this.#confirmedAt = this.#options.clock();
    this.#recover();
    const accepted = this.#accepted;
    if (accepted === null || this.#inForce?.digest !== accepted.bundle.digest) return;
    await this.#keep({ bytes: accepted.bytes, version: accepted.version, confirmedAt: this.#confirmedAt });
  }

  #recover(): void {
    if (this.#fault !== null && this.#told !== null) this.#options.log('info', 'policy bundles can be fetched again', { origin: this.name });
    this.#fault = null;
    this.#told = null;
  }

  #fail(fault: Fault): void {
    const { changed, log, looked } = this.#options;
    const before = this.#fault;
    this.#fault = fault;
    if (this.#told !== fault.message) {
      this.#told = fault.message;
      const kept = this.#accepted === null ? 'there is none to fall back on' : 'the last good one stays';
      log('error', `the policy bundle can not be had; ${kept}`, { origin: this.name, fault: publicFault(fault) });
    }
    looked?.(refusals.has(fault.code) ? 'refused' : 'failed');
    // Where nothing is in force, the reason is what people read.
    if (this.#accepted === null && before?.message !== fault.message) changed();
  }

  async #keep(kept: KeptBundle): Promise<void> {
    const { folder, log, origin } = this.#options;
    if (folder === null) return;
    const written = await writeKeptBundle(folder, origin, kept);
    if (!written.ok)
      log('warn', 'the policy bundle can not be kept on disk: a start without a network would have no policies', { fault: publicFault(written.fault) });
  }
}

const refusals: ReadonlySet<string> = new Set(['SIGNATURE_INVALID', 'SIGNER_MISMATCH', 'POLICY_BROKEN', 'MANIFEST_INVALID']);

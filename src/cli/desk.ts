import type { LoadedConfig } from '../config/index.ts';
import { loadConfig } from '../config/index.ts';
import type { AdmissionRequest, Mode } from '../domain/admission.ts';
import type { AuditProof, ProofRequest } from '../domain/auditProof.ts';
import type { HoldKeeper, RecordReader } from '../domain/auditReader.ts';
import type { WeighedFinding } from '../domain/decision.ts';
import type { JudgedImage } from '../domain/evidence.ts';
import type { Exception } from '../domain/exception.ts';
import type { Outcome } from '../domain/fault.ts';
import type { Log } from '../domain/log.ts';
import { complain, complainAboutConfig, type Io } from './io.ts';
import { createLog } from './log.ts';

/** What the commands need of the program, put together from a configuration. */
export interface App {
  /** Judges an object as the webhook would, without an answer or a record. Null: it is left to its owner, or to its Pods. */
  check(request: AdmissionRequest): Promise<Outcome<Checked | null>>;
  /** Gathers all evidence about one image. */
  verify(image: string): Promise<Outcome<VerifiedImage>>;
  /** What the authors of the policies in force wrote of them; nothing before something was judged. */
  rules(): Promise<readonly PolicyText[]>;
  serve(): Promise<Outcome<Running>>;
  /** Opens the audit log for reading, whichever store it is in. Faults: CONFIG_INVALID, AUDIT_UNAVAILABLE. */
  audit(): Promise<Outcome<RecordReader>>;
  /** Opens what keeps records from being removed. Faults: CONFIG_INVALID, AUDIT_UNAVAILABLE. */
  holds(): Promise<Outcome<HoldKeeper>>;
  /** Builds what a decision needs, and says whether it can be used: nobody is asked, and nothing is left running. */
  probe(): Promise<Outcome<null>>;
  readonly proof: ProofDesk;
  close(): Promise<void>;
}

/** What proves the audit log. */
export interface ProofDesk {
  verify(request: ProofRequest): Promise<Outcome<AuditProof>>;
  /** The public key that checkpoints are verified with. */
  key(): Promise<Outcome<PublicAuditKey>>;
  /** Makes another key, which the one before introduces when the program starts next. */
  rotate(): Promise<Outcome<PublicAuditKey>>;
}

export interface PublicAuditKey {
  /** Hex SHA-256 of its DER form. */
  readonly id: string;
  readonly pem: string;
  /** Id of the key before it, while that is kept. */
  readonly previous: string | null;
}

/** What a policy says of itself. */
export interface PolicyText {
  readonly name: string;
  readonly title: string | null;
  readonly description: string | null;
  readonly remediation: string | null;
}

export interface Checked {
  readonly request: AdmissionRequest;
  readonly images: readonly JudgedImage[];
  readonly decision: 'allow' | 'deny';
  readonly answered: 'allow' | 'deny';
  readonly mode: Mode;
  readonly findings: readonly WeighedFinding[];
  /** Those that dropped a finding or took one out of the count. */
  readonly exceptions: readonly Exception[];
  /** What a denial would tell whoever asked. */
  readonly message: string;
  /** The document that policies saw, JSON text; null where they were not asked. */
  readonly input: string | null;
}

export interface VerifiedImage {
  readonly image: JudgedImage;
  /** Where evidence was looked for, and what came of it. */
  readonly looked: readonly { readonly stage: string; readonly source: string; readonly where: string; readonly outcome: string }[];
}

/** A webhook that answers. */
export interface Running {
  readonly admission: { readonly host: string; readonly port: number };
  readonly ops: { readonly host: string; readonly port: number } | null;
  readonly about: {
    /** Where records go. */
    readonly records: string;
    /** Names of the policies in force. */
    readonly policies: readonly string[];
    /** Path segment that callers must know; never logged. */
    readonly pathSecret: string | null;
    /** PEM of the CA that issued the serving certificate, where it is ours. */
    readonly ca: string | null;
  };
  /** Finishes what has begun, then ends. */
  stop(): Promise<void>;
}

export interface AppParts {
  readonly log: Log;
  /** Where records of the stdout sink go. */
  readonly stdout: NodeJS.WritableStream;
}

/** The rest of the program, as far as commands start it. */
export interface ProgramParts {
  createApp(config: LoadedConfig, parts: AppParts): Promise<Outcome<App>>;
  /** Where the signals of the process arrive. */
  readonly signals: {
    on(signal: NodeJS.Signals, listener: () => void): unknown;
    off(signal: NodeJS.Signals, listener: () => void): unknown;
  };
}

export interface Desk {
  readonly app: App;
  readonly config: LoadedConfig;
}

/** Opens the program for one command at the desk, or says on stderr why it can't. */
export async function openDesk(
  io: Io,
  parts: ProgramParts,
  options: { readonly config?: string },
  log: Log = createLog(io, 'text', 'warn'),
  adapt: (config: LoadedConfig) => LoadedConfig = (config) => config,
): Promise<Desk | null> {
  const loaded = await loadConfig({ ...(options.config === undefined ? {} : { file: options.config }), env: io.env, cwd: io.cwd });
  if (!loaded.ok) {
    complainAboutConfig(io, loaded.faults);
    return null;
  }
  const config = adapt(loaded.config);
  const app = await parts.createApp(config, { log, stdout: io.stdout });
  if (!app.ok) {
    complain(io, app.fault);
    return null;
  }
  return { app: app.value, config };
}

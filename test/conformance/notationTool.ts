import { spawn } from 'node:child_process';
import { createInterface } from 'node:readline';
import { z } from 'zod';
import { installTool } from '../../tools/install.ts';
import { chainPem, type Issued } from '../fakes/notation/authority.ts';

/** What a signature is about, as the library takes it. */
export interface GoTarget {
  readonly mediaType: string;
  readonly digest: string;
  readonly size: number;
  readonly annotations?: Readonly<Record<string, string>>;
}

export interface GoSign {
  readonly scheme?: string;
  readonly expiry?: Date;
  readonly signingTime?: Date;
  readonly agent?: string;
  readonly tsa?: string;
  readonly tsaRoots?: string;
}

export interface GoTrust {
  /** PEM. */
  readonly store: string;
  readonly storeType?: string;
  readonly identities?: readonly string[];
  readonly level?: string;
  readonly override?: Readonly<Record<string, string>>;
  readonly verifyTimestamp?: string;
  readonly tsaRoots?: string;
}

const answers = z.object({ envelope: z.string().optional(), error: z.string(), logged: z.array(z.string()).optional() });
type Answer = z.infer<typeof answers>;

/** The Notary Project's own library, in a process of its own. */
export interface GoNotation {
  /** Rejects with the library's own reason. */
  sign(format: string, leaf: Issued, target: GoTarget, more?: GoSign): Promise<Buffer>;
  /** Why the library refuses, null when it does not; and which checks failed without consequence. */
  verify(format: string, envelope: Buffer, target: GoTarget, trust: GoTrust): Promise<{ readonly refused: string | null; readonly logged: readonly string[] }>;
  /** Attaches a signature as the `notation` command does. */
  push(repository: string, format: string, envelope: Buffer, target: GoTarget): Promise<void>;
  close(): void;
}

export async function startNotation(): Promise<GoNotation> {
  const child = spawn(await installTool('notation-sign'), [], { stdio: ['pipe', 'pipe', 'inherit'] });
  const waiting: ((answer: Answer) => void)[] = [];
  createInterface({ input: child.stdout }).on('line', (line) => waiting.shift()?.(answers.parse(JSON.parse(line))));
  const ask = (request: object): Promise<Answer> =>
    new Promise((resolve) => {
      waiting.push(resolve);
      child.stdin.write(`${JSON.stringify(request)}\n`);
    });
  const expectNone = ({ error, ...rest }: Answer): Omit<Answer, 'error'> => {
    if (error !== '') throw new Error(error);
    return rest;
  };
  return {
    async sign(format, leaf, target, more = {}) {
      const request = { do: 'sign', format, target, key: leaf.privatePem, chain: chainPem(leaf), scheme: 'notary.x509', ...more };
      return Buffer.from(expectNone(await ask(request)).envelope ?? '', 'base64');
    },
    async verify(format, envelope, target, trust) {
      const request = { do: 'verify', format, target, envelope: envelope.toString('base64'), storeType: 'ca', identities: ['*'], level: 'strict', ...trust };
      const { error, logged = [] } = await ask(request);
      return { refused: error === '' ? null : error, logged };
    },
    async push(repository, format, envelope, target) {
      expectNone(await ask({ do: 'push', repository, format, target, envelope: envelope.toString('base64') }));
    },
    close: () => {
      child.kill();
    },
  };
}

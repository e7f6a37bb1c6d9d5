import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { z } from 'zod';
import { startChild } from './child.ts';
import { waitFor } from './wait.ts';

export interface WebhookProcess {
  readonly address: { readonly host: string; readonly port: number };
  /** `http://127.0.0.1:PORT`. */
  readonly ops: string;
  /** All that it wrote, log and records. */
  output(): string;
  /** Asks it to end. Rejects when it has not ended by itself, and well, within five seconds. */
  stop(): Promise<void>;
}

const listener = z.object({ host: z.string(), port: z.number() });
const serving = z.object({ admission: listener, ops: listener });

/** Starts the webhook itself, as its image does, and waits until it says that it is ready. Its end is in the error if it does not get there. */
export async function startWebhookProcess(config: string, logFile: string): Promise<WebhookProcess> {
  const started = startedBefore(logFile);
  const child = startChild(process.execPath, [join(import.meta.dirname, '..', '..', 'src', 'main.ts'), 'serve', '--config', config], logFile);
  const output = (): string => readFileSync(logFile, 'utf8').slice(started);
  let ended: number | string | null = null;
  void child.ended.then((code) => {
    ended = code;
  });
  const alive = <T>(value: T | null): T | null => {
    if (value === null && ended !== null) throw new Error(`the webhook ended with ${ended}`);
    return value;
  };
  try {
    const { admission, ops } = await waitFor('the webhook to listen', async () => alive(findServing(output())), 30_000);
    const url = `http://${ops.host}:${ops.port}`;
    await waitFor('/readyz of the webhook', async () => alive((await fetch(`${url}/readyz`)).ok ? true : null), 30_000);
    const stop = async (): Promise<void> => {
      await child.stop();
      if ((await child.ended) !== 0) throw new Error(`the webhook ended with ${await child.ended}:\n${child.tail()}`);
    };
    return { address: admission, ops: url, output, stop };
  } catch (error) {
    await child.stop();
    throw new Error(`${error instanceof Error ? error.message : 'the webhook did not start'}:\n${child.tail()}`);
  }
}

function startedBefore(logFile: string): number {
  try {
    return readFileSync(logFile, 'utf8').length;
  } catch {
    return 0;
  }
}

function findServing(output: string): z.infer<typeof serving> | null {
  for (const line of output.split('\n').slice(0, -1)) {
    const parsed = line.startsWith('{') ? serving.safeParse(JSON.parse(line)) : null;
    if (parsed?.success === true) return parsed.data;
  }
  return null;
}

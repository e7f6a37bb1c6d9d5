import { readFileSync } from 'node:fs';
import { join } from 'node:path';

export const root = join(import.meta.dirname, '../../..');

export interface Copy {
  /** The stage it is copied from; null for the build context. */
  readonly from: string | null;
  readonly sources: readonly string[];
  readonly destination: string;
}

export interface Stage {
  readonly name: string | null;
  readonly image: string;
  readonly copies: readonly Copy[];
  readonly env: Readonly<Record<string, string>>;
  readonly entrypoint: readonly string[];
  readonly user: string | null;
}

export interface Dockerfile {
  readonly args: Readonly<Record<string, string>>;
  readonly stages: readonly Stage[];
}

/** Reads the instructions that our own Dockerfile uses; any other form is an error. */
export function readDockerfile(): Dockerfile {
  const args: Record<string, string> = {};
  const stages: { name: string | null; image: string; copies: Copy[]; env: Record<string, string>; entrypoint: string[]; user: string | null }[] = [];
  for (const line of readFileSync(join(root, 'Dockerfile'), 'utf8').split('\n')) {
    const [instruction = '', ...words] = line.trim().split(/\s+/);
    const stage = stages.at(-1);
    if (instruction === '' || instruction.startsWith('#')) continue;
    if (instruction === 'FROM') {
      stages.push({ image: words[0] ?? '', name: words[1] === 'AS' ? (words[2] ?? null) : null, copies: [], env: {}, entrypoint: [], user: null });
    } else if (stage === undefined) {
      if (instruction !== 'ARG') throw new Error(`${instruction} before the first stage`);
      const [name = '', value = ''] = (words[0] ?? '').split('=');
      args[name] = value;
    } else if (instruction === 'COPY') {
      const from = words[0]?.startsWith('--from=') ? (words.shift() ?? '').slice('--from='.length) : null;
      stage.copies.push({ from, sources: words.slice(0, -1), destination: words.at(-1) ?? '' });
    } else if (instruction === 'ENV') {
      for (const word of words) stage.env[word.slice(0, word.indexOf('='))] = word.slice(word.indexOf('=') + 1);
    } else if (instruction === 'ENTRYPOINT') {
      stage.entrypoint = JSON.parse(words.join(' '));
    } else if (instruction === 'USER') {
      stage.user = words[0] ?? null;
    }
  }
  return { args, stages };
}

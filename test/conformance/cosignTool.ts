import { execFile } from 'node:child_process';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { installTool } from '../../tools/install.ts';
import type { KeyPair } from '../fakes/publish.ts';

export type Form = 'legacy' | 'bundle';

export interface Cosign {
  sign(reference: string, key: KeyPair, form: Form, annotations?: Readonly<Record<string, string>>): Promise<void>;
  attest(reference: string, key: KeyPair, form: Form, type: string, predicate: unknown): Promise<void>;
  /** Whether cosign accepts. */
  verify(reference: string, key: KeyPair, form: Form, more?: readonly string[]): Promise<boolean>;
  verifyAttestation(reference: string, key: KeyPair, form: Form, type: string): Promise<boolean>;
  close(): void;
}

const hashes: Readonly<Record<string, string>> = { p384: 'sha384', p521: 'sha512' };

/** The real cosign, offline, against a registry on the loopback interface. */
export async function startCosign(): Promise<Cosign> {
  const binary = await installTool('cosign');
  const folder = mkdtempSync(join(tmpdir(), 'cosign-'));
  const imported = new Map<KeyPair, Promise<string>>();
  let files = 0;

  const run = (args: readonly string[]): Promise<boolean> =>
    new Promise((resolve) => {
      const env = { PATH: process.env['PATH'] ?? '', HOME: folder, COSIGN_PASSWORD: '' };
      execFile(binary, [...args], { cwd: folder, env, timeout: 30_000 }, (error) => resolve(error === null));
    });
  const must = async (args: readonly string[]): Promise<void> => {
    if (!(await run(args))) throw new Error(`cosign ${args.join(' ')} was refused`);
  };
  const write = (content: string): string => {
    files += 1;
    const file = join(folder, `file-${files}`);
    writeFileSync(file, content);
    return file;
  };
  const importKey = async (key: KeyPair): Promise<string> => {
    const prefix = write('');
    await must(['import-key-pair', '--key', write(key.privatePem), '--output-key-prefix', prefix, '--yes']);
    return `${prefix}.key`;
  };
  const privateKey = (key: KeyPair): Promise<string> => {
    const file = imported.get(key) ?? importKey(key);
    imported.set(key, file);
    return file;
  };
  const format = (form: Form): string[] => (form === 'legacy' ? ['--new-bundle-format=false'] : []);
  const making = (form: Form): string[] => [...format(form), '--use-signing-config=false', '--tlog-upload=false', '--allow-http-registry', '--yes'];
  const checking = (key: KeyPair, form: Form): string[] => [
    '--key',
    write(key.publicPem),
    ...format(form),
    '--insecure-ignore-tlog=true',
    '--allow-http-registry',
  ];
  const digestAlgorithm = (key: KeyPair): string[] => {
    const hash = hashes[key.kind];
    return hash === undefined ? [] : ['--signature-digest-algorithm', hash];
  };

  return {
    async sign(reference, key, form, annotations = {}) {
      const signed = Object.entries(annotations).flatMap(([name, value]) => ['-a', `${name}=${value}`]);
      await must(['sign', '--key', await privateKey(key), ...making(form), ...signed, reference]);
    },
    async attest(reference, key, form, type, predicate) {
      await must(['attest', '--key', await privateKey(key), ...making(form), '--type', type, '--predicate', write(JSON.stringify(predicate)), reference]);
    },
    verify: (reference, key, form, more = digestAlgorithm(key)) => run(['verify', ...checking(key, form), ...more, reference]),
    verifyAttestation: (reference, key, form, type) => run(['verify-attestation', ...checking(key, form), '--type', type, reference]),
    close: () => rmSync(folder, { recursive: true, force: true }),
  };
}

import { execFile } from 'node:child_process';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { installTool } from '../../../tools/install.ts';
import type { ServedSigstore } from './server.ts';

/** Which services cosign uses: Rekor v1 alone, with timestamps, or Rekor v2, that needs them. */
export type Services = 'v1' | 'v1+tsa' | 'v2+tsa';

export interface KeylessCosign {
  /** `legacy` knows no other services than `v1` and `v1+tsa`. */
  sign(reference: string, claims: Readonly<Record<string, string | boolean>>, layout: 'legacy' | 'bundle', services: Services): Promise<void>;
  attest(
    reference: string,
    claims: Readonly<Record<string, string | boolean>>,
    layout: 'legacy' | 'bundle',
    services: Services,
    predicate: unknown,
  ): Promise<void>;
  /** Whether cosign accepts. */
  verify(reference: string, who: readonly string[], layout: 'legacy' | 'bundle', more?: readonly string[]): Promise<boolean>;
  verifyAttestation(reference: string, who: readonly string[], layout: 'legacy' | 'bundle', more?: readonly string[]): Promise<boolean>;
  close(): void;
}

/** The real cosign, without a key, against a private Sigstore. */
export async function startKeylessCosign(sigstore: ServedSigstore, trustedRoot: string = sigstore.trustedRoot): Promise<KeylessCosign> {
  const binary = await installTool('cosign');
  const folder = mkdtempSync(join(tmpdir(), 'cosign-'));
  let files = 0;
  const write = (content: string): string => {
    files += 1;
    const file = join(folder, `file-${files}.json`);
    writeFileSync(file, content);
    return file;
  };
  const root = write(trustedRoot);
  const run = (args: readonly string[]): Promise<string | null> =>
    new Promise((resolve) => {
      const env = { PATH: process.env['PATH'] ?? '', HOME: folder, COSIGN_EXPERIMENTAL: '0' };
      execFile(binary, [...args], { cwd: folder, env, timeout: 60_000 }, (error, _, stderr) => resolve(error === null ? null : `${stderr}${error.message}`));
    });
  const must = async (args: readonly string[]): Promise<void> => {
    const refused = await run(args);
    if (refused !== null) throw new Error(`cosign ${args.join(' ')} was refused: ${refused}`);
  };
  const making = (claims: Readonly<Record<string, string | boolean>>, layout: 'legacy' | 'bundle', services: Services): string[] => {
    const common = ['--identity-token', sigstore.token(claims), '--trusted-root', root, '--allow-http-registry', '--yes'];
    const stamped = services !== 'v1';
    if (layout === 'bundle') return [...common, '--signing-config', write(sigstore.signingConfig(services === 'v2+tsa' ? 2 : 1, stamped))];
    const stamps = stamped ? ['--timestamp-server-url', `${sigstore.url}/api/v1/timestamp`] : [];
    return [...common, '--new-bundle-format=false', '--use-signing-config=false', ...['--fulcio-url', sigstore.url, '--rekor-url', sigstore.url], ...stamps];
  };
  const checking = (who: readonly string[], layout: 'legacy' | 'bundle'): string[] => [
    ...who,
    ...['--trusted-root', root, '--allow-http-registry'],
    ...(layout === 'legacy' ? ['--new-bundle-format=false'] : []),
  ];
  return {
    sign: (reference, claims, layout, services) => must(['sign', ...making(claims, layout, services), reference]),
    attest: (reference, claims, layout, services, predicate) =>
      must([
        'attest',
        ...making(claims, layout, services),
        '--type',
        'https://example.com/checked/v1',
        '--predicate',
        write(JSON.stringify(predicate)),
        reference,
      ]),
    verify: async (reference, who, layout, more = []) => (await run(['verify', ...checking(who, layout), ...more, reference])) === null,
    verifyAttestation: async (reference, who, layout, more = []) =>
      (await run(['verify-attestation', ...checking(who, layout), '--type', 'https://example.com/checked/v1', ...more, reference])) === null,
    close: () => rmSync(folder, { recursive: true, force: true }),
  };
}

import { execFile } from 'node:child_process';
import { cpSync, existsSync, mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { bundle } from '../../../tools/bundle.ts';
import { installTool, tools } from '../../../tools/install.ts';
import { startAws } from '../../fakes/cloud/aws.ts';
import { startGoogle } from '../../fakes/cloud/google.ts';
import { startRegistry } from '../../fakes/registry.ts';
import { type Copy, readDockerfile, root } from './dockerfile.ts';

const dockerfile = readDockerfile();
const final = dockerfile.stages.at(-1);
if (final === undefined) throw new Error('the Dockerfile has no stage');
/** Ends of file names that never reach the builder. */
const leftOut = readFileSync(join(root, '.dockerignore'), 'utf8')
  .split('\n')
  .flatMap((line) => (line.startsWith('**/*') ? [line.slice('**/*'.length)] : []));
const manifest = JSON.parse(readFileSync(join(root, 'package.json'), 'utf8'));

describe('the Dockerfile', () => {
  it('builds with the versions that the project itself uses', () => {
    expect(dockerfile.args['NODE_VERSION']).toBe(manifest.devDependencies.node);
    expect(dockerfile.args['OPA_VERSION']).toBe(tools.opa.version);
    expect(final.image).toContain(`nodejs${manifest.devDependencies.node.split('.')[0]}`);
  });

  it('lets nobody be root, and brings no shell and no package manager', () => {
    expect(final.image).toMatch(/distroless.*:nonroot$/);
    expect(final.user).toBe('65532:65532');
  });

  it('is given everything it copies from the build context', () => {
    const ignored = readFileSync(join(root, '.dockerignore'), 'utf8').split('\n');
    const sources = dockerfile.stages.flatMap(({ copies }) => copies.filter(({ from }) => from === null).flatMap((copy) => copy.sources));
    expect(sources.length).toBeGreaterThan(4);
    for (const source of sources) {
      expect(existsSync(join(root, source)), `${source} exists`).toBe(true);
      expect(ignored).toContain(`!${source}`);
    }
  });
});

describe('the files of the image, alone in an empty folder', () => {
  let folder: string;
  let built: string;

  beforeAll(async () => {
    folder = mkdtempSync(join(tmpdir(), 'image-'));
    built = mkdtempSync(join(tmpdir(), 'bundle-'));
    await bundle(built);
    for (const copy of final.copies) await place(copy);
  }, 300_000);

  afterAll(() => {
    rmSync(folder, { recursive: true, force: true });
    rmSync(built, { recursive: true, force: true });
  });

  /** Puts what one COPY line names where it says, the root being the folder. */
  async function place({ from, sources, destination }: Copy): Promise<void> {
    for (const source of sources) {
      const local = await locate(from, source);
      const intoFolder = destination.endsWith('/') && !source.endsWith('/');
      const target = join(folder, destination, intoFolder ? (source.split('/').at(-1) ?? '') : '');
      mkdirSync(dirname(target), { recursive: true });
      cpSync(local, target, { recursive: true, filter: (path) => from !== null || !leftOut.some((end) => path.endsWith(end)) });
    }
  }

  async function locate(from: string | null, source: string): Promise<string> {
    if (from === null) return join(root, source);
    if (from === 'bundle' && source === '/src/dist/') return built;
    if (from === 'opa' && source === '/out/opa') return installTool('opa');
    throw new Error(`the test does not know what COPY --from=${from} ${source} brings`);
  }

  /** Runs the entry point as the image would, with nothing of this machine in its environment. */
  const run = (...args: string[]) => runWith({}, ...args);

  function runWith(more: Readonly<Record<string, string>>, ...args: string[]): Promise<{ code: number; stdout: string; stderr: string }> {
    const [, ...entry] = final?.entrypoint ?? [];
    const own = Object.entries(final?.env ?? {}).map(([name, value]) => [name, value.startsWith('/') ? join(folder, value) : value]);
    const env = { ...Object.fromEntries(own), ...more };
    const cwd = join(folder, 'empty');
    mkdirSync(cwd, { recursive: true });
    return new Promise((resolve) => {
      execFile(process.execPath, [...entry.map((word) => join(folder, word)), ...args], { cwd, env, timeout: 60_000 }, (error, stdout, stderr) => {
        resolve({ code: error === null ? 0 : typeof error.code === 'number' ? error.code : -1, stdout, stderr });
      });
    });
  }

  it('are few: the bundles with their licences, the policies, opa', () => {
    const chunk = /^chunk-[0-9A-Z]{8}\.mjs(?:\.LEGAL\.txt)?$/;
    const top = readdirSync(join(folder, 'opt/tidewaiter'))
      .filter((name) => !chunk.test(name))
      .sort();
    expect(top).toEqual([
      'LICENSE',
      'THIRD_PARTY_LICENSES.txt',
      'audit-worker.mjs',
      'bin',
      'policies',
      'policy-worker.mjs',
      'proving-worker.mjs',
      'tidewaiter.mjs',
    ]);
    expect(readFileSync(join(folder, 'opt/tidewaiter/THIRD_PARTY_LICENSES.txt'), 'utf8')).toMatch(
      /^@kubernetes\/client-node [\s\S]*^express 5[\s\S]*Permission is hereby granted/m,
    );
  });

  it('tell their version', async () => {
    expect(await run('--version')).toMatchObject({ code: 0, stdout: expect.stringContaining(manifest.version) });
  });

  it('explain themselves', async () => {
    expect(await run('--help')).toMatchObject({ code: 0, stdout: expect.stringMatching(/serve[\s\S]*check[\s\S]*verify/) });
  });

  it('judge a Pod by the policies, in worker threads', async () => {
    const pod = join(folder, 'pod.json');
    writeFileSync(
      pod,
      JSON.stringify({
        apiVersion: 'v1',
        kind: 'Pod',
        metadata: { name: 'web' },
        spec: { containers: [{ name: 'web', image: 'registry.invalid/web:latest' }] },
      }),
    );
    const judged = await run('check', pod);
    expect(judged).toMatchObject({ code: 1, stdout: expect.stringContaining('latest') });
    expect(judged.stdout).not.toContain('POLICY_BROKEN');
  }, 60_000);

  it('come by the credentials of Amazon and of Google: their libraries are in the bundle, whole', async () => {
    const roleArn = 'arn:aws:iam::123456789012:role/tidewaiter';
    const token = join(folder, 'token');
    writeFileSync(token, 'projected.token');
    const aws = await startAws({ webIdentityToken: () => 'projected.token', roleArn, region: 'eu-west-1' });
    const google = await startGoogle({ subjectToken: () => 'projected.token', audience: 'pool' });
    const sdk = { AWS_ENDPOINT_URL_STS: aws.origin, AWS_ENDPOINT_URL_ECR: aws.origin, AWS_EC2_METADATA_DISABLED: 'true', HOME: folder };
    const irsa = { AWS_ROLE_ARN: roleArn, AWS_WEB_IDENTITY_TOKEN_FILE: token, AWS_REGION: 'eu-west-1' };
    const gke = { GCE_METADATA_HOST: google.host, METADATA_SERVER_DETECTION: 'assume-present' };
    const logins = { ecr: { username: 'AWS', password: 'ecr-password-0' }, gcr: { username: 'oauth2accesstoken', password: 'ya29.google-token-0' } };
    for (const [kind, login] of Object.entries(logins)) {
      await using registry = await startRegistry({ auth: { kind: 'basic', ...login } });
      const image = registry.pushImage({ repository: 'acme/app', tag: '1' });
      const config = join(folder, 'cloud.yaml');
      const registries = [{ host: registry.host, plainHTTP: true, credentials: { kind } }];
      writeFileSync(config, JSON.stringify({ apiVersion: 'tidewaiter.dev/v1', kind: 'Configuration', registries }));
      const verified = await runWith({ ...sdk, ...irsa, ...gke }, 'verify', '--config', config, `${registry.host}/acme/app:1`);
      expect(verified.stdout, verified.stderr).toContain(image.digest);
    }
    await Promise.all([aws.close(), google.close()]);
  }, 60_000);

  it('find opa and the policies that come with them', async () => {
    expect(await run('policy', 'check', join(folder, 'opt/tidewaiter/policies'))).toMatchObject({ code: 0 });
  }, 60_000);
});

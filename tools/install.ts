/**
 * Builds the real tools that demo, tests and benchmarks run against, each pinned by version, once per user.
 *
 *     node tools/install.ts opa registry        builds what is missing; prints one line for each
 *
 * The binaries lie outside the checkout, in $TIDEWAITER_TOOLS or ~/.cache/tidewaiter/tools, under a name that says what they
 * were built from, so every later clone finds them and a changed pin builds anew.
 */
import { type ChildProcess, spawn } from 'node:child_process';
import { createHash } from 'node:crypto';
import { existsSync, mkdirSync, mkdtempSync, readFileSync, renameSync, rmSync } from 'node:fs';
import { homedir } from 'node:os';
import { join } from 'node:path';

const here = import.meta.dirname;

/** Where the built tools are kept. */
export const toolCache = process.env['TIDEWAITER_TOOLS'] ?? join(process.env['XDG_CACHE_HOME'] ?? join(homedir(), '.cache'), 'tidewaiter', 'tools');

interface Tool {
  /** What is built, as `go version -m` would name it. */
  readonly version: string;
  /** Seconds a build takes with cold caches on two cores, to set expectations. */
  readonly cold: number;
  /** Arguments of `go`, without the output; a module of our own is built in its folder, others are installed by name and version. */
  readonly module?: string;
  readonly package: string;
  readonly ldflags?: string;
  readonly env?: Readonly<Record<string, string>>;
}

const kubernetesVersion = '1.37.2';
const [major, minor] = kubernetesVersion.split('.');
const kubernetesStamp = [`gitVersion=v${kubernetesVersion}`, `gitMajor=${major}`, `gitMinor=${minor}`]
  .flatMap((pair) => [`-X k8s.io/component-base/version.${pair}`, `-X k8s.io/client-go/pkg/version.${pair}`])
  .join(' ');

/** Every tool. A new one is a line here. */
export const tools = {
  opa: { version: 'v1.22.2', cold: 65, package: 'github.com/open-policy-agent/opa' },
  registry: { version: 'v0.22.1', cold: 10, module: 'registry', package: '.' },
  crane: { version: 'v0.22.1', cold: 10, package: 'github.com/google/go-containerregistry/cmd/crane' },
  cosign: { version: 'v3.1.3', cold: 165, package: 'github.com/sigstore/cosign/v3/cmd/cosign' },
  'notation-sign': { version: 'v1.3.2', cold: 45, module: 'notation', package: '.' },
  etcd: { version: 'v3.7.0', cold: 60, module: 'kube', package: 'go.etcd.io/etcd/server/v3' },
  kubectl: { version: `v${kubernetesVersion}`, cold: 60, module: 'kube', package: 'k8s.io/kubernetes/cmd/kubectl', ldflags: kubernetesStamp },
  'kube-apiserver': {
    version: `v${kubernetesVersion}`,
    cold: 250,
    module: 'kube',
    package: 'k8s.io/kubernetes/cmd/kube-apiserver',
    ldflags: kubernetesStamp,
  },
  trivy: {
    version: 'v0.74.0',
    cold: 420,
    package: 'github.com/aquasecurity/trivy/cmd/trivy',
    ldflags: '-X github.com/aquasecurity/trivy/pkg/version/app.ver=0.74.0',
    env: { GOEXPERIMENT: 'jsonv2' },
  },
  'trivy-db': { version: 'v0.0.0-20260813095258-0e0340a01b57', cold: 20, module: 'trivy-db', package: '.' },
} satisfies Record<string, Tool>;

export type ToolName = keyof typeof tools;

/** The path at which a tool is, or will be, found. */
export function toolPath(name: ToolName): string {
  const tool: Tool = tools[name];
  const key = createHash('sha256').update(JSON.stringify(tool));
  if (tool.module !== undefined) {
    for (const file of ['go.mod', 'go.sum', ...(tool.package === '.' ? ['main.go'] : [])]) key.update(readFileSync(join(here, tool.module, file)));
  }
  return join(toolCache, `${name}-${tool.version}-${key.digest('hex').slice(0, 12)}`, name);
}

/** Builds a tool unless it is there already. Rejects with the end of go's output if the build fails. */
export async function installTool(name: ToolName, say: (line: string) => void = () => {}): Promise<string> {
  const target = toolPath(name);
  if (existsSync(target)) return target;
  const tool: Tool = tools[name];
  mkdirSync(toolCache, { recursive: true });
  // Built beside its place and renamed into it: two clones that build at once both end with a whole binary.
  const scratch = mkdtempSync(join(toolCache, '.build-'));
  try {
    const ldflags = `-s -w ${tool.ldflags ?? ''}`.trim();
    const args =
      tool.module === undefined
        ? ['install', '-trimpath', '-ldflags', ldflags, `${tool.package}@${tool.version}`]
        : ['build', '-trimpath', '-ldflags', ldflags, '-o', join(scratch, name), tool.package];
    const started = Date.now();
    const elapsed = (): string => `${Math.round((Date.now() - started) / 1000)} s`;
    say(`building ${name} ${tool.version} (with cold caches about ${tool.cold} s)`);
    const ticker = setInterval(() => say(`  ${name}: ${elapsed()} so far`), 20_000);
    try {
      await run('go', args, {
        cwd: tool.module === undefined ? scratch : join(here, tool.module),
        env: { ...process.env, CGO_ENABLED: '0', GOBIN: scratch, GOFLAGS: '-buildvcs=false', ...tool.env },
      });
    } finally {
      clearInterval(ticker);
    }
    mkdirSync(join(target, '..'), { recursive: true });
    renameSync(join(scratch, name), target);
    say(`built ${name} in ${elapsed()}`);
    return target;
  } finally {
    rmSync(scratch, { recursive: true, force: true });
  }
}

function run(command: string, args: readonly string[], options: { cwd: string; env: NodeJS.ProcessEnv }): Promise<void> {
  return new Promise((resolve, reject) => {
    const child: ChildProcess = spawn(command, args, { ...options, stdio: ['ignore', 'ignore', 'pipe'] });
    let tail = '';
    child.stderr?.on('data', (chunk: Buffer) => {
      tail = (tail + chunk.toString('utf8')).slice(-2000);
    });
    child.on('error', (error) => reject(new Error(`${command} could not be started: ${error.message}. Install Go 1.26 or newer.`)));
    child.on('close', (code) => (code === 0 ? resolve() : reject(new Error(`${command} ${args.join(' ')} ended with ${code}:\n${tail}`))));
  });
}

if (import.meta.main) {
  const asked = process.argv.slice(2);
  for (const name of asked.length > 0 ? asked : Object.keys(tools)) {
    if (!(name in tools)) {
      process.stderr.write(`no tool ${name}; there are: ${Object.keys(tools).join(', ')}\n`);
      process.exit(2);
    }
    await installTool(name as ToolName, (line) => process.stderr.write(`${line}\n`));
  }
}

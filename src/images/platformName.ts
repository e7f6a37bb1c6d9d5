/** A platform as runtimes compare it. */
interface Platform {
  readonly os: string;
  readonly architecture: string;
  readonly variant: string;
}

const architectures: ReadonlyMap<string, string> = new Map([
  ['i386', '386'],
  ['x86_64', 'amd64'],
  ['x86-64', 'amd64'],
  ['aarch64', 'arm64'],
  ['armhf', 'arm'],
  ['armel', 'arm'],
]);

/**
 * `os/architecture[/variant]` as containerd normalises it, without the variant that an architecture has anyhow; of 32-bit ARM that is
 * v7. https://github.com/containerd/platforms/blob/v1.0.0-rc.4/database.go
 */
export function normalisePlatform(name: string): string {
  const { os, architecture, variant } = split(name);
  return variant === '' ? `${os}/${architecture}` : `${os}/${architecture}/${variant}`;
}

function split(name: string): Platform {
  const [os = '', written = '', variant = ''] = name.toLowerCase().split('/');
  const architecture = architectures.get(written) ?? written;
  return { os: os === 'macos' ? 'darwin' : os, architecture, variant: normaliseVariant(written, variant) };
}

function normaliseVariant(architecture: string, variant: string): string {
  switch (architecture) {
    case 'i386':
      return '';
    case 'x86_64':
    case 'x86-64':
    case 'amd64':
      return variant === 'v1' ? '' : variant;
    case 'aarch64':
    case 'arm64':
      if (variant === '8' || variant === 'v8' || variant === 'v8.0') return '';
      return variant === '9' || variant === '9.0' || variant === 'v9.0' ? 'v9' : variant;
    case 'armhf':
      return 'v7';
    case 'armel':
      return 'v6';
    case 'arm':
      if (variant === '') return 'v7';
      return /^[5678]$/.test(variant) ? `v${variant}` : variant;
    default:
      return variant;
  }
}

/**
 * Whether an image for a platform may run where `wanted` is wanted: a wanted platform without a variant takes every variant, one with a
 * variant the plain one too. What features a system needs (`linux(+feature)`) is the machine's business.
 */
export function matchesPlatform(wanted: string, name: string): boolean {
  const [a, b] = [split(wanted), split(name)];
  if (a.os !== b.os.replace(/\(.*$/, '') || a.architecture !== b.architecture) return false;
  return wanted.split('/').length === 2 || a.variant === b.variant || b.variant === '';
}

/**
 * Whether every runtime takes an image under this name for one of the wanted platform, on every machine of it. CRI-O compares names as
 * they are written, and containerd looks for variants on 32-bit ARM only.
 */
export function isPlain(wanted: string, name: string): boolean {
  const { os, architecture, variant } = split(wanted);
  const plain = `${os}/${architecture}`;
  return architecture === 'arm' ? name === `${plain}/${variant}` : name === plain || (architecture === 'arm64' && name === `${plain}/v8`);
}

/**
 * Whether containerd falls back to an image for this platform where an index has none for the wanted one.
 * https://github.com/containerd/platforms/blob/v1.0.0-rc.4/compare.go
 */
export function isFallback(wanted: string, name: string): boolean {
  const [a, b] = [split(wanted), split(name)];
  if (a.os !== b.os.replace(/\(.*$/, '')) return false;
  return (a.architecture === 'amd64' && b.architecture === '386') || (a.architecture === 'arm64' && b.architecture === 'arm');
}

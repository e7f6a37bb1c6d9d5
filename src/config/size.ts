/** Bytes of each unit that a size may have, as Kubernetes writes quantities. https://kubernetes.io/docs/reference/kubernetes-api/common-definitions/quantity/ */
const units: Readonly<Record<string, number>> = { '': 1, Ki: 1024, Mi: 1024 ** 2, Gi: 1024 ** 3, Ti: 1024 ** 4 };

/** A whole number of bytes, or of a binary unit. */
const sizeForm = /^([0-9]{1,15})(|Ki|Mi|Gi|Ti)$/;

/** Bytes of a size such as `512Mi`, `1Gi` or `1073741824`; null when it is none, or more than can be counted exactly. */
export function parseSize(text: string): number | null {
  const [, count = '', unit = ''] = sizeForm.exec(text) ?? [];
  const size = count === '' ? Number.NaN : Number(count) * (units[unit] ?? Number.NaN);
  return Number.isSafeInteger(size) ? size : null;
}

/** Writes bytes in the largest unit that divides them. */
export function formatSize(bytes: number): string {
  const fits = Object.entries(units)
    .reverse()
    .find(([, size]) => bytes !== 0 && bytes % size === 0);
  return fits === undefined ? String(bytes) : `${bytes / fits[1]}${fits[0]}`;
}

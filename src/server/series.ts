import { Counter, Histogram, type Registry } from 'prom-client';

/** Every metric of ours begins so. */
export const prefix = 'tidewaiter_';

/** A counter whose bound children are kept: an increment costs a map look-up. Label values must come from a bounded set. */
export function labelledCounter<Labels extends readonly [string, ...string[]]>(
  registry: Registry,
  name: string,
  help: string,
  labelNames: Labels,
): (...values: { [K in keyof Labels]: string }) => void {
  const counter = new Counter<string>({ registers: [registry], name: prefix + name, help, labelNames: [...labelNames] });
  const children = new Map<string, Counter.Internal>();
  return (...values) => {
    const key = values.join('\n');
    let child = children.get(key);
    if (child === undefined) {
      child = counter.labels(...values);
      children.set(key, child);
    }
    child.inc();
  };
}

/** A histogram with one bound child for each value of its label. */
export function labelledHistogram(
  registry: Registry,
  name: string,
  help: string,
  labelNames: readonly [string],
  buckets: readonly number[],
): (value: number, label: string) => void {
  const histogram = new Histogram({ registers: [registry], name: prefix + name, help, labelNames: [...labelNames], buckets: [...buckets] });
  const children = new Map<string, Histogram.Internal<string>>();
  return (value, label) => {
    let child = children.get(label);
    if (child === undefined) {
      child = histogram.labels(label);
      children.set(label, child);
    }
    child.observe(value);
  };
}

/** Lets a bounded number of values through as they are; the rest become `other`, so that nobody outside can grow a metric. */
export function boundedLabel(most: number): (value: string) => string {
  const known = new Set<string>();
  return (value) => {
    if (known.has(value)) return value;
    if (known.size >= most) return 'other';
    known.add(value);
    return value;
  };
}

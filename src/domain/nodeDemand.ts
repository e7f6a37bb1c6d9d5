import { isObject, property, text, textMap } from './json.ts';

/** What a Pod demands of a node, as far as that says on which platforms it can run. */
export interface NodeDemand {
  /** `spec.nodeSelector`. */
  readonly selector: Readonly<Record<string, string>>;
  /** The required terms of `spec.affinity.nodeAffinity`, of which one must hold; null where there are none, or none that can be read. */
  readonly terms: readonly (readonly Expression[])[] | null;
  /** `spec.os.name`. */
  readonly os: string | null;
}

interface Expression {
  readonly key: string;
  readonly operator: string;
  readonly values: readonly string[];
}

const mostTerms = 64;
const mostValues = 256;

/** Labels that a kubelet sets on its own node. https://kubernetes.io/docs/reference/labels-annotations-taints/#kubernetes-io-arch */
const osLabels = ['kubernetes.io/os', 'beta.kubernetes.io/os'];
const archLabels = ['kubernetes.io/arch', 'beta.kubernetes.io/arch'];

/** As kubelets name them (Go's words): of any other it is not known what a label would say. */
const systems = new Set(['linux', 'windows']);
const architectures = new Set(['386', 'amd64', 'arm', 'arm64', 'loong64', 'ppc64le', 'riscv64', 's390x']);

/** Reads what a Pod's spec demands. What can't be read demands nothing: then more platforms matter, not fewer. */
export function readNodeDemand(spec: unknown): NodeDemand {
  const required = property(property(property(spec, 'affinity'), 'nodeAffinity'), 'requiredDuringSchedulingIgnoredDuringExecution');
  const terms = property(required, 'nodeSelectorTerms');
  return {
    selector: textMap(property(spec, 'nodeSelector')),
    terms: Array.isArray(terms) && terms.length > 0 && terms.length <= mostTerms ? terms.map(readTerm) : null,
    os: text(property(property(spec, 'os'), 'name')),
  };
}

function readTerm(term: unknown): readonly Expression[] {
  const expressions = property(term, 'matchExpressions');
  if (!Array.isArray(expressions) || expressions.length > mostTerms) return [];
  return expressions.filter(isObject).map((each) => {
    const values = property(each, 'values');
    const known = Array.isArray(values) && values.length <= mostValues;
    return {
      key: text(property(each, 'key')) ?? '',
      operator: known ? (text(property(each, 'operator')) ?? '') : '',
      values: known ? values.filter((value) => typeof value === 'string') : [],
    };
  });
}

/**
 * Of the platforms that matter, those on which the Pod can run. A kubelet refuses a Pod whose node selector or required affinity its node
 * does not meet, so that nobody reaches another platform by naming the node. Where none is left, all matter.
 * https://kubernetes.io/docs/concepts/scheduling-eviction/assign-pod-node/
 */
export function platformsFor(demand: NodeDemand, platforms: readonly string[]): readonly string[] {
  if (demand.terms === null && demand.os === null && Object.keys(demand.selector).length === 0) return platforms;
  const left = platforms.filter((platform) => mayRunOn(demand, platform));
  return left.length === 0 ? platforms : left;
}

function mayRunOn({ selector, terms, os }: NodeDemand, platform: string): boolean {
  const [system = '', architecture = ''] = platform.split('/');
  const labels = new Map<string, string>();
  if (systems.has(system)) for (const label of osLabels) labels.set(label, system);
  if (architectures.has(architecture)) for (const label of archLabels) labels.set(label, architecture);
  if (os !== null && systems.has(os) && systems.has(system) && os !== system) return false;
  if (Object.entries(selector).some(([key, value]) => (labels.get(key) ?? value) !== value)) return false;
  return terms === null || terms.some((term) => term.every((expression) => mayHold(expression, labels)));
}

/** Only what a label certainly contradicts does not hold. */
function mayHold({ key, operator, values }: Expression, labels: ReadonlyMap<string, string>): boolean {
  const label = labels.get(key);
  if (label === undefined) return true;
  if (operator === 'In') return values.includes(label);
  return operator !== 'NotIn' || !values.includes(label);
}

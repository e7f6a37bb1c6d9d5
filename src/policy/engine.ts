import * as sdk from '@open-policy-agent/opa-wasm';
import { hostBuiltins } from './builtins/index.ts';
import { type RegoValue, readRegoValue } from './builtins/value.ts';
import { entrypoint } from './collector.ts';

/** A set of policies as the engine takes it. */
export interface EngineSet {
  readonly module: WebAssembly.Module;
  /** JSON text of `data`, in UTF-8. */
  readonly data: ArrayBuffer;
  /** Names of the policies to evaluate, in order. */
  readonly policies: readonly string[];
  /** What is evaluated for each of them, in the same order; by default its collector. */
  readonly entrypoints?: readonly string[];
  /** Cap of an instance's memory, in pages of 64 KiB. */
  readonly memoryPages: number;
}

/** What one policy gave: its result as JSON text, or what it threw. */
export type RawResult = { readonly json: string } | { readonly thrown: string };

/** What a policy that has nothing to say gives. */
export const nothing: RawResult = { json: '{"deny":[],"warn":[]}' };

// Its types name the members of the CommonJS module; an ES module finds those under `default`.
const { LoadedPolicy } = (sdk as unknown as { readonly default: typeof sdk }).default;

// Memory never shrinks: an instance that has grown past this is thrown away after use.
const recycleBytes = 16 * 1024 * 1024;
const firstPages = 16;
const longestResult = 4 * 1024 * 1024;

/** The functions of a compiled policy. https://www.openpolicyagent.org/docs/wasm#exports */
interface Exports {
  readonly opa_malloc: (size: number) => number;
  readonly opa_json_parse: (address: number, size: number) => number;
  readonly opa_json_dump: (address: number) => number;
  readonly opa_value_dump: (address: number) => number;
  readonly opa_heap_ptr_set: (address: number) => void;
  readonly opa_eval_ctx_new: () => number;
  readonly opa_eval_ctx_set_input: (context: number, address: number) => void;
  readonly opa_eval_ctx_set_data: (context: number, address: number) => void;
  readonly opa_eval_ctx_set_entrypoint: (context: number, entrypoint: number) => void;
  readonly opa_eval_ctx_get_result: (context: number) => number;
  readonly eval: (context: number) => number;
  readonly builtins: () => number;
}

interface Instance {
  readonly policy: sdk.LoadedPolicy;
  readonly exports: Exports;
  readonly memory: WebAssembly.Memory;
  readonly entrypoints: readonly number[];
}

/**
 * Evaluates one set of policies in Wasm, policy by policy, on one reading of the input. Synchronous: it belongs into a worker thread.
 * An instance that threw is never used again, since a throw leaks Wasm stack.
 */
export class Engine {
  readonly #set: EngineSet;
  #instance: Instance | null = null;

  constructor(set: EngineSet) {
    this.#set = set;
  }

  /** Results in the order of the set's policies. `input` is JSON text in UTF-8; `at` hears which policy is about to run. */
  evaluate(input: Uint8Array, at: (policy: number) => void): readonly RawResult[] {
    const results: RawResult[] = [];
    let read: number | null = null;
    for (let i = 0; i < this.#set.policies.length; i += 1) {
      at(i);
      try {
        this.#instance ??= load(this.#set);
        read ??= readInput(this.#instance, input);
        results.push(run(this.#instance, read, i));
      } catch (error) {
        this.#instance = null;
        read = null;
        results.push({ thrown: describeThrown(error) });
      }
    }
    if ((this.#instance?.memory.buffer.byteLength ?? 0) > recycleBytes) this.#instance = null;
    return results;
  }
}

function readInput({ policy, exports, memory }: Instance, input: Uint8Array): number {
  exports.opa_heap_ptr_set(Number(policy.dataHeapPtr));
  const address = exports.opa_malloc(input.length);
  new Uint8Array(memory.buffer, address, input.length).set(input);
  const value = exports.opa_json_parse(address, input.length);
  if (value === 0) throw new Error('the input is no JSON that the engine can read');
  return value;
}

// A result set of one, which every package gives: `[{"result":…}]`.
const before = '[{"result":';
const after = '}]';

function run({ policy, exports, memory, entrypoints }: Instance, input: number, index: number): RawResult {
  const context = exports.opa_eval_ctx_new();
  exports.opa_eval_ctx_set_input(context, input);
  exports.opa_eval_ctx_set_data(context, policy.dataAddr);
  exports.opa_eval_ctx_set_entrypoint(context, entrypoints[index] ?? -1);
  exports.eval(context);
  const text = readText(memory, exports.opa_json_dump(exports.opa_eval_ctx_get_result(context)));
  if (text === '[{"result":{"deny":[],"warn":[]}}]') return nothing;
  if (text.length > longestResult) return { thrown: 'its result is longer than 4 MiB' };
  if (!text.startsWith(before) || !text.endsWith(after)) return { json: 'null' };
  return { json: text.slice(before.length, -after.length) };
}

function load(set: EngineSet): Instance {
  let exports: Exports | null = null;
  let names: Readonly<Record<number, string>> = {};
  const memory = new WebAssembly.Memory({ initial: Math.min(firstPages, set.memoryPages), maximum: set.memoryPages });
  const call = (id: number, _context: number, ...addresses: readonly number[]): number => {
    if (exports === null) throw new Error('a builtin was called too early');
    return callBuiltin(exports, memory, names[id] ?? '', addresses);
  };
  const instance = new WebAssembly.Instance(set.module, {
    env: {
      memory,
      opa_abort: (address: number) => {
        throw new Error(readText(memory, address));
      },
      opa_println: () => {},
      opa_builtin0: call,
      opa_builtin1: call,
      opa_builtin2: call,
      opa_builtin3: call,
      opa_builtin4: call,
    },
  });
  // What the compiler exports is a contract of its ABI (version 1), checked by the smoke test before a set goes in force.
  exports = instance.exports as unknown as Exports;
  const ids = JSON.parse(readText(memory, exports.opa_json_dump(exports.builtins()))) as Readonly<Record<string, number>>;
  names = Object.fromEntries(Object.entries(ids).map(([name, id]) => [id, name]));
  // The SDK's own table of builtins is passed by: its sprintf is not Go's, and it can't be overruled.
  const policy = new LoadedPolicy({ instance, module: set.module }, memory, 3);
  policy.setData(set.data);
  const entrypoints = (set.entrypoints ?? set.policies.map(entrypoint)).map((path) => Number(policy.entrypoints[path] ?? -1));
  if (entrypoints.includes(-1)) throw new Error('the compiled set lacks a policy that it names');
  return { policy, exports, memory, entrypoints };
}

function callBuiltin(exports: Exports, memory: WebAssembly.Memory, name: string, addresses: readonly number[]): number {
  const builtin = Object.hasOwn(hostBuiltins, name) ? hostBuiltins[name] : undefined;
  if (builtin === undefined) throw new Error(`the builtin ${name} is not available`);
  const args: RegoValue[] = addresses.map((address) => readRegoValue(readText(memory, exports.opa_value_dump(address))));
  const result = builtin(...args);
  if (result === undefined) return 0;
  const bytes = Buffer.from(result, 'utf8');
  const address = exports.opa_malloc(bytes.length);
  new Uint8Array(memory.buffer, address, bytes.length).set(bytes);
  return exports.opa_json_parse(address, bytes.length);
}

/** A text in Wasm memory, up to its zero byte. */
function readText(memory: WebAssembly.Memory, address: number): string {
  const bytes = Buffer.from(memory.buffer);
  const end = bytes.indexOf(0, address);
  return bytes.toString('utf8', address, end < 0 ? bytes.length : end);
}

/** The engine throws strings, plain objects and traps. */
function describeThrown(error: unknown): string {
  if (error instanceof WebAssembly.RuntimeError) return `the engine stopped: ${error.message}`;
  if (error instanceof Error) return error.message.startsWith('opa_malloc') ? 'it ran out of memory' : error.message;
  return typeof error === 'string' ? error : 'the engine stopped and gave no reason';
}

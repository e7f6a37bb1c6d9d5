import { afterEach, beforeAll, describe, expect, it } from 'vitest';
import { compilePolicies } from '../../../src/policy/compile.ts';
import type { EngineSet } from '../../../src/policy/engine.ts';
import { EnginePool, type PoolSet } from '../../../src/policy/pool.ts';
import { readSnapshot } from '../../../src/policy/snapshot.ts';
import { installTool } from '../../../tools/install.ts';
import { cleanUp, folderOf, never, unhurried } from './fixtures.ts';

interface NamedSet extends PoolSet {
  readonly name: string;
}

let sound: EngineSet;
// What is inherited stays behind when it is sent to the worker, which throws where nothing catches, and dies.
const deadly = (): EngineSet => {
  const { policies, ...own } = sound;
  return Object.assign(Object.create({ policies }), own);
};
const input = '{"images":[],"review":{"namespace":"shop"}}';
let pool: EnginePool<NamedSet> | null = null;

beforeAll(async () => {
  const snapshot = await readSnapshot(await folderOf({ 'p.rego': 'package policies.p\n\ndeny contains input.review.namespace\n' }));
  if (!snapshot.ok) throw new Error(snapshot.fault.message);
  const compiled = await compilePolicies(await installTool('opa'), snapshot.value, unhurried);
  if (!compiled.ok || !compiled.value.ok) throw new Error('the policy does not compile');
  const { wasm } = compiled.value.value;
  sound = { module: new WebAssembly.Module(wasm), data: new Uint8Array(Buffer.from('{}')).buffer, policies: ['p'], memoryPages: 256 };
});

afterEach(async () => {
  await pool?.close();
  await cleanUp();
});

function open(): EnginePool<NamedSet> {
  pool = new EnginePool<NamedSet>({ workers: 1, timeout: 500, log: () => {} });
  return pool;
}

describe('a thread that dies', () => {
  it('costs the request it died on, names no other, and the next set is judged', async () => {
    const opened = open();
    opened.use({ name: 'deadly', engine: deadly() });
    expect(await opened.evaluate(input, never)).toMatchObject({ ok: false, fault: { code: 'INTERNAL' } });
    opened.use({ name: 'sound', engine: sound });
    const answer = await opened.evaluate(input, never);
    expect(answer).toMatchObject({ ok: true, value: { set: { name: 'sound' }, results: expect.stringContaining('shop') } });
  });

  it('on a trial leaves the set in force alone', async () => {
    const opened = open();
    opened.use({ name: 'sound', engine: sound });
    expect(await opened.try({ name: 'deadly', engine: deadly() }, [input], 2000)).toMatchObject({ ok: false, fault: { code: 'POLICY_BROKEN' } });
    expect(await opened.evaluate(input, never)).toMatchObject({ ok: true, value: { set: { name: 'sound' } } });
  });
});

describe('a set that can not be loaded', () => {
  it('is known on trial: a policy that the module lacks, data that is no JSON', async () => {
    const opened = open();
    const lacking = await opened.try({ name: 'lacking', engine: { ...sound, policies: ['p', 'q'] } }, [input], 2000);
    expect(lacking.ok && lacking.value[0]).toContain('lacks a policy');
    const garbled = await opened.try({ name: 'garbled', engine: { ...sound, data: new Uint8Array(Buffer.from('{')).buffer } }, [input], 2000);
    expect(garbled.ok && garbled.value[0]).toContain('thrown');
  });
});

describe('without a set', () => {
  it('nothing is judged', async () => {
    expect(await open().evaluate(input, never)).toMatchObject({ ok: false, fault: { code: 'POLICY_BROKEN' } });
  });
});

describe('an input that is no JSON', () => {
  it('is denied by every policy, and the next is judged', async () => {
    const opened = open();
    opened.use({ name: 'sound', engine: sound });
    expect(await opened.evaluate('{', never)).toMatchObject({ ok: true, value: { results: expect.stringContaining('thrown') } });
    expect(await opened.evaluate(input, never)).toMatchObject({ ok: true, value: { results: expect.stringContaining('shop') } });
  });
});

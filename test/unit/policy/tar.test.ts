import { gzipSync } from 'node:zlib';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { scanRego } from '../../../src/policy/scan.ts';
import { readTarGz, writeTarGz } from '../../../src/policy/tar.ts';

const name = fc.stringMatching(/^[a-z][a-z0-9_./-]{0,60}[a-z]$/);

describe('a policy bundle archive', () => {
  it('reads back what was written', async () => {
    await fc.assert(
      fc.asyncProperty(fc.dictionary(name, fc.uint8Array({ maxLength: 2000 }), { maxKeys: 6 }), async (files) => {
        const written = new Map(Object.entries(files).map(([path, bytes]) => [path, Buffer.from(bytes)]));
        const read = await readTarGz(await writeTarGz(written), 1024 * 1024);
        expect(read.ok && [...read.value]).toEqual([...written]);
      }),
      { numRuns: 50 },
    );
  });

  it('refuses garbage without throwing', async () => {
    await fc.assert(
      fc.asyncProperty(fc.uint8Array({ maxLength: 3000 }), fc.boolean(), async (bytes, zipped) => {
        const read = await readTarGz(zipped ? gzipSync(bytes) : bytes, 10_000);
        expect(read.ok && read.value.size > 0).toBe(false);
      }),
      { numRuns: 100 },
    );
  });

  it('refuses what is larger unpacked than allowed', async () => {
    expect(await readTarGz(gzipSync(Buffer.alloc(1_000_000)), 1000)).toMatchObject({ ok: false, fault: { code: 'POLICY_BROKEN' } });
  });

  it('refuses two files of one name, and one that is cut', async () => {
    const one = await writeTarGz(new Map([['policy.wasm', Buffer.from('a')]]));
    const { gunzipSync } = await import('node:zlib');
    const tar = gunzipSync(one);
    const file = tar.subarray(0, 1024);
    expect(await readTarGz(gzipSync(Buffer.concat([file, tar])), 10_000)).toMatchObject({
      ok: false,
      fault: { message: expect.stringContaining('two files') },
    });
    expect(await readTarGz(gzipSync(tar.subarray(0, 600)), 10_000)).toMatchObject({ ok: false });
  });
});

describe('the scan of a Rego module', () => {
  it('ends on any text', () => {
    fc.assert(fc.property(fc.string({ unit: 'binary', maxLength: 300 }), (source) => void scanRego(source)));
    fc.assert(fc.property(fc.stringMatching(/^[{}[\]()"`$#\\\na-z ]{0,80}$/), (source) => void scanRego(source)));
  });

  it('tells where a rule starts', () => {
    expect(scanRego('package a.b\n\n  deny contains "x" if {\n  deny\n}\n')).toEqual([
      { word: 'package', rest: ' a.b', line: 1, column: 1 },
      { word: 'deny', rest: ' contains "x" if {', line: 3, column: 3 },
    ]);
  });
});

import { execFileSync, spawn } from 'node:child_process';
import { X509Certificate } from 'node:crypto';
import { mkdtempSync, readdirSync, readFileSync, renameSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import type { CertificateSource, Keyring } from '../../../src/domain/certificate.ts';
import { fromFiles } from '../../../src/server/certificateFiles.ts';
import { openKeyring } from '../../../src/server/certificates.ts';
import { renewKeyring, splitPem } from '../../../src/server/keyring.ts';
import { keyringDirectory } from '../../../src/server/keyringDirectory.ts';
import { selfSigned } from '../../../src/server/selfSigned.ts';
import { keepLog, makeAuthority, type TestAuthority } from './calls.ts';

/** How long to wait for what will happen: a busy machine is no fault. */
const patient = { timeout: 10_000 };

const day = 86_400_000;
const ellipticCurve = ['req', '-x509', '-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:P-256', '-nodes', '-subj', '/CN=localhost', '-days', '2'];
const start = Date.UTC(2026, 0, 1);
let directory: string;
const sources: CertificateSource[] = [];

beforeEach(() => {
  directory = mkdtempSync(join(tmpdir(), 'certificates-'));
});

afterEach(() => {
  for (const source of sources.splice(0)) source.close();
  rmSync(directory, { recursive: true, force: true });
});

async function open(options: { now?: () => number; names?: readonly string[] } = {}) {
  const log = keepLog();
  const opened = await selfSigned({ directory, dnsNames: options.names ?? ['localhost'], clock: options.now ?? (() => start), log });
  if (!opened.ok) throw new Error(opened.fault.message);
  sources.push(opened.value);
  return { source: opened.value, log };
}

describe('a keyring', () => {
  let fresh: Keyring;
  beforeAll(async () => {
    fresh = (await renewKeyring(null, ['localhost', 'tidewaiter.ns.svc', '127.0.0.1'], start)).keyring;
  });

  it('holds an authority and a serving certificate that OpenSSL, too, finds good', async () => {
    const ca = new X509Certificate(fresh.ca);
    const serving = new X509Certificate(fresh.cert);
    expect(ca.ca).toBe(true);
    expect(serving.ca).toBe(false);
    expect(serving.verify(ca.publicKey)).toBe(true);
    expect(serving.checkHost('tidewaiter.ns.svc')).toBeDefined();
    expect(serving.checkIP('127.0.0.1')).toBeDefined();
    expect(serving.checkHost('example.com')).toBeUndefined();
    expect(ca.validToDate.getTime() - start).toBe(3650 * day);
    expect(serving.validToDate.getTime() - start).toBe(90 * day);
    expect(serving.publicKey.asymmetricKeyDetails?.modulusLength).toBe(2048);
  });

  it('stays as it is for two thirds of its life', async () => {
    expect(await renewKeyring(fresh, ['localhost'], start + 59 * day)).toEqual({ keyring: fresh, reason: null });
  });

  it.each([
    ['is due', ['localhost'], 61],
    ['has expired', ['localhost'], 91],
    ['serves other names', ['elsewhere.example'], 1],
  ])('gets a new serving certificate of the same authority when the old one %s', async (_, names, days) => {
    const { keyring, reason } = await renewKeyring(fresh, names, start + days * day);
    expect(reason).not.toBeNull();
    expect(keyring).toMatchObject({ ca: fresh.ca, caKey: fresh.caKey, path: fresh.path });
    expect(keyring.cert).not.toBe(fresh.cert);
    expect(new X509Certificate(keyring.cert).verify(new X509Certificate(fresh.ca).publicKey)).toBe(true);
  });

  it('lets a new authority be known before it signs', async () => {
    const due = start + 2440 * day;
    const serving = (await renewKeyring(fresh, ['localhost'], due)).keyring;
    const announced = (await renewKeyring(serving, ['localhost'], due)).keyring;
    expect(splitPem(announced.ca)).toHaveLength(2);
    expect(splitPem(announced.ca)[1]?.trim()).toBe(fresh.ca.trim());
    expect(announced.cert).toBe(serving.cert);
    expect(await renewKeyring(announced, ['localhost'], due)).toEqual({ keyring: announced, reason: null });
    const signed = (await renewKeyring(announced, ['localhost'], due + 61 * day)).keyring;
    const [newest = ''] = splitPem(signed.ca);
    expect(new X509Certificate(signed.cert).verify(new X509Certificate(newest).publicKey)).toBe(true);
  });

  it('is made anew, with the path kept, when any part of it can’t be used', async () => {
    const other = (await renewKeyring(null, ['localhost'], start)).keyring;
    for (const broken of [{ ca: '' }, { cert: 'x' }, { key: other.key }, { caKey: other.caKey }, { ca: 'nonsense' }]) {
      const { keyring, reason } = await renewKeyring({ ...fresh, ...broken }, ['localhost'], start);
      expect(reason).not.toBeNull();
      expect(keyring.path).toBe(fresh.path);
      expect(await renewKeyring(keyring, ['localhost'], start)).toEqual({ keyring, reason: null });
    }
    const { keyring } = await renewKeyring({ ...fresh, ca: other.ca, caKey: other.caKey }, ['localhost'], start);
    expect(new X509Certificate(keyring.cert).verify(new X509Certificate(other.ca).publicKey)).toBe(true);
  });

  it('is made anew when somebody put an elliptic-curve authority there, which node-forge can’t use', async () => {
    const pem = execFileSync('openssl', [...ellipticCurve, '-keyout', '-', '-out', '-'], { stdio: ['ignore', 'pipe', 'ignore'], encoding: 'utf8' });
    const at = pem.indexOf('-----BEGIN CERTIFICATE');
    const [caKey, ca] = [pem.slice(0, at), pem.slice(at)];
    const { keyring, reason } = await renewKeyring({ ca, caKey, cert: ca, key: caKey, path: fresh.path }, ['localhost'], Date.now());
    expect(reason).not.toBeNull();
    expect(new X509Certificate(keyring.ca).publicKey.asymmetricKeyType).toBe('rsa');
  });

  it('is made anew when its authority has expired', async () => {
    const { keyring } = await renewKeyring(fresh, ['localhost'], start + 3651 * day);
    expect(splitPem(keyring.ca)).toHaveLength(1);
    expect(keyring.ca).not.toBe(fresh.ca);
  });
});

describe('self-made certificates in a directory', () => {
  it('are for their owner only, with the authority beside them for those who call', async () => {
    const { source } = await open();
    for (const name of readdirSync(directory)) expect(statSync(join(directory, name)).mode & 0o777).toBe(0o600);
    expect(readdirSync(directory).sort()).toEqual(['ca.crt', 'keyring.1.json']);
    expect(readFileSync(join(directory, 'ca.crt'), 'utf8')).toBe(source.current().ca);
    expect(source.pathSecret).toMatch(/^[0-9a-f]{64}$/);
  });

  it('are used again after a restart', async () => {
    const first = await open();
    const second = await open();
    expect(second.source.current()).toEqual(first.source.current());
    expect(second.source.pathSecret).toBe(first.source.pathSecret);
  });

  it('are made anew when they can’t be read, and when the names change', async () => {
    const first = await open();
    const renamed = await open({ names: ['elsewhere.example'] });
    expect(renamed.source.current().ca).toBe(first.source.current().ca);
    writeFileSync(join(directory, 'keyring.2.json'), '{"ca": ');
    const repaired = await open();
    expect(repaired.source.current().ca).not.toBe(first.source.current().ca);
  });

  it('are renewed when due, and the listeners are told once', async () => {
    let now = start;
    const { source } = await open({ now: () => now });
    const told: string[] = [];
    const stop = source.onChange(({ cert }) => told.push(cert));
    await source.check();
    expect(told).toEqual([]);
    now += 61 * day;
    await Promise.all([source.check(), source.check()]);
    await source.check();
    expect(told).toEqual([source.current().cert]);
    stop();
    now += 61 * day;
    await source.check();
    expect(told).toHaveLength(1);
  });

  it.each([[[]], [['']], [['*.example.com']], [['a b']], [['-a.example']]])('are not made for %j', async (dnsNames) => {
    const opened = await selfSigned({ directory, dnsNames, clock: () => start, log: keepLog() });
    expect(opened).toMatchObject({ ok: false, fault: { code: 'CONFIG_INVALID' } });
  });

  it('are renewed by themselves, in time', async () => {
    let now = start;
    const opened = await openKeyring({ store: keyringDirectory(directory), dnsNames: ['localhost'], clock: () => now, log: keepLog(), every: 10 });
    if (!opened.ok) throw new Error(opened.fault.message);
    sources.push(opened.value);
    const before = opened.value.current().cert;
    now += 61 * day;
    await expect.poll(() => opened.value.current().cert, patient).not.toBe(before);
  });

  it('stay in use when the directory can no longer be read', async () => {
    const { source, log } = await open();
    rmSync(directory, { recursive: true });
    writeFileSync(directory, 'in the way');
    const before = source.current();
    expect(await source.check()).toMatchObject({ ok: false, fault: { code: 'CONFIG_INVALID' } });
    expect(source.current()).toBe(before);
    expect(log.lines.at(-1)).toMatchObject({ level: 'warn' });
  });

  it('end the same for two that start, and renew, at once', async () => {
    let now = start;
    const [a, b] = await Promise.all([open({ now: () => now }), open({ now: () => now })]);
    expect(a.source.current()).toEqual(b.source.current());
    now += 61 * day;
    await Promise.all([a.source.check(), b.source.check()]);
    expect(a.source.current()).toEqual(b.source.current());
  });

  it('end the same for processes that start at once', async () => {
    const module = join(import.meta.dirname, '../../../src/server/selfSigned.ts');
    const script = `
      import { selfSigned } from ${JSON.stringify(module)};
      const log = { info() {}, warn() {}, error() {} };
      const opened = await selfSigned({ directory: process.argv[1], dnsNames: ['localhost'], clock: () => ${start}, log });
      process.stdout.write(opened.ok ? opened.value.current().cert + opened.value.pathSecret : opened.fault.message);`;
    const run = (): Promise<string> =>
      new Promise((resolve) => {
        const child = spawn(process.execPath, ['--input-type=module', '-e', script, directory], { stdio: ['ignore', 'pipe', 'inherit'] });
        let text = '';
        child.stdout.on('data', (chunk) => {
          text += chunk;
        });
        child.on('close', () => resolve(text));
      });
    const outputs = await Promise.all([run(), run(), run()]);
    expect(outputs[0]).toContain('BEGIN CERTIFICATE');
    expect(new Set(outputs).size).toBe(1);
  });
});

describe('certificates from files', () => {
  let one: TestAuthority;
  let two: TestAuthority;
  beforeAll(async () => {
    [one, two] = await Promise.all([makeAuthority(), makeAuthority()]);
  });

  const paths = () => ({ certFile: join(directory, 'tls.crt'), keyFile: join(directory, 'tls.key') });
  function put(cert: string, key: string): void {
    const { certFile, keyFile } = paths();
    writeFileSync(`${certFile}.new`, cert);
    writeFileSync(`${keyFile}.new`, key);
    renameSync(`${certFile}.new`, certFile);
    renameSync(`${keyFile}.new`, keyFile);
  }
  async function openFiles(more: { every?: number } = {}) {
    const log = keepLog();
    const opened = await fromFiles({ ...paths(), clock: Date.now, log, ...more });
    if (opened.ok) sources.push(opened.value);
    return { opened, log };
  }

  it('are refused at the start when missing, mixed up, expired or no certificate', async () => {
    expect((await openFiles()).opened).toMatchObject({ ok: false, fault: { code: 'CONFIG_INVALID', message: expect.stringContaining('certFile') } });
    put(one.serving.cert, two.serving.key);
    expect((await openFiles()).opened).toMatchObject({ ok: false, fault: { message: expect.stringContaining('does not belong') } });
    put(one.serving.key, one.serving.key);
    expect((await openFiles()).opened).toMatchObject({ ok: false, fault: { message: expect.stringContaining('no PEM certificate') } });
    const old = await makeAuthority(Date.now() - 100 * day);
    put(old.serving.cert, old.serving.key);
    expect((await openFiles()).opened).toMatchObject({ ok: false, fault: { message: expect.stringContaining('expired') } });
  });

  it('never show the key in a fault', async () => {
    put(one.serving.cert, two.serving.key);
    const { opened } = await openFiles();
    expect(JSON.stringify(opened)).not.toContain('PRIVATE');
  });

  it.each([{ every: 3_600_000 }, { every: 20 }])('are taken over when both are good, by watch or by look (%o)', async (more) => {
    put(one.serving.cert, one.serving.key);
    const { opened, log } = await openFiles(more);
    if (!opened.ok) throw new Error(opened.fault.message);
    const told: string[] = [];
    opened.value.onChange(({ cert }) => told.push(cert));
    put(two.serving.cert, one.serving.key);
    await expect.poll(() => log.lines.length, patient).toBe(1);
    expect(log.lines).toMatchObject([{ level: 'error', fields: { code: 'CONFIG_INVALID' } }]);
    expect(opened.value.current().cert).toBe(one.serving.cert);
    put(two.serving.cert, two.serving.key);
    await expect.poll(() => told, patient).toEqual([two.serving.cert]);
    expect(opened.value.current()).toEqual({ cert: two.serving.cert, key: two.serving.key, ca: null });
  });

  it('may be of elliptic curves', async () => {
    const { certFile, keyFile } = paths();
    execFileSync(
      'openssl',
      [
        'req',
        '-x509',
        '-newkey',
        'ec',
        '-pkeyopt',
        'ec_paramgen_curve:P-256',
        '-nodes',
        '-subj',
        '/CN=localhost',
        '-days',
        '2',
        '-keyout',
        keyFile,
        '-out',
        certFile,
      ],
      { stdio: 'ignore' },
    );
    expect((await openFiles()).opened.ok).toBe(true);
  });
});

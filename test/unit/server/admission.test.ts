import { X509Certificate } from 'node:crypto';
import { once } from 'node:events';
import { Agent, request } from 'node:https';
import { connect as connectPlain } from 'node:net';
import { connect } from 'node:tls';
import { afterEach, beforeAll, describe, expect, it } from 'vitest';
import { type AdmissionServerOptions, createAdmissionServer } from '../../../src/server/admission.ts';
import type { AdmissionLimits, Handle } from '../../../src/server/answer.ts';
import type { RunningServer } from '../../../src/server/listen.ts';
import { type Answer, type CallOptions, call, holding, keepLog, makeAuthority, type TestAuthority } from './calls.ts';

/** How long to wait for what will happen: a busy machine is no fault. */
const patient = { timeout: 10_000 };

const secret = 'a-secret-of-many-letters';
let own: TestAuthority;
let other: TestAuthority;
const running: RunningServer[] = [];

beforeAll(async () => {
  [own, other] = await Promise.all([makeAuthority(), makeAuthority()]);
});

afterEach(async () => {
  await Promise.all(running.splice(0).map((server) => server.close()));
});

const echo: Handle = async (route, body, timeout) => ({ status: 200, body: JSON.stringify({ route, length: body.length, timeout }) });

function optionsWith(
  more: Partial<AdmissionServerOptions> & { readonly limits?: Partial<AdmissionLimits> } = {},
): AdmissionServerOptions & { log: ReturnType<typeof keepLog> } {
  const log = keepLog();
  return {
    listen: { host: '127.0.0.1', port: 0 },
    certificate: holding(own.serving),
    clientCA: null,
    clientNames: [],
    pathSecret: null,
    handle: echo,
    ...more,
    limits: { linger: 20, ...more.limits },
    log,
  };
}

async function start(options: AdmissionServerOptions): Promise<RunningServer & { ask: (more?: Partial<CallOptions>) => Promise<Answer> }> {
  const started = await createAdmissionServer(options);
  if (!started.ok) throw new Error(started.fault.message);
  running.push(started.value);
  const { address } = started.value;
  return { ...started.value, ask: (more = {}) => call({ port: address.port, ca: own.authority.cert, ...more }) };
}

describe('who may ask', () => {
  it('refuses to listen beyond loopback when anybody could ask, and says what to do', async () => {
    for (const host of ['0.0.0.0', '::', '10.1.2.3', 'example.com']) {
      const started = await createAdmissionServer(optionsWith({ listen: { host, port: 0 } }));
      expect(started).toMatchObject({ ok: false, fault: { code: 'CONFIG_INVALID', message: expect.stringContaining('clientCAFile') } });
    }
  });

  it('listens beyond loopback with a secret path or a client authority', async () => {
    const withSecret = await start(optionsWith({ listen: { host: '0.0.0.0', port: 0 }, pathSecret: secret }));
    expect((await withSecret.ask({ path: `/${secret}/mutate` })).status).toBe(200);
    await start(optionsWith({ listen: { host: '0.0.0.0', port: 0 }, clientCA: own.authority.cert }));
  });

  it.each(['short', `${secret}/x`, 'white space is not allowed'])('refuses the path secret %j', async (pathSecret) => {
    expect(await createAdmissionServer(optionsWith({ pathSecret }))).toMatchObject({ ok: false, fault: { code: 'CONFIG_INVALID' } });
  });

  it('listens to nobody but whom it is told the name of, where every certificate of an authority would be too many', async () => {
    const tls = { cert: own.client.cert, key: own.client.key };
    const named = new X509Certificate(own.client.cert).subject.replace(/^.*CN=/s, '').trim();
    const wrong = await start(optionsWith({ clientCA: own.authority.cert, clientNames: [`x${named}`, named.slice(1)] }));
    await expect(wrong.ask({ tls })).rejects.toThrow();
    const right = await start(optionsWith({ clientCA: own.authority.cert, clientNames: ['somebody else', named] }));
    expect((await right.ask({ tls })).status).toBe(200);
  });

  it('refuses a client authority that is no certificate', async () => {
    expect(await createAdmissionServer(optionsWith({ clientCA: 'nonsense' }))).toMatchObject({ ok: false, fault: { code: 'CONFIG_INVALID' } });
  });

  it('answers only below the secret, and elsewhere as if there were nothing', async () => {
    const { ask } = await start(optionsWith({ pathSecret: secret }));
    const nothing = await ask({ path: '/nowhere' });
    expect(nothing.status).toBe(404);
    for (const path of ['/validate', '/wrong-secret-of-letters/validate', `/${secret}x/validate`, `/${secret.slice(1)}/validate`, `//validate`, `/${secret}`]) {
      expect(await ask({ path }).then(({ status, body }) => ({ status, body }))).toEqual({ status: 404, body: nothing.body });
    }
    expect((await ask({ path: `/${secret}/validate` })).status).toBe(200);
  });

  it('lets nobody through the handshake without a certificate of the client authority', async () => {
    const { ask } = await start(optionsWith({ clientCA: own.authority.cert }));
    await expect(ask()).rejects.toThrow();
    await expect(ask({ tls: { cert: other.client.cert, key: other.client.key } })).rejects.toThrow();
    expect((await ask({ tls: { cert: own.client.cert, key: own.client.key } })).status).toBe(200);
    const two = await start(optionsWith({ clientCA: other.authority.cert + own.authority.cert }));
    for (const { client } of [own, other]) expect((await two.ask({ tls: { cert: client.cert, key: client.key } })).status).toBe(200);
  });

  it('speaks nothing older than TLS 1.2', async () => {
    const { address } = await start(optionsWith());
    const version = (maxVersion: 'TLSv1.1' | 'TLSv1.2' | 'TLSv1.3'): Promise<string | null> =>
      new Promise((resolve, reject) => {
        const socket = connect(
          { host: '127.0.0.1', port: address.port, ca: own.authority.cert, maxVersion, minVersion: 'TLSv1', ciphers: 'ALL:@SECLEVEL=0' },
          () => {
            resolve(socket.getProtocol());
            socket.end();
          },
        );
        socket.on('error', reject);
      });
    await expect(version('TLSv1.1')).rejects.toThrow();
    expect(await version('TLSv1.2')).toBe('TLSv1.2');
    expect(await version('TLSv1.3')).toBe('TLSv1.3');
  });
});

describe('bad input', () => {
  it('refuses paths, methods and content types that it does not know, in plain words', async () => {
    const { ask } = await start(optionsWith());
    expect(await ask({ path: '/' })).toMatchObject({ status: 404 });
    expect(await ask({ path: '/Validate' })).toMatchObject({ status: 404 });
    expect(await ask({ path: '/validate/' })).toMatchObject({ status: 404 });
    expect(await ask({ method: 'GET', body: '' })).toMatchObject({ status: 405, headers: { allow: 'POST' } });
    expect(await ask({ headers: { 'content-type': 'text/plain' } })).toMatchObject({ status: 415, body: 'the content type must be application/json\n' });
    expect(await ask({ headers: { 'content-type': 'application/jsonx' } })).toMatchObject({ status: 415 });
    expect(await ask({ headers: { 'content-type': 'Application/JSON; charset=utf-8' } })).toMatchObject({ status: 200 });
  });

  it('refuses a path that is not percent-encoded well, without a stack', async () => {
    const { ask } = await start(optionsWith({ pathSecret: secret }));
    expect(await ask({ path: '/%zz/validate' })).toMatchObject({ status: 400, body: 'the request is malformed\n' });
  });

  it('shows neither Express nor an etag', async () => {
    const { ask } = await start(optionsWith());
    const { headers } = await ask();
    expect(headers).not.toHaveProperty('x-powered-by');
    expect(headers).not.toHaveProperty('etag');
    expect(headers['content-type']).toBe('application/json');
  });

  it('refuses a body over the limit, whether it is declared or streamed, and the client sees why', async () => {
    let handled = 0;
    const handle: Handle = async (...call) => {
      handled += 1;
      return echo(...call);
    };
    const { ask } = await start(optionsWith({ handle, limits: { body: 1000 } }));
    expect(await ask({ body: Buffer.alloc(1001) })).toMatchObject({ status: 413, body: expect.stringContaining('1000 bytes') });
    expect(await ask({ body: Buffer.alloc(50_000_000) })).toMatchObject({ status: 413 });
    expect(await ask({ body: Buffer.alloc(5_000_000), headers: { 'transfer-encoding': 'chunked' } })).toMatchObject({ status: 413 });
    expect(handled).toBe(0);
    expect(await ask({ body: Buffer.alloc(1000) })).toMatchObject({ status: 200, body: expect.stringContaining('"length":1000') });
  });

  it('refuses for the moment what would hold too much memory at once, and gives the memory back', async () => {
    const { ask } = await start(optionsWith({ limits: { bodies: 1000, body: 2000 } }));
    expect(await ask({ body: Buffer.alloc(1500) })).toMatchObject({ status: 503, headers: { 'retry-after': '1' } });
    for (let i = 0; i < 3; i++) expect((await ask({ body: Buffer.alloc(900) })).status).toBe(200);
    for (let i = 0; i < 3; i++) expect((await ask({ body: Buffer.alloc(900), headers: { 'transfer-encoding': 'chunked' } })).status).toBe(200);
  });

  it('gives up a request that does not come to its end', async () => {
    const { address } = await start(optionsWith({ limits: { headersTime: 1000, requestTime: 1000 } }));
    const status = await new Promise<number | string>((resolve) => {
      const sent = request(
        {
          host: '127.0.0.1',
          port: address.port,
          ca: own.authority.cert,
          path: '/validate',
          method: 'POST',
          agent: false,
          headers: { 'content-type': 'application/json', 'content-length': '10' },
        },
        (response) => resolve(response.statusCode ?? 0),
      );
      sent.on('error', (error) => resolve(error.message));
      sent.write('{');
    });
    expect(status).toBe(408);
  });

  it.each([
    'GARBAGE\r\n\r\n',
    'POST /validate HTTP/1.1\r\nhost: x\r\ncontent-length: 5\r\ntransfer-encoding: chunked\r\n\r\n',
    `GET / HTTP/1.1\r\nx: ${'y'.repeat(20_000)}\r\n\r\n`,
  ])('refuses what is not HTTP as it should be, and goes on', async (bytes) => {
    const { address, ask } = await start(optionsWith());
    const answer = await new Promise<string>((resolve, reject) => {
      const socket = connect({ host: '127.0.0.1', port: address.port, ca: own.authority.cert }, () => socket.write(bytes));
      let text = '';
      socket.on('data', (chunk) => {
        text += chunk;
      });
      socket.on('close', () => resolve(text));
      socket.on('error', reject);
    });
    expect(answer).toMatch(/^HTTP\/1\.1 4[0-9][0-9] /);
    expect((await ask()).status).toBe(200);
  });

  it('survives bytes that are not TLS', async () => {
    const { address, ask } = await start(optionsWith());
    await new Promise<void>((resolve) => {
      const socket = connectPlain(address.port, '127.0.0.1', () => socket.end('GET / HTTP/1.1\r\n\r\n'));
      socket.on('close', () => resolve());
      socket.on('error', () => {});
      socket.resume();
    });
    expect((await ask()).status).toBe(200);
  });

  it('survives a client that leaves in the middle of its body, and gives its place free', async () => {
    const { address, ask } = await start(optionsWith({ limits: { concurrency: 1, queue: 0 } }));
    await new Promise<void>((resolve) => {
      const sent = request({
        host: '127.0.0.1',
        port: address.port,
        ca: own.authority.cert,
        path: '/validate',
        method: 'POST',
        agent: false,
        headers: { 'content-type': 'application/json', 'content-length': '10' },
      });
      sent.on('error', () => resolve());
      sent.on('close', () => resolve());
      sent.write('{', () => sent.destroy());
    });
    await expect.poll(async () => (await ask()).status, patient).toBe(200);
  });

  it('answers 500 in plain words when the handler throws, logs it, and never allows', async () => {
    const options = optionsWith({ handle: () => Promise.reject(new Error('the inside')) });
    const { ask } = await start(options);
    const answer = await ask();
    expect(answer).toMatchObject({ status: 500, body: expect.stringContaining('INTERNAL') });
    expect(answer.body).not.toContain('the inside');
    expect(options.log.lines).toMatchObject([{ level: 'error', fields: { err: { message: 'the inside' } } }]);
  });

  it('passes on what the handler answers', async () => {
    const { ask } = await start(optionsWith({ handle: async () => ({ status: 400, body: Buffer.from('not a review') }) }));
    expect(await ask()).toMatchObject({ status: 400, body: 'not a review', headers: { 'content-type': 'text/plain; charset=utf-8' } });
  });
});

describe('the deadline', () => {
  it('is what is left of the time that the API server said it will wait', async () => {
    const { ask } = await start(optionsWith());
    const asked = async (query: string): Promise<unknown> => JSON.parse((await ask({ path: `/mutate${query}` })).body);
    expect(await asked('?timeout=5s')).toMatchObject({ route: 'mutate', timeout: expect.toSatisfy((ms: number) => ms > 3000 && ms <= 5000) });
    expect(await asked('')).toMatchObject({ timeout: null });
    expect(await asked('?timeout=soon')).toMatchObject({ timeout: null });
    expect(await asked('?other=1&timeout=1m30s')).toMatchObject({ timeout: expect.toSatisfy((ms: number) => ms > 80_000 && ms <= 90_000) });
  });
});

describe('concurrency', () => {
  it('takes a bounded number in, lets a few wait, and turns the rest away with a word', async () => {
    const open: (() => void)[] = [];
    const handle: Handle = (...asked) => new Promise((resolve) => open.push(() => resolve(echo(...asked))));
    const counts = { began: 0, ended: 0, refused: 0 };
    const metrics = { began: () => counts.began++, ended: () => counts.ended++, refused: () => counts.refused++ };
    const { ask } = await start(optionsWith({ handle, metrics, limits: { concurrency: 2, queue: 1, queueTime: 5000 } }));
    const answers = [ask(), ask()];
    await expect.poll(() => open.length, patient).toBe(2);
    const thirdAndFourth = [ask(), ask()];
    expect(await Promise.race(thirdAndFourth)).toMatchObject({ status: 503, headers: { 'retry-after': '1' }, body: expect.stringContaining('try again') });
    open.shift()?.();
    await expect.poll(() => open.length, patient).toBe(2);
    while (open.length > 0) open.shift()?.();
    const statuses = (await Promise.all([...answers, ...thirdAndFourth])).map(({ status }) => status);
    expect(statuses.sort()).toEqual([200, 200, 200, 503]);
    expect(counts).toEqual({ began: 3, ended: 3, refused: 1 });
  });

  it('turns away who has waited too long', async () => {
    const open: (() => void)[] = [];
    const handle: Handle = (...asked) => new Promise((resolve) => open.push(() => resolve(echo(...asked))));
    const { ask } = await start(optionsWith({ handle, limits: { concurrency: 1, queue: 5, queueTime: 30 } }));
    const first = ask();
    await expect.poll(() => open.length, patient).toBe(1);
    expect((await ask()).status).toBe(503);
    open.shift()?.();
    expect((await first).status).toBe(200);
  });
});

describe('connections', () => {
  it('are kept for longer than the 90 s after which the API server drops them', async () => {
    const { ask } = await start(optionsWith());
    const agent = new Agent({ keepAlive: true });
    const { headers } = await ask({ agent });
    agent.destroy();
    expect(headers['keep-alive']).toBe('timeout=120');
  });

  it('end with the next answer once the server is closing, and what has begun is finished', async () => {
    const open: (() => void)[] = [];
    const handle: Handle = (...asked) => new Promise((resolve) => open.push(() => resolve(echo(...asked))));
    const server = await start(optionsWith({ handle, limits: { linger: 10_000 } }));
    const agent = new Agent({ keepAlive: true, maxSockets: 1 });
    const idleAgent = new Agent({ keepAlive: true, maxSockets: 1 });
    const warm = server.ask({ agent: idleAgent });
    await expect.poll(() => open.length, patient).toBe(1);
    open.shift()?.();
    await warm;
    const begun = server.ask({ agent });
    await expect.poll(() => open.length, patient).toBe(1);
    const closed = server.close();
    // Its connection was idle when the closing began, and its request came after: it is answered all the same.
    const late = server.ask({ agent: idleAgent });
    await expect.poll(() => open.length, patient).toBe(2);
    while (open.length > 0) open.shift()?.();
    expect(await begun).toMatchObject({ status: 200, headers: { connection: 'close' } });
    expect(await late).toMatchObject({ status: 200, headers: { connection: 'close' } });
    await closed;
    await expect(server.ask()).rejects.toThrow('ECONNREFUSED');
  });

  it('that never carried a request, as clients open in a burst, do not hold up the end', async () => {
    const server = await start(optionsWith({ limits: { headersTime: 60_000, requestTime: 60_000, grace: 60_000 } }));
    const unused = connect({ port: server.address.port, host: '127.0.0.1', ca: own.authority.cert, servername: 'localhost' });
    await once(unused, 'secureConnect');
    const ended = once(unused, 'close');
    unused.resume();
    await server.ask();
    await server.close();
    await ended;
  });

  it('are cut when what has begun does not end in its time', async () => {
    const server = await start(optionsWith({ handle: () => new Promise(() => {}), limits: { linger: 10, grace: 50 } }));
    const begun = expect(server.ask()).rejects.toThrow();
    await server.close();
    await begun;
  });

  it('says so when the port is taken', async () => {
    const { address } = await start(optionsWith());
    expect(await createAdmissionServer(optionsWith({ listen: address }))).toMatchObject({
      ok: false,
      fault: { code: 'CONFIG_INVALID', message: expect.stringContaining('in use') },
    });
  });
});

describe('rotation', () => {
  it('drops no request, and new connections get the new certificate under the same rules', async () => {
    const certificate = holding(own.serving);
    const server = await start(optionsWith({ certificate, clientCA: own.authority.cert }));
    const agent = new Agent({ keepAlive: true, maxSockets: 4 });
    const tls = { cert: own.client.cert, key: own.client.key };
    const ca = own.authority.cert + other.authority.cert;
    let stop = false;
    const statuses: number[] = [];
    const worker = async (kept: boolean): Promise<void> => {
      while (!stop) statuses.push((await call({ port: server.address.port, ca, tls, ...(kept ? { agent } : {}) })).status);
    };
    const workers = [worker(true), worker(true), worker(false), worker(false)];
    for (const next of [other.serving, own.serving, other.serving]) {
      const seen = statuses.length;
      certificate.replace(next);
      await expect.poll(() => statuses.length, patient).toBeGreaterThan(seen + 8);
    }
    stop = true;
    await Promise.all(workers);
    agent.destroy();
    expect(new Set(statuses)).toEqual(new Set([200]));
    expect((await call({ port: server.address.port, ca: other.authority.cert, tls })).status).toBe(200);
    await expect(call({ port: server.address.port, ca: own.authority.cert, tls })).rejects.toThrow();
    await expect(call({ port: server.address.port, ca })).rejects.toThrow();
    await expect(
      call({ port: server.address.port, ca, tls: { ...tls, minVersion: 'TLSv1', maxVersion: 'TLSv1.1', ciphers: 'ALL:@SECLEVEL=0' } }),
    ).rejects.toThrow();
  });

  it('keeps the old certificate when the new one can’t be used', async () => {
    const certificate = holding(own.serving);
    const options = optionsWith({ certificate });
    const { ask } = await start(options);
    certificate.replace({ ...own.serving, key: other.serving.key });
    expect((await ask()).status).toBe(200);
    expect(options.log.lines).toMatchObject([{ level: 'error' }]);
  });
});

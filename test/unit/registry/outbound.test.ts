import { createServer, type RequestListener, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import type { Outcome } from '../../../src/domain/fault.ts';
import type { OutboundRequest } from '../../../src/domain/outbound.ts';
import type { Resolve } from '../../../src/registry/address.ts';
import { createOutbound, type OutboundClient } from '../../../src/registry/index.ts';

let server: Server;
let port: number;
let answer: RequestListener;
let requests: number;
let client: OutboundClient;
let names: string[];
const addresses = new Map<string, string>();
const resolve: Resolve = (name, done) => {
  names.push(name);
  done(null, [{ address: addresses.get(name) ?? '127.0.0.1', family: 4 }]);
};

beforeEach(async () => {
  requests = 0;
  names = [];
  addresses.clear();
  answer = (_, response) => response.end('hello');
  server = createServer((request, response) => {
    requests += 1;
    answer(request, response);
  });
  await new Promise<void>((listening) => server.listen(0, '127.0.0.1', listening));
  port = (server.address() as AddressInfo).port;
  client = createOutbound(resolve);
});
afterEach(async () => {
  await client.close();
  server.closeAllConnections();
  await new Promise((closed) => server.close(closed));
});

async function ask(host: string, hosts: readonly string[], more: Partial<OutboundRequest> = {}): Promise<string> {
  const request: OutboundRequest = { url: new URL(`http://${host}/x`), hosts, method: 'GET', headers: {}, body: null, longest: 1_000, timeout: 2_000, ...more };
  const outcome: Outcome<Uint8Array> = await client.ask(request, AbortSignal.timeout(5_000));
  return outcome.ok ? Buffer.from(outcome.value).toString() : `${outcome.fault.code}: ${outcome.fault.message}`;
}

const trickle: RequestListener = (_, response) => {
  const timer = setInterval(() => response.write(Buffer.alloc(600)), 1);
  response.on('close', () => clearInterval(timer));
};

describe('a server that is asked on the way', () => {
  it('answers when it is listed: by name, with its port, or below a domain', async () => {
    expect(await ask(`127.0.0.1:${port}`, [`127.0.0.1:${port}`])).toBe('hello');
    expect(await ask(`ocsp.test:${port}`, [`ocsp.test:${port}`])).toBe('hello');
  });

  it.each([
    ['at all', []],
    ['with this port', ['ocsp.test']],
    ['as itself, but what is below it', ['*.ocsp.test']],
    ['by a name that only ends alike', ['csp.test']],
  ])('gets no packet and no DNS question when it is not listed %s', async (_, hosts) => {
    expect(await ask(`ocsp.test:${port}`, hosts)).toContain('REGISTRY_NOT_LISTED');
    expect([requests, names]).toEqual([0, []]);
  });

  it('means the port of either scheme where none is listed', async () => {
    addresses.set('ocsp.test', '127.0.0.2');
    for (const listed of ['ocsp.test', 'ocsp.test:80', 'ocsp.test:443']) expect(await ask('ocsp.test', [listed])).toContain('REGISTRY_UNAVAILABLE');
    expect(names).toEqual(['ocsp.test', 'ocsp.test', 'ocsp.test']);
  });

  it.each([
    ['is below a listed domain, and inside this machine', '127.0.0.1', '*.test'],
    ['keeps a cloud’s secrets', '169.254.169.254', 'ocsp.test'],
    ['is not in use', '0.0.0.0', 'ocsp.test'],
  ])('is not connected to when its address %s', async (_, address, listed) => {
    addresses.set('ocsp.test', address);
    expect(await ask(`ocsp.test:${port}`, [`${listed}:${port}`])).toContain('REGISTRY_NOT_LISTED');
    expect(requests).toBe(0);
  });

  it('is not told a user and a password, and is asked over nothing but HTTP', async () => {
    const hosts = [`127.0.0.1:${port}`];
    expect(await ask('', hosts, { url: new URL(`http://a:b@127.0.0.1:${port}/`) })).toContain('REGISTRY_NOT_LISTED');
    expect(await ask('', hosts, { url: new URL(`ftp://127.0.0.1:${port}/`) })).toContain('REGISTRY_NOT_LISTED');
    expect(requests).toBe(0);
  });

  it('is not followed elsewhere', async () => {
    answer = (_, response) => response.writeHead(302, { location: `http://127.0.0.1:${port}/other` }).end();
    expect(await ask(`127.0.0.1:${port}`, [`127.0.0.1:${port}`])).toContain('RESPONSE_INVALID');
    expect(requests).toBe(1);
  });

  it.each<[string, RequestListener, string]>([
    ['too long', (_, response) => response.end(Buffer.alloc(2_000)), 'LIMIT_EXCEEDED'],
    ['without end', trickle, 'LIMIT_EXCEEDED'],
    ['not there in time', () => {}, 'REGISTRY_UNAVAILABLE'],
    ['broken off', (_, response) => response.writeHead(200, { 'content-length': '10' }).write('x', () => response.destroy()), 'REGISTRY_UNAVAILABLE'],
    ['a fault of its own', (_, response) => response.writeHead(500).end('secret'), 'RESPONSE_INVALID'],
  ])('is of no use when its answer is %s', async (_, how, code) => {
    answer = how;
    const outcome = await ask(`127.0.0.1:${port}`, [`127.0.0.1:${port}`], { timeout: 300 });
    expect(outcome).toContain(code);
    expect(outcome).not.toContain('secret');
  });
});

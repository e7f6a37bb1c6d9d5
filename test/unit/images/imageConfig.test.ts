import { describe, expect, it } from 'vitest';
import { readImageConfig } from '../../../src/images/imageConfig.ts';

const oci = 'application/vnd.oci.image.config.v1+json';
const docker = 'application/vnd.docker.container.image.v1+json';
const digest = `sha256:${'a'.repeat(64)}`;
const read = (source: string, type: string) => readImageConfig(Buffer.from(source), type);

const ambiguous = [
  '{"config":{"User":"65532"},"Config":{"User":"0"}}',
  '{"config":{"User":"65532","user":"0"}}',
  '{"config":{"User":"65532","U\\u017fer":"0"}}',
  '{"config":{"User":"65532","User":"0"}}',
  '{"config":{"User":"65532"},"config":{"User":"0"}}',
  '{"config":{"Labels":{"a":"1"},"labels":{"a":"2"}}}',
  '{"config":{"Labels":{"a":"1","a":"2"}}}',
  '{"os":"linux","OS":"windows"}',
  '{"Created":"2026-01-01T00:00:00Z"}',
  '{"rootFS":{}}',
  '{"config":{"entrypoint":["sh"]}}',
];

describe.each([oci, docker])('a configuration of the type %s', (type) => {
  it.each(ambiguous)('is refused when two readers might take it for two things: %s', (source) => {
    expect(read(source, type)).toMatchObject({ ok: false, fault: { code: 'MANIFEST_INVALID' } });
  });

  it.each(['[]', 'null', '{', '', '\ufeff{}'])('is refused when it is no object: %j', (source) => {
    expect(read(source, type)).toMatchObject({ ok: false, fault: { code: 'MANIFEST_INVALID' } });
  });

  it.each(['{}', '[1]', '["latest"]', '[null]'])('is refused when the digests of its layers are none: %s', (list) => {
    expect(read(`{"rootfs":{"diff_ids":${list}}}`, type)).toMatchObject({ ok: false, fault: { code: 'MANIFEST_INVALID' } });
  });

  it('is read', () => {
    const source = {
      created: 'then',
      os: 'linux',
      architecture: 'arm',
      variant: 'v7',
      config: { User: '1', Labels: { a: 'b', A: 'c' }, Hostname: 'x' },
      rootfs: { diff_ids: [digest] },
    };
    expect(read(JSON.stringify(source), type)).toEqual({
      ok: true,
      value: { platform: 'linux/arm/v7', created: 'then', user: '1', labels: { a: 'b', A: 'c' }, diffIds: [digest] },
    });
    expect(read('{"config":null}', type)).toEqual({ ok: true, value: { platform: null, created: null, user: null, labels: {}, diffIds: [] } });
  });
});

describe("an artifact's configuration", () => {
  it.each([...ambiguous, 'not JSON', '[]', '{}', '{"rootfs":{"diff_ids":[1]}}'])('may be anything, of which nothing is known: %s', (source) => {
    expect(read(source, 'application/vnd.example+json')).toEqual({ ok: true, value: { platform: null, created: null, user: null, labels: {}, diffIds: null } });
  });
});

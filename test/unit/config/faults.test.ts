import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { formatConfigFault } from '../../../src/config/fault.ts';
import { parseConfig } from '../../../src/config/parse.ts';

/** What follows the two lines that every configuration begins with: so a body's first line is line 3. */
function read(body: string) {
  return parseConfig(`apiVersion: tidewaiter.dev/v1\nkind: Configuration\n${body}`, 'tidewaiter.yaml');
}

type Case = readonly [what: string, body: string, line: number, path: string, message: RegExp];

const cases: readonly Case[] = [
  ['an unknown key', 'sever: {}', 3, 'sever', /did you mean server\?/],
  ['an unknown key within', 'evidence:\n  tagsFor: 10s', 4, 'evidence.tagsFor', /did you mean tagFor\?/],
  [
    'an unknown key of a kind',
    'signers:\n  - name: a\n    images: [docker.io/**]\n    kind: cosign-key\n    keyfile: a',
    7,
    'signers[0].keyfile',
    /did you mean keyFile\?/,
  ],
  ['a key twice', 'platforms: [linux/amd64]\nplatforms: [linux/arm64]', 4, '', /^the key platforms is there twice; it is first on line 3$/],
  ['a key twice within', 'mode:\n  default: warn\n  workloads: off\n  default: enforce', 6, '', /^the key default is there twice; it is first on line 4$/],
  ['a section without content', 'mirrors:', 3, 'mirrors', /must be a list, but is empty/],
  ['a wrong type', 'signers: yes', 3, 'signers', /must be a list, not text/],
  ['another word', 'mode:\n  default: enforced', 4, 'mode.default', /one of enforce, warn, observe; did you mean enforce\?/],
  ['a number as a duration', 'evidence:\n  tagFor: 10', 4, 'evidence.tagFor', /must be a duration such as/],
  ['a duration out of bounds', 'server:\n  deadline: 1h', 4, 'server.deadline', /from 100ms to 30s/],
  ['an address without host', 'server:\n  listen: ":8443"', 4, 'server.listen', /0\.0\.0\.0:8443/],
  ['an address without port', 'server:\n  listen: localhost', 4, 'server.listen', /HOST:PORT/],
  ['a port that is none', 'server:\n  ops: 127.0.0.1:70000', 4, 'server.ops', /HOST:PORT/],
  ['listening to all without a guard', 'server:\n  listen: 0.0.0.0:8443', 4, 'server.listen', /clientCAFile, server\.pathSecretFile or/],
  [
    'two secret paths',
    'server:\n  tls: { secret: { namespace: n, name: s, service: w } }\n  pathSecretFile: path',
    5,
    'server.pathSecretFile',
    /secret path of its own/,
  ],
  ['one address for two listeners', 'server:\n  ops: 127.0.0.1:8443\n  listen: 127.0.0.1:8443', 4, 'server.ops', /differ/],
  ['half of a key pair', 'server:\n  tls: { certFile: a.pem }', 4, 'server.tls', /both of certFile and keyFile/],
  ['two kinds of certificate', 'server:\n  tls: { selfSigned: {}, certFile: a.pem, keyFile: b.pem }', 4, 'server.tls', /must have one of/],
  ['the console', 'server:\n  console: 127.0.0.1:8080', 4, 'server.console', /this version has no console/],
  ['exceptions of nowhere', 'exceptions: {}', 3, 'exceptions', /must have a directory, a seal, or both/],
  ['two keys of a seal', 'exceptions:\n  seal: { keyFile: a, secret: { namespace: a, name: b } }', 4, 'exceptions.seal', /must have one of keyFile and secret/],
  [
    'a mistyped kind of signer',
    'signers:\n  - { name: ci, images: [ghcr.io/a/**],\n      kind: cosign-keyles }',
    5,
    'signers[0].kind',
    /did you mean cosign-keyless\?/,
  ],
  ['a mistyped kind', 'scans:\n  - { name: h, kind: trivy-directry, path: x }', 4, 'scans[0].kind', /did you mean trivy-directory\?/],
  ['an entry without kind', 'scans:\n  - name: h', 4, 'scans[0].kind', /must have a kind/],
  [
    'ecr credentials of a region that is none',
    'registries:\n  - host: r.corp\n    credentials: { kind: ecr, region: hunter2 }',
    5,
    'registries[0].credentials.region',
    /must be an AWS region such as eu-west-1/,
  ],
  ['a redis store', 'evidence:\n  store: redis://u:hunter2@h', 4, 'evidence.store', /can not hold a user or a password: give evidence.username/],
  ['an evidence store that is none', 'evidence:\n  store: mongo:x', 4, 'evidence.store', /must be memory, sqlite:FILE/],
  ['an audit store of another kind', 'audit:\n  store: mysql://u:hunter2@h/d', 4, 'audit.store', /must be sqlite:FILE, postgres:/],
  ['an audit store without a file', "audit:\n  store: 'sqlite:'", 4, 'audit.store', /must be sqlite:FILE/],
  ['a password in the audit store', 'audit:\n  store: postgres://u:hunter2@h/d', 4, 'audit.store', /^must hold no password/],
  ['a PostgreSQL store without a user', 'audit:\n  store: postgres://h/d', 4, 'audit.store', /must be postgres:\/\/USER@HOST/],
  ['a PostgreSQL store with another parameter', 'audit:\n  store: postgres://u@h/d?options=-c', 4, 'audit.store', /sslmode and host only/],
  ['TLS of PostgreSQL that verifies nothing', 'audit:\n  store: postgres://u@h/d?sslmode=require', 4, 'audit.store', /knows sslmode=verify-full/],
  ['a webhook sink', 'audit:\n  sinks:\n    - { kind: webhook, url: https://s }', 5, 'audit.sinks[0].kind', /this version has no audit sink of kind webhook/],
  ['a bundle from a registry that nobody need sign', 'policy:\n  bundle: oci://r.corp/p', 4, 'policy.bundle', /needs policy\.signers or policy\.verification/],
  ['a candidate from a registry that nobody need sign', 'policy:\n  candidate: oci://r.corp/p', 4, 'policy.candidate', /needs policy\.signers or/],
  ['a bundle over HTTPS that nobody need sign', 'policy:\n  bundle: https://r.corp/p', 4, 'policy.bundle', /needs policy\.verification/],
  ['a bundle over HTTP', 'policy:\n  bundle: http://r.corp/p', 4, 'policy.bundle', /must be https/],
  ['a bundle from elsewhere', 'policy:\n  bundle: s3://r.corp/p', 4, 'policy.bundle', /must be a file, https:\/\/… or oci:\/\//],
  ['a bundle from no registry', 'policy:\n  bundle: oci://policies', 4, 'policy.bundle', /must begin with a registry/],
  ['a bundle in a repository that is none', 'policy:\n  bundle: oci://r.corp/P', 4, 'policy.bundle', /must be a reference/],
  ['a password in the address of a bundle', 'policy:\n  bundle: https://u:hunter2@r.corp/p', 4, 'policy.bundle', /must have no password/],
  ['a signer of policies that is none', 'policy:\n  bundle: oci://r.corp/p\n  signers: [relase]', 5, 'policy.signers[0]', /there is no signer relase/],
  ['modes of a candidate that is not there', 'policy:\n  candidateModes: { p: warn }', 4, 'policy.candidateModes', /no meaning without policy\.candidate/],
  ['signers of a folder', 'policy:\n  directory: p\n  signers: [release]', 5, 'policy.signers', /for bundles from oci:\/\/ only/],
  ['directory and bundle', 'policy:\n  directory: a\n  bundle: b', 3, 'policy', /one of directory and bundle/],
  [
    'a fault code that is none',
    'policy:\n  faults:\n    REGISTRY_RATELIMITED: warn',
    5,
    'policy.faults.REGISTRY_RATELIMITED',
    /did you mean REGISTRY_RATE_LIMITED\?/,
  ],
  ['forgiving broken policies', 'policy:\n  faults: { POLICY_BROKEN: ignore }', 4, 'policy.faults.POLICY_BROKEN', /always denies/],
  ['a required policy that is off', 'policy:\n  modes: { signed: off }\n  required: [signed]', 5, 'policy.required[0]', /turns signed off/],
  [
    'two signers of one name',
    'signers:\n  - &a { name: a, images: [docker.io/**], kind: cosign-key, key: x }\n  - *a',
    4,
    'signers[1].name',
    /signers\[0\] has this name/,
  ],
  ['a scan by nobody', 'scans:\n  - name: s\n    kind: trivy-attestation\n    signers: [ci]', 6, 'scans[0].signers[0]', /no signer ci/],
  ['a signer for no image', 'signers:\n  - { name: a, images: [], kind: cosign-key, key: x }', 4, 'signers[0].images', /at least one image/],
  [
    'a glob that matches nothing',
    'mirrors:\n  - { source: docker.io, targets: [{ location: h.corp/d }], exclude: [nginx] }',
    4,
    'mirrors[0].exclude[0]',
    /docker\.io\/library\/nginx/,
  ],
  [
    'a glob of a tag',
    'mirrors:\n  - { source: docker.io, targets: [{ location: h.corp/d }], exclude: ["docker.io/a/b:1"] }',
    4,
    'mirrors[0].exclude[0]',
    /without a tag/,
  ],
  ['a source without registry', 'mirrors:\n  - { source: library, targets: [{ location: h.corp/d }] }', 4, 'mirrors[0].source', /must begin with a registry/],
  [
    'mirrors that overlap',
    'mirrors:\n  - { source: docker.io, targets: [{ location: h.corp }] }\n  - source: quay.io\n    targets:\n      - location: h.corp/q',
    7,
    'mirrors[1].targets[0].location',
    /overlap/,
  ],
  [
    'a source twice',
    'mirrors:\n  - { source: docker.io, targets: [{ location: h.corp/a }] }\n  - { source: docker.io, targets: [{ location: h.corp/b }] }',
    5,
    'mirrors[1].source',
    /two rules/,
  ],
  [
    'a mirror nobody may contact',
    'registries: [{ host: docker.io }]\nmirrors:\n  - { source: docker.io, targets: [{ location: h.corp/a }] }',
    5,
    'mirrors[0].targets[0].location',
    /not among the registries/,
  ],
  ['a registry with a scheme', 'registries:\n  - host: https://r.corp', 4, 'registries[0].host', /without scheme/],
  ['a wildcard inside a host', 'registries:\n  - host: r.*.corp', 4, 'registries[0].host', /host/],
  ['a namespace that is none', 'mode:\n  namespaces:\n    - { match: [Dev], mode: warn }', 5, 'mode.namespaces[0].match[0]', /must be a namespace/],
  ['a platform that is none', 'platforms: [amd64]', 3, 'platforms[0]', /os\/architecture/],
  ['a digest that is none', 'revoked:\n  digests: [sha256:abc]', 4, 'revoked.digests[0]', /must be a digest/],
  ['an empty cluster', 'cluster:', 3, 'cluster', /must be a mapping, but is empty/],
  ['a tag of YAML', 'policy:\n  data: !!binary aGk=', 4, '', /tag is not known/],
  ['a second document', '---\nkind: Configuration', 3, '', /more than 1 document/],
  ['a missing anchor', 'platforms: *nowhere', 3, '', /alias/],
  ['a key that is a list', '? [a]\n: b', 3, '', /keys must be strings/],
  ['a key named __proto__', '__proto__: { polluted: true }', 3, '', /__proto__/],
];

describe('a configuration is refused, with path and line, for', () => {
  it.each(cases)('%s', (_what, body, line, path, message) => {
    const { settings, faults } = read(body);
    expect(settings).toBeNull();
    expect(faults).toContainEqual(expect.objectContaining({ path, line, message: expect.stringMatching(message) }));
    expect(JSON.stringify(faults)).not.toContain('hunter2');
  });

  it('a wrong version or kind', () => {
    const { faults } = parseConfig('apiVersion: v2\n', 'f');
    expect(faults.map(({ path, message }) => `${path}: ${message}`)).toEqual(['kind: must be given', 'apiVersion: must be tidewaiter.dev/v1']);
  });

  it.each(['', '# nothing\n', 'null'])('being empty: %j', (text) => {
    expect(parseConfig(text, 'f').faults[0]?.message).toMatch(/is empty/);
  });
});

describe('a configuration is good', () => {
  it.each([
    ['beyond loopback with a client CA', 'server: { listen: 0.0.0.0:8443, clientCAFile: ca.pem }'],
    ['beyond loopback with a secret path', 'server: { listen: "[::]:8443", pathSecretFile: path }'],
    [
      'beyond loopback with the Secret that replicas share',
      'server: { listen: 0.0.0.0:8443, tls: { secret: { namespace: n, name: s, service: w } } }\ncluster: {}',
    ],
    ['without the listener for metrics', 'server: { ops: off }'],
    ['with an alias', 'platforms: &p [linux/amd64]\nrevoked: { keys: [] }\nsigners: []'],
    ['with policies that are a bundle', 'policy: { bundle: policies.tar.gz, required: [signed], modes: { latest: off } }'],
    ['with mirrors of a listed registry', 'registries: [{ host: "*.corp" }]\nmirrors: [{ source: docker.io, targets: [{ location: h.corp/d }] }]'],
  ])('%s', (_what, body) => {
    expect(read(body).faults).toEqual([]);
  });
});

describe('the faults of a configuration', () => {
  it('are all named, in the order of their lines', () => {
    const { faults } = read('server: { listen: x }\nmode: { default: x }\nplatforms: []\nmirrors: [{}]\naudit: { stoer: x }');
    expect(faults.map(({ line, path }) => `${line} ${path}`)).toEqual([
      '3 server.listen',
      '4 mode.default',
      '5 platforms',
      '6 mirrors[0].source',
      '6 mirrors[0].targets',
      '7 audit.stoer',
    ]);
  });

  it('are written so that an editor jumps there', () => {
    const { faults } = read('mode:\n  default: x');
    expect(faults.map(formatConfigFault)).toEqual(['tidewaiter.yaml:4:12: mode.default: must be one of enforce, warn, observe']);
  });

  it('hold no control characters of the file', () => {
    const { faults } = read('"\\e[31m\\u202Ekey": 1');
    expect(faults.map(formatConfigFault).join()).not.toMatch(/[\p{Cc}\p{Cf}]/u);
  });

  it('are few where aliases unfold without end', () => {
    const laughs = [
      'a: &a [x, x, x, x, x, x, x, x, x]',
      ...'bcdefghi'.split('').map((c, i) => `${c}: &${c} [${Array(9).fill(`*${'abcdefgh'[i]}`).join(', ')}]`),
    ].join('\n');
    const { faults } = read(laughs);
    expect(faults).toEqual([expect.objectContaining({ message: expect.stringMatching(/aliases/) })]);
  });

  it.each(['[', '{a: ', '- ', 'a: [x, '])('are few where %j nests without end', (open) => {
    const { faults } = read(open.repeat(5000));
    expect(faults.length).toBeGreaterThan(0);
    expect(faults.length).toBeLessThanOrEqual(20);
  });

  it('come of any text, never an exception', () => {
    const yamlish = fc.array(
      fc.constantFrom(
        'server',
        'signers',
        'mode',
        ':',
        ' ',
        '\n',
        '- ',
        '[',
        ']',
        '{',
        '}',
        '&a',
        '*a',
        '!!x',
        '"',
        "'",
        '|',
        '>',
        '?',
        '#',
        '\t',
        '%',
        '~',
        '1',
        '\u0000',
      ),
      {
        maxLength: 60,
      },
    );
    fc.assert(
      fc.property(
        fc.oneof(
          fc.string(),
          yamlish.map((parts) => parts.join('')),
        ),
        (text) => {
          expect(parseConfig(text, 'f').faults.length).toBeGreaterThan(0);
          read(text);
        },
      ),
      { numRuns: 300 },
    );
  });

  it('come of any document, never an exception', () => {
    const sections = fc.constantFrom(
      'server',
      'mode',
      'platforms',
      'registries',
      'mirrors',
      'signers',
      'revoked',
      'scans',
      'evidence',
      'policy',
      'audit',
      'cluster',
      '__proto__',
    );
    const names = fc.constantFrom(
      'kind',
      'name',
      'images',
      'host',
      'source',
      'targets',
      'location',
      'file',
      'signers',
      'modes',
      'required',
      'sinks',
      'listen',
      'constructor',
    );
    const values = fc.letrec((tie) => ({
      any: fc.oneof(
        { depthSize: 'small' },
        fc.constantFrom('cosign-key', 'stdout', 'a', '', null, 1, true, 'docker.io'),
        fc.array(tie('any'), { maxLength: 3 }),
        fc.dictionary(names, tie('any'), { maxKeys: 4 }),
      ),
    })).any;
    fc.assert(
      fc.property(fc.dictionary(sections, values), (document) => {
        const { settings, faults } = parseConfig(JSON.stringify({ apiVersion: 'tidewaiter.dev/v1', kind: 'Configuration', ...document }), 'f');
        expect(settings === null).toBe(faults.length > 0);
      }),
      { numRuns: 300 },
    );
  });
});

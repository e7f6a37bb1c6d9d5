import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import type { PlatformImage, ScanFinding, Subject } from '../../../src/domain/evidence.ts';
import { decodeVex } from '../../../src/scans/vex/document.ts';
import { claimsById, suppressByVex } from '../../../src/scans/vex/match.ts';
import { amd64, arm64, digestOf, subjectOf } from './fixtures.ts';

const now = Date.parse('2026-11-24T20:00:00Z');
const index = digestOf('index');
const version = (digest: string) => digest.replace(':', '%3A');
const image = (digest: string, qualifiers = '?repository_url=registry.test/acme/app&arch=amd64') => `pkg:oci/app@${version(digest)}${qualifiers}`;
const openssl = 'pkg:deb/debian/openssl@3.0.1?arch=amd64&distro=debian-12.5';

const finding: ScanFinding = {
  id: 'CVE-2026-0001',
  package: 'openssl',
  purl: openssl,
  installed: '3.0.1',
  fixed: null,
  severity: 'HIGH',
  severities: {},
  status: 'affected',
  published: null,
  suppressed: null,
};

type Changes = Readonly<Record<string, unknown>>;

function statement(changes: Changes = {}): Changes {
  return {
    vulnerability: { name: 'CVE-2026-0001' },
    timestamp: '2026-11-01T00:00:00Z',
    products: [{ '@id': image(amd64.digest), subcomponents: [{ '@id': 'pkg:deb/debian/openssl@3.0.1' }] }],
    status: 'not_affected',
    justification: 'vulnerable_code_not_in_execute_path',
    ...changes,
  };
}

function document(statements: readonly unknown[], changes: Changes = {}): Changes {
  return {
    '@context': 'https://openvex.dev/ns/v0.2.0',
    '@id': 'https://example.test/vex/1',
    author: 'Example Security',
    timestamp: '2026-10-01T00:00:00Z',
    version: 1,
    statements,
    ...changes,
  };
}

interface Case {
  readonly statements?: readonly Changes[];
  readonly about?: PlatformImage['digest'];
  readonly finding?: ScanFinding;
  readonly platform?: PlatformImage;
  readonly subject?: Subject;
}

function judge({ statements = [statement()], about, finding: of = finding, platform = amd64, subject = subjectOf(amd64) }: Case): ScanFinding['suppressed'] {
  const decoded = decodeVex(document(statements));
  if (!decoded.ok) throw new Error(decoded.fault.message);
  const claims = claimsById(decoded.value.map((each) => ({ by: `vex notes by ${each.author}`, about: about ?? null, statement: each })));
  return suppressByVex(of, platform, subject, claims, now, { left: 1000 });
}

const product = (id: string, more: Changes = {}): Case => ({ statements: [statement({ products: [{ '@id': id, ...more }] })] });
const subcomponent = (...ids: readonly string[]): Case => product(image(amd64.digest), { subcomponents: ids.map((id) => ({ '@id': id })) });
const pair = (first: Changes, second: Changes): readonly Case[] => [
  { statements: [statement(first), statement(second)] },
  { statements: [statement(second), statement(first)] },
];

describe('a finding stands', () => {
  const cases: Readonly<Record<string, Case>> = {
    'without a statement': { statements: [] },
    'when the statement is about another vulnerability': { statements: [statement({ vulnerability: { name: 'CVE-2026-9999' } })] },
    'when the vulnerability is only alike': { statements: [statement({ vulnerability: { name: 'CVE-2026-00010' } })] },
    'when it is said to be affected': { statements: [statement({ status: 'affected' })] },
    'when it is said to be fixed': { statements: [statement({ status: 'fixed' })] },
    'while it is under investigation': { statements: [statement({ status: 'under_investigation' })] },
    'when not_affected has no reason': { statements: [statement({ justification: undefined })] },
    'when the reason is blank': { statements: [statement({ justification: undefined, impact_statement: '  ' })] },
    'when no product is named': { statements: [statement({ products: [] })] },
    'when products are left out': { statements: [statement({ products: undefined })] },
    'when the product has no digest': product('pkg:oci/app?repository_url=registry.test/acme/app'),
    'when the product has a tag for a version': product('pkg:oci/app@1?repository_url=registry.test/acme/app'),
    'when the product has another digest': product(image(digestOf('other'))),
    'when the product is of another repository': product(image(amd64.digest, '?repository_url=registry.test/acme/other')),
    'when the product is of another registry': product(image(amd64.digest, '?repository_url=evil.test/acme/app')),
    'when the product has another name': product(`pkg:oci/other@${version(amd64.digest)}`),
    'when the product has a repository that is none': product(image(amd64.digest, '?repository_url=:::')),
    'when the product has another architecture': product(image(amd64.digest, '?arch=arm64')),
    'when the product is a package': product(openssl),
    'when the product is a package of that name with a digest': product(`pkg:docker/app@${version(amd64.digest)}`),
    'when the product is no package URL': product('registry.test/acme/app:1'),
    'when the product is the digest alone': product(amd64.digest),
    'when another package is the subcomponent': subcomponent('pkg:deb/debian/zlib1g@1.2'),
    'when the subcomponent has another version': subcomponent('pkg:deb/debian/openssl@3.0.2'),
    'when the subcomponent is of another type': subcomponent('pkg:rpm/debian/openssl@3.0.1'),
    'when the subcomponent is of another namespace': subcomponent('pkg:deb/ubuntu/openssl@3.0.1'),
    'when the subcomponent has a qualifier that the finding lacks': subcomponent('pkg:deb/debian/openssl@3.0.1?epoch=1'),
    'when the subcomponent has another value of a qualifier': subcomponent('pkg:deb/debian/openssl@3.0.1?arch=arm64'),
    'when the subcomponent is only a beginning of the name': subcomponent('pkg:deb/debian/open@3.0.1'),
    'when the subcomponent is no package URL': subcomponent('openssl'),
    'when a subcomponent is named and the finding has no package URL': { finding: { ...finding, purl: null } },
    'when the statement comes from the future': { statements: [statement({ timestamp: '2027-01-01T00:00:00Z' })] },
    'when the attestation was about other content': { about: digestOf('other') },
    "when the attestation was about a sibling's manifest": { about: arm64.digest, subject: subjectOf(amd64, arm64) },
    "when the product is a sibling's": { ...product(image(arm64.digest, '')), subject: subjectOf(amd64, arm64) },
  };
  test.each(Object.entries(cases))('%s', (_name, one) => expect(judge(one)).toBeNull());

  test('when a newer statement takes the older one back, in whatever order they stand', () => {
    for (const newer of ['affected', 'under_investigation', 'fixed']) {
      for (const one of pair({}, { status: newer, timestamp: '2026-11-02T00:00:00Z' })) expect(judge(one), newer).toBeNull();
    }
  });

  test('when a newer statement has no reason any more', () => {
    for (const one of pair({}, { justification: undefined, timestamp: '2026-11-02T00:00:00Z' })) expect(judge(one)).toBeNull();
  });

  test('when two of the same time disagree', () => {
    for (const one of [...pair({}, { status: 'affected' }), ...pair({}, { status: 'fixed' }), ...pair({}, { justification: undefined })])
      expect(judge(one)).toBeNull();
  });

  test('when what takes it back comes from the future: clearing needs a right clock, warning does not', () => {
    for (const one of pair({}, { status: 'affected', timestamp: '2027-01-01T00:00:00Z' })) expect(judge(one)).toBeNull();
  });
});

describe('a finding is suppressed', () => {
  const cases: Readonly<Record<string, Case>> = {
    'by a product with digest, repository and architecture, and the package': {},
    'by the name of a package without a version: the digest says which it is': subcomponent('pkg:deb/debian/openssl'),
    'by a package that is spelled otherwise': subcomponent('pkg:DEB/debian/openssl@3.0.1?distro=debian-12.5&arch=amd64'),
    'by one of several subcomponents': subcomponent('pkg:deb/debian/zlib1g', 'pkg:deb/debian/openssl@3.0.1'),
    'by a statement about the whole product': product(image(amd64.digest)),
    'by a statement about the whole product, though it has no package URL': { ...product(image(amd64.digest)), finding: { ...finding, purl: null } },
    'by a product without repository and architecture, of that digest and name': product(image(amd64.digest, '')),
    'by a product that is named by its identifiers': {
      statements: [statement({ products: [{ '@id': 'https://example.test/app', identifiers: { purl: image(amd64.digest) } }] })],
    },
    'by an alias': { statements: [statement({ vulnerability: { name: 'GHSA-xxxx', aliases: ['CVE-2026-0001'] } })] },
    'by an impact statement without a justification': { statements: [statement({ justification: undefined, impact_statement: 'the code is never called' })] },
    "by a product that is the index, in each platform's report": { ...product(image(index, '')), subject: subjectOf(amd64, arm64) },
    'by an attestation on the index': { about: index, subject: subjectOf(amd64, arm64) },
    'by an attestation on the manifest': { about: amd64.digest, subject: subjectOf(amd64, arm64) },
    'by the later of two statements': { statements: [statement({ status: 'affected', timestamp: '2026-10-02T00:00:00Z' }), statement()] },
    'by a statement that has the time of its document': {
      statements: [statement({ status: 'affected', timestamp: '2026-09-30T00:00:00Z' }), statement({ timestamp: undefined })],
    },
    'in a mirror that the product names': {
      ...product(image(amd64.digest, '?repository_url=mirror.test/hub/app')),
      subject: { ...subjectOf(amd64), repositories: [{ registry: 'mirror.test', repository: 'hub/app' }] },
    },
  };
  test.each(Object.entries(cases))('%s', (_name, one) => expect(judge(one)).toMatchObject({ by: 'vex notes by Example Security' }));

  test('with reason and author left visible', () => {
    expect(judge({ statements: [statement({ impact_statement: 'never called' })] })).toEqual({
      by: 'vex notes by Example Security',
      reason: 'vulnerable_code_not_in_execute_path: never called',
    });
  });

  test('with what the reason holds made safe to show', () => {
    expect(judge({ statements: [statement({ impact_statement: 'a\nb\u202e' })] })?.reason).toBe('vulnerable_code_not_in_execute_path: a\\u{a}b\\u{202e}');
  });

  test('for Docker Hub by either of its names', () => {
    const subject = { ...subjectOf(amd64), image: { ...subjectOf(amd64).image, registry: 'docker.io', repository: 'library/app' }, repositories: [] };
    expect(judge({ ...product(image(amd64.digest, '?repository_url=index.docker.io/library/app')), subject })).not.toBeNull();
    expect(judge({ ...product(image(amd64.digest, '?repository_url=index.docker.io/evil/app')), subject })).toBeNull();
  });
});

describe('a document is refused', () => {
  const cases: Readonly<Record<string, unknown>> = {
    'that is no object': [],
    'without a context': document([], { '@context': undefined }),
    'of the version that has subcomponents in another place': document([statement()], { '@context': 'https://openvex.dev/ns' }),
    'with subcomponents beside its products': document([statement({ subcomponents: ['pkg:deb/debian/openssl'] })]),
    'without an author': document([statement()], { author: undefined }),
    'without a time': document([statement()], { timestamp: undefined }),
    'with a time that is none': document([statement({ timestamp: 'yesterday' })]),
    'with a status that nobody knows': document([statement({ status: 'harmless' })]),
    'with a justification that nobody knows': document([statement({ justification: 'trust me' })]),
    'whose vulnerability is a text': document([statement({ vulnerability: 'CVE-2026-0001' })]),
    'with more products than may be': document([statement({ products: Array.from({ length: 50_001 }, () => ({ '@id': 'pkg:oci/app' })) })]),
    'that is CSAF': { document: { category: 'csaf_vex' }, vulnerabilities: [] },
  };
  test.each(Object.entries(cases))('%s', (_name, value) => expect(decodeVex(value)).toMatchObject({ ok: false, fault: { code: 'SCAN_INVALID' } }));

  test('never by throwing, whatever it is', () => {
    fc.assert(fc.property(fc.jsonValue(), (value) => decodeVex(value).ok || true));
    fc.assert(fc.property(fc.string(), (id) => judge(product(`pkg:oci/app@${id}`)) === null));
  });
});

import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { exceptionBlock, exceptionTable } from '../../../src/cli/output/exceptions.ts';
import { seeException } from '../../../src/exceptions/index.ts';
import { objectOf, type Plain, sealed, spec } from '../exceptions/objects.ts';
import { openTestDesk, type TestDesk } from './desk.ts';

let desk: TestDesk;

beforeEach(async () => {
  desk = await openTestDesk();
});
afterEach(() => desk.remove());

const paint = (_style: string, text: string): string => text;
const now = Date.parse('2026-11-24T12:00:00Z');

describe('exceptions check', () => {
  it('says of each manifest whether it would be taken; exit code 1 when one would not', async () => {
    await desk.put('good.yaml', JSON.stringify(objectOf()));
    await desk.put('bad.yaml', JSON.stringify(objectOf({ ...spec, images: ['**'], reason: '' })));
    expect(await desk.run(['exceptions', 'check', 'good.yaml'])).toMatchObject({
      code: 0,
      out: 'good.yaml:1: ImageException shop/web is good: it counts once somebody else has approved it, until 2026-12-01T00:00:00Z\n',
      err: '',
    });
    const { code, out } = await desk.run(['exceptions', 'check', 'good.yaml', 'bad.yaml']);
    expect(code).toBe(1);
    expect(out).toContain('bad.yaml:1: ImageException shop/web: spec.images.0: must be registry/repository');
    expect(out).toContain('spec.reason: must say something');
  });

  it('of something else is exit code 2', async () => {
    await desk.put('pod.yaml', '{ apiVersion: v1, kind: Pod, metadata: { name: web } }');
    expect(await desk.run(['exceptions', 'check', 'pod.yaml'])).toMatchObject({ code: 2, out: '', err: 'tidewaiter: there is no exception in it\n' });
    expect(await desk.run(['exceptions', 'check', 'none.yaml'])).toMatchObject({ code: 2 });
  });
});

describe('exceptions list --folder', () => {
  const head = 'apiVersion: tidewaiter.dev/v1\nkind: Configuration\n';

  it('shows how those of the folder stand; exit code 1 when one is void', async () => {
    await desk.put('tidewaiter.yaml', `${head}exceptions: { directory: exceptions }\n`);
    const starts = new Date(Date.now() - 60_000).toISOString();
    const expires = new Date(Date.now() + 60_000).toISOString();
    await desk.put('exceptions/web.yaml', JSON.stringify(objectOf({ ...spec, starts, expires })));
    expect(await desk.run(['exceptions', 'list', '--folder'])).toMatchObject({
      code: 0,
      out: `IN FORCE  ImageException shop/web\n    until ${expires}\n    waives signed for registry.corp/acme/**\n    because the key is being replaced\n`,
    });
    await desk.put('exceptions/late.yaml', JSON.stringify(objectOf({ ...spec, expires }, { name: 'late' })));
    const { code, out } = await desk.run(['exceptions', 'list', '--folder']);
    expect(code).toBe(1);
    expect(out).toContain('VOID      ImageException shop/late\n    spec.starts: an exception in a folder must say from when on it counts');
  });

  it('says so where there is no folder; exit code 2', async () => {
    await desk.put('tidewaiter.yaml', head);
    expect(await desk.run(['exceptions', 'list', '--folder'])).toMatchObject({ code: 2, err: 'tidewaiter: the configuration has no exceptions.directory\n' });
  });
});

describe('a command that needs a cluster', () => {
  it.each([
    ['exceptions', 'list'],
    ['exceptions', 'approve', 'web'],
    ['exceptions', 'acknowledge', 'web'],
    ['breakglass', '--reason', 'it burns'],
  ])('%s %s says that none is known; exit code 2', async (...argv) => {
    expect(await desk.run(argv)).toMatchObject({
      code: 2,
      out: '',
      err: 'tidewaiter: CONFIG_INVALID: no cluster is known: give --kubeconfig, or set KUBECONFIG\n',
    });
    expect((await desk.run([...argv, '--kubeconfig', 'none'])).err).toContain('the kubeconfig none can not be read');
  });
});

describe('breakglass', () => {
  it.each<[string, string[], string]>([
    ['without a reason', [], 'a breakglass has a reason'],
    ['with an empty one', ['--reason', ' '], 'a breakglass has a reason'],
    ['for longer than four hours', ['--reason', 'x', '--for', '5h'], 'It must be a time from 1m to 4h.'],
    ['for no time', ['--reason', 'x', '--for', '0s'], 'It must be a time from 1m to 4h.'],
    ['made and ended at once', ['--reason', 'x', '--end', 'y'], 'cannot be used with option'],
  ])('%s is refused before anybody is asked; exit code 2', async (_, argv, why) => {
    const { code, err } = await desk.run(['breakglass', ...argv]);
    expect({ code, err }).toMatchObject({ code: 2, err: expect.stringContaining(why) });
  });
});

describe('an exception that people look at', () => {
  const seen = (object: Plain, at = now) => seeException(object, at);

  it.each<[string, Plain, number, string]>([
    ['is in force', sealed(objectOf()), now, 'inForce'],
    ['is not approved', sealed(objectOf(), { approvedBy: null }), now, 'pending'],
    ['is over', sealed(objectOf()), Date.parse(spec.expires), 'expired'],
    ['is to come', sealed(objectOf({ ...spec, starts: '2026-11-30T00:00:00Z' })), now, 'upcoming'],
    ['is a breakglass', sealed(objectOf({ breakglass: true, reason: 'x', expires: spec.expires }), { approvedBy: null }), now, 'breakglass'],
    ['has no seal', objectOf(), now, 'void'],
    ['was edited', { ...sealed(objectOf()), spec: { ...spec, images: ['registry.corp/**'] } }, now, 'void'],
  ])('and %s is told apart', (_, object, at, standing) => {
    expect(seen(object, at)).toMatchObject({ standing });
  });

  it('shows what is waived, why, whose it is and until when', () => {
    expect(exceptionTable([seen(sealed(objectOf())), seen(objectOf())], paint, now)).toBe(
      [
        'IN FORCE  ImageException shop/web',
        '    until 2026-12-01T00:00:00Z, by alice, approved by bob',
        '    waives signed for registry.corp/acme/**',
        '    because the key is being replaced',
        'VOID      ImageException shop/web',
        '    it has no seal: it was not written through the webhook',
      ].join('\n'),
    );
  });

  it('shows an approver everything, and nothing that hides', () => {
    const object = sealed(objectOf({ ...spec, cves: [], ticket: 'SEC-7', owner: 'team web' }));
    const text = exceptionBlock(seen({ ...object, status: { ...(object['status'] as Plain), createdBy: 'al\u202eice' } }), paint);
    for (const part of ['signed', 'registry.corp/acme/**', 'the key is being replaced', 'SEC-7', 'team web', spec.expires, 'al\\u{202e}ice'])
      expect(text).toContain(part);
    expect(text).not.toContain('\u202e');
  });
});

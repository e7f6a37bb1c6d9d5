import { describe, expect, it } from 'vitest';
import type { Evidence } from '../../../src/domain/evidence.ts';
import { fault } from '../../../src/domain/fault.ts';
import { type Access, ownAccess } from '../../../src/domain/registry.ts';
import type { ImageRights } from '../../../src/domain/rights.ts';
import { emptyEvidence } from '../parts.ts';
import { pinnedNginx, pod, request, setUp } from './line.ts';

const refused: Evidence = {
  ...emptyEvidence,
  dark: ['resolve'],
  faults: [{ stage: 'resolve', source: 'registry', code: 'REGISTRY_UNAUTHORIZED', message: 'answered 401', transient: false }],
};

/** A line on which only one right is not refused, and what was tried on it. */
function lineWith(rights: ImageRights, welcome: string | null) {
  const asked: { readonly namespace: string; readonly pullSecrets: readonly string[]; readonly how: string }[] = [];
  const line = setUp({
    rights: {
      find: (_written, how, { namespace, workload }) => {
        asked.push({ namespace, pullSecrets: workload.pullSecrets, how });
        return rights;
      },
    },
  });
  const tried: string[] = [];
  line.evidenceFor = ({ key }: Access) => {
    tried.push(key);
    return key === welcome ? null : refused;
  };
  return { line, asked, tried };
}

const first: Access = { key: 'first' };
const second: Access = { key: 'second' };
const third: Access = { key: 'third' };

describe('an image that is read with the right of its Pod', () => {
  it('is refused when every right is, with what kept others from being found', async () => {
    const why = fault('REGISTRY_UNAUTHORIZED', 'the pull secret shop/gone does not exist');
    const { line, tried } = lineWith({ accesses: [first, second], faults: [why] }, null);
    const answer = await line.validate(request(pod([pinnedNginx])));
    expect(answer.status?.message).toContain('REGISTRY_UNAUTHORIZED: the pull secret shop/gone does not exist; REGISTRY_UNAUTHORIZED: answered 401');
    expect(tried).toEqual(['first', 'second']);
  });

  it('is admitted with the first right that is not refused, and nothing is said of the others', async () => {
    const why = fault('REGISTRY_UNAUTHORIZED', 'the pull secret shop/gone does not exist');
    const { line, tried } = lineWith({ accesses: [first, second, third], faults: [why] }, 'second');
    expect(await line.validate(request(pod([pinnedNginx])))).toMatchObject({ allowed: true, warnings: [] });
    expect(tried).toEqual(['first', 'second']);
    expect(line.records[0]?.images[0]?.evidence.faults).toEqual([]);
  });

  it('is looked for no further when a registry is out of reach', async () => {
    const { line, tried } = lineWith({ accesses: [first, second], faults: [] }, null);
    const unavailable: Evidence = {
      ...refused,
      faults: [{ stage: 'resolve', source: 'registry', code: 'REGISTRY_UNAVAILABLE', message: 'down', transient: true }],
    };
    line.evidenceFor = ({ key }) => {
      tried.push(key);
      return unavailable;
    };
    expect((await line.validate(request(pod([pinnedNginx])))).allowed).toBe(false);
    expect(tried).toEqual(['first']);
  });

  it('has the Secrets of its Pod, in the namespace of the request', async () => {
    const { line, asked } = lineWith({ accesses: [ownAccess], faults: [] }, '');
    const object = pod(['nginx:1.27'], { imagePullSecrets: [{ name: 'pull' }, {}, 7, { name: 'other' }] });
    await line.mutate(request({ ...object, metadata: { name: 'web', namespace: 'elsewhere' } }));
    await line.validate(request(object));
    expect(asked).toEqual([
      { namespace: 'shop', pullSecrets: ['pull', 'other'], how: 'place' },
      { namespace: 'shop', pullSecrets: ['pull', 'other'], how: 'identify' },
    ]);
  });
});

import { describe, expect, it } from 'vitest';
import type { Exception, ExceptionSpec } from '../../../src/domain/exception.ts';
import { bad, good } from '../../../src/domain/fault.ts';
import { compiled } from '../domain/exceptions.ts';
import { finding, pinnedNginx, pod, request, setUp } from './line.ts';

const tomorrow = (): Partial<Exception> => ({ starts: 0, expires: Date.now() + 86_400_000, warnFrom: Date.now() + 80_000_000 });

/** The line under policies that deny, and an exception. */
function deniedBut(spec: Partial<ExceptionSpec>, more: Partial<Exception> = tomorrow(), options: Parameters<typeof setUp>[0] = {}) {
  const world = setUp(options);
  world.judge = async () => ({ revision: 'r1', recorded: '{}', findings: good([finding()]) });
  world.exceptions = [compiled(spec, more)];
  return world;
}

describe('a Pod that an exception lets in', () => {
  it('is admitted with a warning that says by what and until when', async () => {
    const world = deniedBut({ policies: ['signed'] });
    const answer = await world.validate(request(pod([pinnedNginx])));
    expect(answer).toMatchObject({ allowed: true, auditAnnotations: { exceptions: 'ImageException shop/web', decision: 'allow' } });
    expect(answer.warnings).toEqual([expect.stringMatching(/^allowed by exception ImageException shop\/web until 20\d\d-[0-9T:.-]+Z$/)]);
    expect(world.records).toMatchObject([{ decision: 'allow', exceptions: [{ name: 'web' }], findings: [{ decisive: false, waivedBy: { name: 'web' } }] }]);
    expect(world.events).toMatchObject([{ outcome: 'allow', exceptions: [{ name: 'web' }] }]);
  });

  it('is told when the exception ends soon', async () => {
    const ending = { starts: 0, expires: Date.now() + 3 * 3_600_000 + 5_000, warnFrom: Date.now() - 1 };
    const { warnings } = await deniedBut({ policies: ['signed'] }, ending).validate(request(pod([pinnedNginx])));
    expect(warnings).toEqual([expect.stringContaining('; it ends in 3 hours, and then this is denied')]);
  });

  it('is told when the exception may not stand any more', async () => {
    const { warnings } = await deniedBut({ policies: ['signed'] }, { ...tomorrow(), stale: true }).validate(request(pod([pinnedNginx])));
    expect(warnings).toEqual([expect.stringContaining('; whether it still stands could not be looked at')]);
  });

  it('is told nothing where the mode is observe', async () => {
    const world = deniedBut({ policies: ['signed'] }, tomorrow(), { mode: { default: 'observe' } });
    expect(await world.validate(request(pod([pinnedNginx])))).toMatchObject({ allowed: true, warnings: [] });
  });

  it('is judged in `check` by the same exceptions', async () => {
    expect(await deniedBut({ policies: ['signed'] }).check(request(pod([pinnedNginx])))).toMatchObject({ answered: 'allow', exceptions: [{ name: 'web' }] });
  });
});

describe('a Pod that is denied in spite of an exception', () => {
  it('is not told that something allowed it', async () => {
    const world = deniedBut({ policies: ['signed'] });
    world.judge = async () => ({ revision: 'r1', recorded: '{}', findings: good([finding(), finding({ policy: 'latest', msg: 'latest' })]) });
    const answer = await world.validate(request(pod([pinnedNginx])));
    expect(answer).toMatchObject({ allowed: false, warnings: [] });
    expect(answer.status?.message).toContain('image policy: 1 violation\n- [latest]');
  });
});

describe('a breakglass', () => {
  const broken = { breakglass: true } as const;

  it('admits only once its record is on disk', async () => {
    const world = deniedBut(broken);
    let written = (): void => {};
    world.durable = new Promise((resolve) => {
      written = () => resolve(good(undefined));
    });
    let answered = false;
    const answer = world.validate(request(pod([pinnedNginx]))).then((given) => {
      answered = true;
      return given;
    });
    await new Promise(setImmediate);
    await new Promise(setImmediate);
    expect({ recorded: world.records.length, answered }).toEqual({ recorded: 1, answered: false });
    written();
    expect(await answer).toMatchObject({ allowed: true, warnings: [expect.stringContaining('allowed by breakglass ImageException shop/web')] });
  });

  it('admits nothing when its record can not be kept', async () => {
    const world = deniedBut(broken);
    world.durable = Promise.resolve(bad('AUDIT_UNAVAILABLE', 'the disk is full'));
    const answer = await world.validate(request(pod([pinnedNginx])));
    expect(answer).toMatchObject({ allowed: false, status: { message: expect.stringContaining('AUDIT_UNAVAILABLE') } });
  });

  it('waits for nothing where it made no difference', async () => {
    const world = setUp();
    world.exceptions = [compiled(broken, tomorrow())];
    world.durable = new Promise(() => {});
    expect(await world.validate(request(pod([pinnedNginx])))).toMatchObject({ allowed: true, warnings: [] });
  });

  it('admits Pods that a controller makes', async () => {
    const made = { ...pod([pinnedNginx]), metadata: { generateName: 'web-', ownerReferences: [{ kind: 'ReplicaSet', name: 'web-1', controller: true }] } };
    const user = { username: 'system:serviceaccount:kube-system:replicaset-controller', groups: [] };
    expect(await deniedBut(broken).validate(request(made, { user, name: null }))).toMatchObject({ allowed: true });
  });
});

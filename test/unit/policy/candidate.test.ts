import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { afterEach, describe, expect, it } from 'vitest';
import type { CandidateJudgement } from '../../../src/domain/decision.ts';
import type { PolicyRoom } from '../../../src/policy/index.ts';
import { about, cleanUp, findingsOf, folderOf, never, openRoom, statusWhere } from './fixtures.ts';

afterEach(cleanUp);

const policy = (rules: string): Promise<string> => folderOf({ 'p.rego': `package policies.p\n\n${rules}\n` });
const loaded = (room: PolicyRoom) => statusWhere(room, ({ candidate }) => candidate?.revision !== null);

async function ask(room: PolicyRoom, namespace = 'shop'): Promise<(() => Promise<CandidateJudgement | null>) | undefined> {
  return (await room.judge(about(namespace), never)).candidate;
}

describe('a candidate', () => {
  it('is asked the very question that the policies in force were asked', async () => {
    const rules = 'deny contains sprintf("%s at %s", [input.review.namespace, input.now])';
    const room = await openRoom(
      { directory: await policy(rules) },
      { candidate: { directory: await policy(`# other\n${rules}\n\nwarn contains "more" if input.version`) } },
    );
    await loaded(room);
    const [inForce] = await findingsOf(room);
    const judged = await (await ask(room))?.();
    expect(judged?.findings).toMatchObject({ ok: true, value: [{ msg: inForce?.msg }, { msg: 'more', effect: 'warn' }] });
    expect(judged?.revision).toBe(room.status().candidate?.revision);
  });

  it('of the same policies is not asked, unless its modes are others', async () => {
    const directory = await policy('deny contains "x"');
    const same = await openRoom({ directory }, { candidate: { directory } });
    await loaded(same);
    expect(await ask(same)).toBeUndefined();
    const milder = await openRoom({ directory }, { candidate: { directory }, candidateModes: { p: 'warn' } });
    await loaded(milder);
    expect(await findingsOf(milder)).toMatchObject([{ effect: 'deny' }]);
    expect((await (await ask(milder))?.())?.findings).toMatchObject({ ok: true, value: [{ effect: 'warn' }] });
  });

  it('without the policies that are required, or one that does not compile, leaves what is in force alone, and says why', async () => {
    const directory = await policy('deny contains "x"');
    const broken = await folderOf({ 'q.rego': 'package policies.q\n\ndeny contains "x"\n' });
    const room = await openRoom({ directory }, { candidate: { directory: broken }, required: ['p'] });
    const { candidate, fault, revision } = await statusWhere(room, (status) => status.candidate?.fault !== null);
    expect({ candidate, fault }).toMatchObject({
      candidate: { revision: null, fault: { message: expect.stringContaining('required policy p is missing') } },
      fault: null,
    });
    expect(revision).not.toBeNull();
    expect(await ask(room)).toBeUndefined();
    await writeFile(join(broken, 'q.rego'), 'package policies.q\n\ndeny contains "x" if {\n');
    await statusWhere(room, (status) => status.candidate?.fault?.message.includes('q.rego') === true);
    expect(await findingsOf(room)).toHaveLength(1);
  });

  it('that is slower than the questions come is asked about some of them only', async () => {
    const range = 'numbers.range(1, 4000)';
    const loop = `deny contains "x" if {\n  input.review.namespace == "slow"\n  some a in ${range}\n  some b in ${range}\n  a + b == -1\n}`;
    const room = await openRoom({ directory: await policy('deny contains "x"') }, { candidate: { directory: await policy(loop) }, timeout: 50 });
    await loaded(room);
    const candidates = await Promise.all(Array.from({ length: 70 }, () => ask(room, 'slow')));
    const judged = candidates.map((candidate) => candidate?.());
    const skipped = await Promise.all(judged.slice(64));
    expect(skipped).toEqual(Array.from({ length: 6 }, () => null));
    expect(room.status().candidate?.waiting).toBe(64);
    expect(await judged[0]).toMatchObject({ findings: { ok: false, fault: { code: 'POLICY_TIMEOUT' } } });
  });
});

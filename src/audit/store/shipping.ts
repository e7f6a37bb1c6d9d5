import type { MessagePort } from 'node:worker_threads';
import { publicFault } from '../../domain/fault.ts';
import type { AuditLog } from '../log.ts';
import { storeFault } from './answers.ts';
import type { Database } from './database.ts';
import { openDatabase } from './open.ts';
import type { FromShipper, ShipTask, ToShipper } from './protocol.ts';
import { applyRetention, isOver, type SignRemoval } from './retain.ts';
import { Shipper } from './ship.ts';

/** Milliseconds. */
const times = { idle: 2_000, retryFirst: 250, retryLast: 15_000, retention: 3_600_000 };

/** Ships what is committed until it is told to finish; while the store can't be used it tries again and again. Never rejects. */
export async function shipUntilFinished(task: ShipTask, port: MessagePort, tell: (message: FromShipper) => void, log: AuditLog): Promise<void> {
  let { committed } = task;
  let finishing = false;
  let wake: () => void = () => {};
  let signed: () => void = () => {};
  const sign: SignRemoval = async (ranges) => {
    const { promise, resolve } = Promise.withResolvers<void>();
    signed = resolve;
    tell({ type: 'removing', ranges });
    await promise;
  };
  port.on('message', (message: ToShipper) => {
    if (message.type === 'committed') committed = message.committed;
    else if (message.type === 'signed') signed();
    else finishing = true;
    wake();
  });
  const rest = async (milliseconds: number): Promise<void> => {
    const { promise, resolve } = Promise.withResolvers<void>();
    wake = resolve;
    const timer = setTimeout(resolve, milliseconds);
    await promise;
    clearTimeout(timer);
  };

  const { signal } = new AbortController();
  let opened: { readonly db: Database; readonly shipper: Shipper } | null = null;
  let failures = 0;
  let retained = Number.NEGATIVE_INFINITY;
  for (;;) {
    const [before, last] = [committed, finishing];
    try {
      opened ??= await open(task, () => committed, tell, log);
      if (isOver(opened.db, task.retention)) await makeRoom(opened.db, task, tell, log, sign);
      await opened.shipper.run(signal);
      if (failures > 0) log.info({}, 'the audit store takes records again');
      if (failures > 0 || retained === Number.NEGATIVE_INFINITY) tell({ type: 'state', fault: null });
      failures = 0;
      if (!last && performance.now() - retained > times.retention) {
        retained = performance.now();
        const entries = await applyRetention(opened.db, task.retention, Date.now(), log, sign);
        if (entries > 0) tell({ type: 'retired', entries });
      }
    } catch (cause) {
      failures += 1;
      const { fault } = storeFault(cause);
      if (failures === 1) log.error({ ...publicFault(fault), cause: String(cause) }, 'the audit store takes no records: they wait in the spool');
      tell({ type: 'state', fault: publicFault(fault) });
    }
    if (last) break;
    if (failures > 0) await pause(failures, rest, () => finishing);
    else if (committed === before && !finishing) await rest(times.idle);
  }
  await opened?.db.close().catch(() => {});
  tell({ type: 'finished' });
  port.close();
}

/** Longer and longer, whatever is committed meanwhile; but no longer than there is time for at the end. */
async function pause(failures: number, rest: (milliseconds: number) => Promise<void>, over: () => boolean): Promise<void> {
  const length = Math.min(times.retryLast, times.retryFirst * 2 ** Math.min(failures - 1, 10)) * (0.5 + Math.random() / 2);
  const end = performance.now() + length;
  while (!over() && performance.now() < end) await rest(end - performance.now());
}

/** Where nothing more can go, records wait in the spool, whose own bound decides what happens then. */
async function makeRoom(db: Database, { retention }: ShipTask, tell: (message: FromShipper) => void, log: AuditLog, sign: SignRemoval): Promise<void> {
  const entries = await applyRetention(db, retention, Date.now(), log, sign);
  if (entries > 0) tell({ type: 'retired', entries });
  if (isOver(db, retention)) throw Object.assign(new Error('the store has no room left'), { code: 'STORE_FULL' });
}

async function open(task: ShipTask, committed: () => ShipTask['committed'], tell: (message: FromShipper) => void, log: AuditLog) {
  const db = openDatabase(task.settings, 'write', 3);
  try {
    await db.migrate();
  } catch (cause) {
    await db.close().catch(() => {});
    throw cause;
  }
  const shipper = new Shipper({
    directory: task.directory,
    db,
    log,
    committed,
    removes: true,
    clock: Date.now,
    removed: ({ bytes }) => tell({ type: 'removedSegment', bytes }),
    shipped: (entries) => tell({ type: 'shipped', entries }),
  });
  return { db, shipper };
}

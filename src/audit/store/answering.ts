import type { MessagePort } from 'node:worker_threads';
import type { Outcome } from '../../domain/fault.ts';
import type { AuditLog } from '../log.ts';
import { answerFrom, storeFault } from './answers.ts';
import { type OpenedStore, openStore } from './opened.ts';
import type { FromReader, ReadTask, ToReader } from './protocol.ts';

/** Answers one question after the other. Nothing rejects. */
export function answerQuestions(task: ReadTask, port: MessagePort, tell: (message: FromReader) => void, log: AuditLog): void {
  const { signal } = new AbortController();
  let opened: OpenedStore | null = null;
  let turn: Promise<void> = Promise.resolve();
  port.on('message', ({ id, question, given }: ToReader) => {
    turn = turn.then(async () => {
      let answer: Outcome<unknown>;
      try {
        opened ??= await openStore(task.settings, task.retention, log);
        await opened.refresh(signal);
        // The one that asks has the types of both sides.
        const pages: Readonly<Record<string, (...given: readonly unknown[]) => Promise<Outcome<unknown>>>> = answerFrom(opened.db, Date.now) as never;
        answer = (await pages[question]?.(...given, signal)) ?? { ok: true, value: null };
      } catch (cause) {
        answer = storeFault(cause);
      }
      // A cause may hold what can't be passed on.
      tell({ type: 'answer', id, answer: answer.ok ? answer : { ok: false, fault: { ...answer.fault, cause: String(answer.fault.cause ?? '') } } });
    });
  });
}

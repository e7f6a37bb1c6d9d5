import { parentPort, workerData } from 'node:worker_threads';
import type { AuditLog } from '../log.ts';
import { answerQuestions } from './answering.ts';
import type { FromStore, StoreTask } from './protocol.ts';
import { shipUntilFinished } from './shipping.ts';

// The entry point of a store's thread: one that fills it, or one that reads it.
const port = parentPort;
if (port === null) throw new Error('this is the entry of a worker thread');
const task: StoreTask = workerData;
const tell = (message: FromStore): void => port.postMessage(message);
const say =
  (level: 'info' | 'warn' | 'error'): AuditLog['info'] =>
  (fields, message) =>
    tell({ type: 'log', level, fields, message });
const log: AuditLog = { info: say('info'), warn: say('warn'), error: say('error') };

if (task.role === 'ship') await shipUntilFinished(task, port, tell, log);
else answerQuestions(task, port, tell, log);

import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { type Deadline, deadlineIn } from '../../../src/domain/deadline.ts';
import type { Finding, Question } from '../../../src/domain/decision.ts';
import type { Outcome } from '../../../src/domain/fault.ts';
import { good } from '../../../src/domain/fault.ts';
import { createPolicies, type PolicyOptions, type PolicyRoom, type PolicyStatus } from '../../../src/policy/index.ts';
import { sampleQuestions } from '../../../src/policy/sample.ts';
import { installTool } from '../../../tools/install.ts';

const release: (() => Promise<unknown>)[] = [];

/** Removes whatever the helpers below made. */
export async function cleanUp(): Promise<void> {
  for (const undo of release.splice(0).reverse()) await undo();
}

/** A folder of files that lives as long as the test. */
export async function folderOf(files: Readonly<Record<string, string>>): Promise<string> {
  const folder = await mkdtemp(join(tmpdir(), 'tidewaiter-test-'));
  release.push(() => rm(folder, { recursive: true, force: true }));
  for (const [path, content] of Object.entries(files)) {
    await mkdir(dirname(join(folder, path)), { recursive: true });
    await writeFile(join(folder, path), content);
  }
  return folder;
}

export function optionsFor(source: PolicyOptions['source'], more: Partial<PolicyOptions> = {}): PolicyOptions {
  return {
    source,
    opa: async () => good(await installTool('opa')),
    required: [],
    modes: {},
    data: {},
    timeout: 400,
    recordedAnnotations: [],
    workers: 1,
    log: () => {},
    ...more,
  };
}

export async function openRoom(source: PolicyOptions['source'], more: Partial<PolicyOptions> = {}): Promise<PolicyRoom> {
  const room = await createPolicies(optionsFor(source, more));
  if (!room.ok) throw new Error(room.fault.message);
  release.push(() => room.value.close());
  return room.value;
}

/** A room with one policy, `p`, of these rules. */
export async function roomOf(rules: string, more: Partial<PolicyOptions> = {}): Promise<PolicyRoom> {
  return openRoom({ directory: await folderOf({ 'p.rego': `package policies.p\n\n${rules}\n` }) }, more);
}

const [sample] = sampleQuestions;

/** A question about a Pod in a namespace: the word by which test policies know what to do. */
export function about(namespace: string): Question {
  if (sample === undefined) throw new Error('there is no sample');
  return { ...sample, review: { ...sample.review, namespace } };
}

/** For what is done at the desk, in its own time. */
export const unhurried = new AbortController().signal;

export const never: Deadline = deadlineIn(3_600_000, Date.now());

/** What the policies of a room said, or why they could not. */
export async function judge(room: PolicyRoom, question: Question, deadline: Deadline = never): Promise<Outcome<readonly Finding[]>> {
  return (await room.judge(question, deadline)).findings;
}

export async function findingsOf(room: PolicyRoom, question: Question = about('shop')): Promise<readonly Finding[]> {
  const findings = await judge(room, question);
  if (!findings.ok) throw new Error(`${findings.fault.code}: ${findings.fault.message}`);
  return findings.value;
}

/** Resolves with the first status, now or after a load, that fits. */
export function statusWhere(room: PolicyRoom, fits: (status: PolicyStatus) => boolean): Promise<PolicyStatus> {
  if (fits(room.status())) return Promise.resolve(room.status());
  return new Promise((resolve) => {
    const stop = room.onChange((status) => {
      if (!fits(status)) return;
      stop();
      resolve(status);
    });
  });
}

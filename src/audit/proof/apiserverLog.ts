import { createReadStream } from 'node:fs';
import { createInterface } from 'node:readline';
import { decodeTime } from 'ulidx';
import { property, text, textMap } from '../../domain/json.ts';
import { safeText } from '../../domain/text.ts';
import { parseLine } from '../chain.ts';
import { type Faults, nowhere, type Place } from './faults.ts';

/** Records that are compared at most. */
const mostRecords = 2_000_000;

interface Witnessed {
  readonly hash: string;
  readonly place: Place;
  readonly what: string;
}

/** Whose annotations are meant: webhooks of this name, whatever stands before it. */
const webhookName = /(?:^|\.)tidewaiter\.dev$/;

/**
 * What the API server's own audit log says of our decisions: for each record its hash, from the annotations that our answers carried.
 * https://kubernetes.io/docs/reference/config-api/apiserver-audit.v1/#audit-k8s-io-v1-Event
 */
export class ApiserverLog {
  readonly #faults: Faults;
  readonly #records = new Map<string, Witnessed>();
  events = 0;
  records = 0;
  #beyond = 0;

  constructor(faults: Faults) {
    this.#faults = faults;
  }

  /** Reads a log, JSON Lines. Rejects as the disk does. */
  async read(path: string, signal: AbortSignal): Promise<void> {
    const input = createReadStream(path, { encoding: 'utf8', signal });
    let line = 0;
    let broken: Place | null = null;
    for await (const written of createInterface({ input, crlfDelay: Number.POSITIVE_INFINITY })) {
      line += 1;
      if (broken !== null) this.#faults.add('unread', nowhere, broken, "the line of the API server's log is no audit event");
      broken = null;
      if (written === '') continue;
      const event = parseLine(written);
      if (text(property(event, 'auditID')) !== null) this.#take(event, { file: path, line });
      else broken = { file: path, line };
    }
    // The last line may still be on its way.
    if (broken !== null) this.#faults.note(`${safeText(path, 200)}:${broken.line}: the last line was not finished`);
  }

  /** Compares an entry of ours; each is named once. */
  meet(id: string, hash: string, at: { readonly chain: string; readonly sequence: number }, place: Place | null): void {
    const witnessed = this.#records.get(id);
    if (witnessed === undefined) return;
    this.#records.delete(id);
    if (witnessed.hash === hash) return;
    const message = `record ${id} has another hash than the API server was told for ${witnessed.what} (${nameOf(witnessed.place)}): ${witnessed.hash}`;
    this.#faults.add('differs', at, place, message);
  }

  /** Says what the API server was told of and is not there. What was removed before `pruned` (milliseconds) may be among what was pruned. */
  finish(pruned: number): void {
    let old = 0;
    for (const [id, { place, what }] of this.#records) {
      if (decodeTime(id) <= pruned) old += 1;
      else this.#faults.add('unrecorded', nowhere, place, `the API server was told of record ${id} for ${what}, and it is not there`);
    }
    if (old > 0) this.#faults.note(`${old} records that the API server was told of are not there, and may be among those that were removed to make room`);
    if (this.#beyond > 0)
      this.#faults.add('unread', nowhere, null, `${this.#beyond} records of the API server's log were not compared: it has too many for one run`);
  }

  #take(event: unknown, place: Place): void {
    this.events += 1;
    const annotations = textMap(property(event, 'annotations'));
    const what = describeEvent(event);
    for (const [key, value] of Object.entries(annotations)) {
      const slash = key.indexOf('/');
      const name = key.slice(0, slash);
      if (key.startsWith('failed-open.') && webhookName.test(value)) {
        this.#faults.add('bypass', nowhere, place, `${what} was let in without being asked about: ${safeText(name, 100)}, webhook ${safeText(value, 100)}`);
      }
      if (slash < 0 || !webhookName.test(name)) continue;
      if (key.endsWith('/decision') && value === 'deny' && annotations[`${name}/record`] === undefined && !isDryRun(event)) {
        this.#faults.add('unrecorded', nowhere, place, `${what} was denied without a record`);
      }
      if (key.endsWith('/record')) this.#witness(value, annotations[`${name}/hash`] ?? '', what, place);
    }
  }

  #witness(id: string, hash: string, what: string, place: Place): void {
    if (!/^[0-7][0-9A-HJKMNP-TV-Z]{25}$/.test(id)) return;
    const known = this.#records.get(id);
    // Each stage of a request is an event of its own.
    if (known !== undefined && known.hash !== hash) this.#faults.add('fork', nowhere, place, `the API server was told two hashes of record ${id}`);
    if (known !== undefined) return;
    if (this.#records.size >= mostRecords) {
      this.#beyond += 1;
      return;
    }
    this.records += 1;
    this.#records.set(id, { hash, place, what });
  }
}

function isDryRun(event: unknown): boolean {
  const uri = text(property(event, 'requestURI')) ?? '';
  return URL.canParse(uri, 'https://apiserver') && new URL(uri, 'https://apiserver').searchParams.has('dryRun');
}

function describeEvent(event: unknown): string {
  const object = property(event, 'objectRef');
  const words = [text(property(object, 'resource')), text(property(object, 'namespace')), text(property(object, 'name'))].filter((word) => word !== null);
  const who = text(property(property(event, 'user'), 'username'));
  return safeText(`${text(property(event, 'verb')) ?? 'a request'} of ${words.join('/') || 'an object'}${who === null ? '' : ` by ${who}`}`, 300);
}

function nameOf({ file, line }: Place): string {
  return safeText(`${file}:${line}`, 300);
}

import { type KeptClass, keptClasses } from './tables.ts';

const week = 7 * 86_400_000;
/** Monday, 1970-01-05. */
const firstMonday = 4 * 86_400_000;

/** A week of records of one retention class. */
export interface Partition {
  readonly kept: KeptClass;
  /** Milliseconds since the epoch: a Monday, UTC. */
  readonly from: number;
  /** Exclusive. */
  readonly to: number;
  /** Such as `20261123_deny`. */
  readonly name: string;
}

export function partitionOf(kept: KeptClass, time: number): Partition {
  const from = Math.floor((time - firstMonday) / week) * week + firstMonday;
  return { kept, from, to: from + week, name: `${new Date(from).toISOString().slice(0, 10).replaceAll('-', '')}_${kept}` };
}

/** The partition that a name means; null for any other name. */
export function partitionNamed(name: string): Partition | null {
  const [, year, month, day, word] = /^(\d{4})(\d\d)(\d\d)_([a-z]+)$/.exec(name) ?? [];
  const kept = keptClasses.find((each) => each === word);
  const time = Date.parse(`${year}-${month}-${day}`);
  if (kept === undefined || Number.isNaN(time)) return null;
  const partition = partitionOf(kept, time);
  return partition.name === name ? partition : null;
}

/** Newest first. */
export function byAge(a: Partition, b: Partition): number {
  return b.from - a.from || (a.kept < b.kept ? -1 : 1);
}

/** Where a record stands among all: larger is newer. With no id the first place of its time. */
export function placeOf(time: number, id = ''): string {
  return String(Math.max(0, Math.floor(time))).padStart(15, '0') + id;
}

export const placeForm = /^\d{15}[0-9A-HJKMNP-TV-Z]{0,26}$/;

export function timeOfPlace(place: string): number {
  return Number(place.slice(0, 15));
}

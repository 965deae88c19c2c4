/**
 * The online state of one group: for each live key its integer accumulators and its last rows.
 *
 * Shapes: `cells` is [slots, cellCount] row-major f64 holding exact integers; each remembered row is [slots] f64 for event
 * time, tie and position and [slots, values] f64 for its values, NaN as null. A slot lives while some row of its key is
 * retained (`references`), so a key whose windows are empty costs nothing and equals a key never seen.
 */
import type { GroupPlan } from './plan.ts';
import { sumMax } from './terms.ts';

export type KeyValue = string | number;

interface LastState {
  eventTimes: Float64Array;
  ties: Float64Array;
  positions: Float64Array;
  values: Float64Array;
}

/** Plain data: copied by structured clone into snapshots. */
export interface GroupState {
  readonly slots: Map<KeyValue, number>;
  readonly keys: KeyValue[];
  readonly free: number[];
  references: Int32Array;
  cells: Float64Array;
  readonly lasts: LastState[];
  /** Sums that left the exact range and read as null until their key is empty again. */
  overflows: number;
}

const capacityInitial = 64;

export function createGroupState(group: GroupPlan): GroupState {
  const state: GroupState = {
    slots: new Map(),
    keys: [],
    free: [],
    references: new Int32Array(0),
    cells: new Float64Array(0),
    lasts: group.lasts.map(() => ({
      eventTimes: new Float64Array(0),
      ties: new Float64Array(0),
      positions: new Float64Array(0),
      values: new Float64Array(0),
    })),
    overflows: 0,
  };
  resize(state, group, capacityInitial);
  return state;
}

const longPart = 0xffff;

/** The composite key: unambiguous because it begins with the length of every part but the last, one character each. */
export function joinKey(parts: readonly KeyValue[]): KeyValue {
  if (parts.length === 1) return parts[0] as KeyValue;
  let lengths = '';
  let key = '';
  for (let i = 0; i < parts.length; i++) {
    const part = String(parts[i]);
    key += part;
    if (i === parts.length - 1) break;
    lengths += part.length < longPart ? String.fromCharCode(part.length) : `\uffff${part.length}:`;
  }
  return lengths + key;
}

/** The slot of a key for one more retained row. */
export function acquireSlot(state: GroupState, group: GroupPlan, key: KeyValue): number {
  let slot = state.slots.get(key);
  if (slot === undefined) {
    slot = state.free.pop() ?? state.keys.length;
    if (slot >= state.references.length) resize(state, group, state.references.length * 2);
    state.keys[slot] = key;
    state.slots.set(key, slot);
  }
  state.references[slot] = (state.references[slot] as number) + 1;
  return slot;
}

export function releaseSlot(state: GroupState, group: GroupPlan, slot: number): void {
  const left = (state.references[slot] as number) - 1;
  state.references[slot] = left;
  if (left > 0) return;
  state.slots.delete(state.keys[slot] as KeyValue);
  state.keys[slot] = '';
  state.free.push(slot);
  state.cells.fill(0, slot * group.cellCount, (slot + 1) * group.cellCount);
  for (const last of state.lasts) last.eventTimes[slot] = Number.NaN;
}

/** Adds to one accumulator. A sum beyond the exact range becomes NaN, which stays until the slot is free. */
export function addToCell(state: GroupState, index: number, amount: number): void {
  const sum = (state.cells[index] as number) + amount;
  if (sum > sumMax || sum < -sumMax) {
    state.overflows++;
    state.cells[index] = Number.NaN;
  } else state.cells[index] = sum;
}

export interface LastRow {
  readonly eventTimeUs: number;
  readonly tie: number;
  readonly position: number;
}

/** True when `a` comes after `b`: by event time, then tie (null first), then position. */
export function isLater(a: LastRow, b: LastRow): boolean {
  if (a.eventTimeUs !== b.eventTimeUs) return a.eventTimeUs > b.eventTimeUs;
  const tieA = Number.isNaN(a.tie) ? -Infinity : a.tie;
  const tieB = Number.isNaN(b.tie) ? -Infinity : b.tie;
  return tieA === tieB ? a.position > b.position : tieA > tieB;
}

/** Remembers a row as the last of its key if it comes after the one there. `values` starts at `offset`. */
export function offerLast(
  last: LastState,
  slot: number,
  row: LastRow,
  source: { readonly values: Float64Array; readonly offset: number; readonly width: number },
): void {
  const currentTime = last.eventTimes[slot] as number;
  if (!Number.isNaN(currentTime) && row.eventTimeUs <= currentTime) {
    if (row.eventTimeUs < currentTime) return;
    const current = {
      eventTimeUs: currentTime,
      tie: last.ties[slot] as number,
      position: last.positions[slot] as number,
    };
    if (!isLater(row, current)) return;
  }
  last.eventTimes[slot] = row.eventTimeUs;
  last.ties[slot] = row.tie;
  last.positions[slot] = row.position;
  for (let v = 0; v < source.width; v++)
    last.values[slot * source.width + v] = source.values[source.offset + v] as number;
}

export function clearLast(last: LastState, slot: number): void {
  last.eventTimes[slot] = Number.NaN;
}

function resize(state: GroupState, group: GroupPlan, capacity: number): void {
  const grow = (old: Float64Array, width: number, empty: number): Float64Array => {
    const array = new Float64Array(capacity * width).fill(empty);
    array.set(old);
    return array;
  };
  const references = new Int32Array(capacity);
  references.set(state.references);
  state.references = references;
  state.cells = grow(state.cells, group.cellCount, 0);
  state.lasts.forEach((last, i) => {
    last.eventTimes = grow(last.eventTimes, 1, Number.NaN);
    last.ties = grow(last.ties, 1, Number.NaN);
    last.positions = grow(last.positions, 1, 0);
    last.values = grow(last.values, group.lasts[i]?.values.length ?? 0, Number.NaN);
  });
}

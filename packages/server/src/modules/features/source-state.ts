/**
 * The online state of one source: rows waiting to enter, rows that count, and the groups that they feed.
 *
 * Idea: a row adds its contributions at `enter` and takes them back at `leave` (see plan.ts). Rows that come in order of
 * event time and enter time lie in one log of typed arrays: one cursor lets them enter, and one cursor per (group, window)
 * lets them leave, since in-order rows leave in order. A late row, and every row of a source with versions, is an object
 * in a heap of its next change. Contributions are integers, so the order of additions cannot matter.
 *
 * Units: µs since 1970 UTC. Shapes: `records` is [rows, measures + last values] row-major f64; `slots` is [rows, groups],
 * -1 where a key is null or the row can no longer count. Cost per row: one addition per cell when it enters and one when
 * it leaves. Memory: 24 B + 8 B per measure and last value + 4 B per group for each retained row.
 */
import type { GroupState, KeyValue, LastRow } from './group-state.ts';
import {
  acquireSlot,
  addToCell,
  clearLast,
  createGroupState,
  isLater,
  joinKey,
  offerLast,
  releaseSlot,
} from './group-state.ts';
import type { Heap } from './heap.ts';
import { heapPopUntil, heapPush } from './heap.ts';
import type { GroupPlan, SourcePlan } from './plan.ts';
import { retentionOf } from './terms.ts';

/** A canonical row, its contributions and last values computed. */
export interface SourceRow {
  readonly eventTimeUs: number;
  /** Effective: when the platform could first use the row. */
  readonly knownAtUs: number;
  readonly tie: number;
  readonly position: number;
  /** In the order of the source's keys; null where unknown. */
  readonly keys: readonly (KeyValue | null)[];
  /** Identity of the event, for sources with versions. */
  readonly versionKey: KeyValue | null;
  /** False for a withdrawal, and for a version that the source's `where` leaves out: it only ends the version before it. */
  readonly isPresent: boolean;
  /** When the next version is known to end this one; NaN unless the whole stream is known, as in a replay. */
  readonly goneAtUs: number;
}

/** A row outside the log. */
interface LooseRow extends LastRow {
  readonly enterUs: number;
  readonly knownAtUs: number;
  readonly record: Float64Array;
  readonly slots: Int32Array;
  readonly versionKey: KeyValue | null;
  readonly isPresent: boolean;
  /** -1 before it entered, then the index of the last stage that passed. */
  stage: number;
  isGone: boolean;
  previous: LooseRow | undefined;
}

/** Plain data: copied by structured clone into snapshots. */
export interface SourceData {
  readonly groups: GroupState[];
  /** Rows in the log; row i of the arrays has sequence number `base + i`. */
  base: number;
  count: number;
  eventTimes: Float64Array;
  enters: Float64Array;
  ties: Float64Array;
  positions: Float64Array;
  records: Float64Array;
  slots: Int32Array;
  /** Sequence number of the first row that has not entered. */
  entered: number;
  /** Per stage, the sequence number of the first row that has not left. */
  left: number[];
  readonly loose: Heap<LooseRow>;
  readonly endings: Heap<LooseRow>;
  readonly newest: Map<KeyValue, LooseRow>;
  /** Per group and last, the candidates of each slot; only for sources with versions. */
  readonly candidates: Map<number, LooseRow[]>[][];
  rows: number;
  lateRows: number;
}

interface Stage {
  readonly widthUs: number;
  readonly group: GroupPlan;
  /** Pairs (cell, measure), or undefined for the stage that gives the slot back. */
  readonly cells: Int32Array | undefined;
}

const capacityInitial = 256;

export class SourceState {
  readonly plan: SourcePlan;
  data: SourceData;
  readonly #stages: readonly Stage[];
  readonly #retentions: readonly number[];
  readonly #measures: number;
  readonly #width: number;
  /** Offset of each group's and last's values in a record; the condition's outcome comes first. */
  readonly #lastOffsets: readonly (readonly number[])[];
  /** Positions of a group's keys among the source's keys. */
  readonly #keyIndexes: readonly (readonly number[])[];
  readonly #keyParts: KeyValue[] = [];

  constructor(plan: SourcePlan) {
    this.plan = plan;
    this.#stages = stagesOf(plan);
    this.#retentions = plan.groups.map(retentionOf);
    this.#measures = plan.measures.length;
    let width = this.#measures;
    this.#lastOffsets = plan.groups.map((group) =>
      group.lasts.map((last) => {
        const offset = width;
        width += 1 + last.values.length;
        return offset;
      }),
    );
    this.#width = width;
    this.#keyIndexes = plan.groups.map((group) =>
      group.keys.map((key) => plan.keys.findIndex(({ name }) => name === key)),
    );
    this.data = {
      groups: plan.groups.map(createGroupState),
      base: 0,
      count: 0,
      ...emptyLog(0, width, plan.groups.length),
      entered: 0,
      left: this.#stages.map(() => 0),
      loose: { times: [], items: [] },
      endings: { times: [], items: [] },
      newest: new Map(),
      candidates: plan.groups.map((group) => group.lasts.map(() => new Map<number, LooseRow[]>())),
      rows: 0,
      lateRows: 0,
    };
  }

  /** Values in a row's record: measures, then for each last of each group its condition (1 when met) and its values. */
  get recordWidth(): number {
    return this.#width;
  }

  /** Takes a row. `row` and `record` are copied. Its effective known_at must be later than the last `advance`. */
  push(row: SourceRow, record: Float64Array): void {
    const { data } = this;
    data.rows++;
    const enterUs = Math.max(row.eventTimeUs, row.knownAtUs);
    if (this.plan.versionKey) return this.#pushVersion(row, record, enterUs);
    if (!row.isPresent) return;
    const last = data.count - 1;
    const inOrder =
      last < 0 || (row.eventTimeUs >= (data.eventTimes[last] as number) && enterUs >= (data.enters[last] as number));
    if (!inOrder) {
      data.lateRows++;
      const loose = this.#looseRow(row, record, enterUs);
      heapPush(data.loose, enterUs, loose);
      return;
    }
    if (data.count === data.eventTimes.length) this.#makeRoom();
    const i = data.count++;
    data.eventTimes[i] = row.eventTimeUs;
    data.enters[i] = enterUs;
    data.ties[i] = row.tie;
    data.positions[i] = row.position;
    data.records.set(record, i * this.#width);
    this.#acquire(row, enterUs, data.slots, i * this.plan.groups.length);
  }

  /** Brings the state to t: what enters or leaves at or before t has done so. */
  advance(t: number): void {
    const { data } = this;
    for (let ending = heapPopUntil(data.endings, t); ending; ending = heapPopUntil(data.endings, t)) this.#end(ending);
    const { enters, base, count } = data;
    let i = data.entered - base;
    while (i < count && (enters[i] as number) <= t) this.#enterLogged(i++);
    data.entered = base + i;
    this.#leaveLogged(t);
    for (let row = heapPopUntil(data.loose, t); row; row = heapPopUntil(data.loose, t)) this.#change(row, t);
  }

  #pushVersion(row: SourceRow, record: Float64Array, enterUs: number): void {
    const { data } = this;
    const { versionKey } = row;
    const before = versionKey === null ? undefined : data.newest.get(versionKey);
    // A later version is known already, so this one never counts. Only a replay in known-at order meets this.
    if (before && before.position > row.position) return;
    const loose = this.#looseRow(row, record, enterUs);
    if (versionKey !== null) {
      loose.previous = before;
      if (before) heapPush(data.endings, row.knownAtUs, before);
      if (before || row.isPresent) data.newest.set(versionKey, loose);
      if (before && !row.isPresent) heapPush(data.endings, row.knownAtUs, loose);
    }
    if (!row.isPresent) return;
    heapPush(data.loose, enterUs, loose);
    if (!Number.isNaN(row.goneAtUs)) heapPush(data.endings, row.goneAtUs, loose);
  }

  #looseRow(row: SourceRow, record: Float64Array, enterUs: number): LooseRow {
    const slots = new Int32Array(this.plan.groups.length);
    if (row.isPresent) this.#acquire(row, enterUs, slots, 0);
    else slots.fill(-1);
    const { eventTimeUs, knownAtUs, tie, position, versionKey, isPresent } = row;
    return {
      eventTimeUs,
      knownAtUs,
      enterUs,
      tie,
      position,
      record: record.slice(),
      slots,
      versionKey,
      isPresent,
      stage: -1,
      isGone: !isPresent,
      previous: undefined,
    };
  }

  #acquire(row: SourceRow, enterUs: number, into: Int32Array, offset: number): void {
    const { groups } = this.plan;
    for (let g = 0; g < groups.length; g++) {
      const group = groups[g] as GroupPlan;
      const indexes = this.#keyIndexes[g] as readonly number[];
      const parts = this.#keyParts;
      parts.length = 0;
      for (const index of indexes) {
        const part = row.keys[index];
        if (part !== null && part !== undefined) parts.push(part);
      }
      const canCount = parts.length === indexes.length && row.eventTimeUs + (this.#retentions[g] as number) > enterUs;
      into[offset + g] = canCount ? acquireSlot(this.data.groups[g] as GroupState, group, joinKey(parts)) : -1;
    }
  }

  #enterLogged(i: number): void {
    const { data, plan } = this;
    const groupCount = plan.groups.length;
    const row: LastRow = {
      eventTimeUs: data.eventTimes[i] as number,
      tie: data.ties[i] as number,
      position: data.positions[i] as number,
    };
    const enterUs = data.enters[i] as number;
    const offset = i * this.#width;
    for (let g = 0; g < groupCount; g++) {
      const slot = data.slots[i * groupCount + g] as number;
      if (slot < 0) continue;
      const group = plan.groups[g] as GroupPlan;
      const state = data.groups[g] as GroupState;
      for (const window of group.windows) {
        if (row.eventTimeUs + window.widthUs <= enterUs) continue;
        for (const { cell, measure } of window.cells) {
          addToCell(state, slot * group.cellCount + cell, data.records[offset + measure] as number);
        }
      }
      for (let l = 0; l < group.lasts.length; l++) {
        const at = offset + (this.#lastOffsets[g]?.[l] as number);
        if (data.records[at] !== 1) continue;
        const last = state.lasts[l];
        if (last)
          offerLast(last, slot, row, {
            values: data.records,
            offset: at + 1,
            width: group.lasts[l]?.values.length ?? 0,
          });
      }
    }
  }

  #leaveLogged(t: number): void {
    const { data, plan } = this;
    const groupCount = plan.groups.length;
    const enteredIndex = data.entered - data.base;
    for (let s = 0; s < this.#stages.length; s++) {
      const { widthUs, group, cells } = this.#stages[s] as Stage;
      if (widthUs === Infinity) continue;
      const state = data.groups[group.index] as GroupState;
      let i = (data.left[s] as number) - data.base;
      while (i < enteredIndex && (data.eventTimes[i] as number) + widthUs <= t) {
        const slot = data.slots[i * groupCount + group.index] as number;
        if (slot >= 0 && cells === undefined) releaseSlot(state, group, slot);
        else if (slot >= 0 && cells && (data.eventTimes[i] as number) + widthUs > (data.enters[i] as number)) {
          for (let c = 0; c < cells.length; c += 2) {
            const amount = data.records[i * this.#width + (cells[c + 1] as number)] as number;
            addToCell(state, slot * group.cellCount + (cells[c] as number), -amount);
          }
        }
        i++;
      }
      data.left[s] = data.base + i;
    }
  }

  /** Moves a loose row through what is due at t: its entry, then its stages in order of width. */
  #change(row: LooseRow, t: number): void {
    const { data } = this;
    if (row.stage < 0) {
      row.stage = 0;
      if (!row.isGone) this.#enterLoose(row);
    }
    while (row.stage < this.#stages.length) {
      const { widthUs, group, cells } = this.#stages[row.stage] as Stage;
      const leaveUs = row.eventTimeUs + widthUs;
      if (leaveUs > t) {
        if (leaveUs !== Infinity) heapPush(data.loose, leaveUs, row);
        return;
      }
      const slot = row.slots[group.index] as number;
      if (slot >= 0 && cells === undefined) {
        this.#dropCandidates(row, group);
        releaseSlot(data.groups[group.index] as GroupState, group, slot);
      } else if (slot >= 0 && cells && !row.isGone && leaveUs > row.enterUs) this.#addCells(row, row.stage, -1);
      row.stage++;
    }
    if (row.versionKey !== null && data.newest.get(row.versionKey) === row && row.isPresent)
      data.newest.delete(row.versionKey);
    row.previous = undefined;
  }

  #addCells(row: LooseRow, stage: number, sign: 1 | -1): void {
    const { group, cells } = this.#stages[stage] as Stage;
    const slot = row.slots[group.index] as number;
    if (slot < 0 || !cells) return;
    const state = this.data.groups[group.index] as GroupState;
    for (let c = 0; c < cells.length; c += 2) {
      const amount = row.record[cells[c + 1] as number] as number;
      addToCell(state, slot * group.cellCount + (cells[c] as number), sign * amount);
    }
  }

  #enterLoose(row: LooseRow): void {
    this.#stages.forEach(({ widthUs }, stage) => {
      if (row.eventTimeUs + widthUs > row.enterUs) this.#addCells(row, stage, 1);
    });
    for (const group of this.plan.groups) {
      const slot = row.slots[group.index] as number;
      if (slot < 0) continue;
      group.lasts.forEach((last, l) => {
        const at = this.#lastOffsets[group.index]?.[l] as number;
        if (row.record[at] !== 1) return;
        if (this.plan.versionKey) {
          const candidates = this.data.candidates[group.index]?.[l];
          const list = candidates?.get(slot);
          if (list) list.push(row);
          else candidates?.set(slot, [row]);
        }
        const state = this.data.groups[group.index]?.lasts[l];
        if (state) offerLast(state, slot, row, { values: row.record, offset: at + 1, width: last.values.length });
      });
    }
  }

  /** A version ends: the next one, or a withdrawal, is known. */
  #end(row: LooseRow): void {
    const { data } = this;
    for (let at: LooseRow | undefined = row; at;) {
      const previous: LooseRow | undefined = at.previous;
      if (!at.isGone) {
        at.isGone = true;
        if (at.stage >= 0) {
          for (let stage = at.stage; stage < this.#stages.length; stage++) {
            const { widthUs } = this.#stages[stage] as Stage;
            if (at.eventTimeUs + widthUs > at.enterUs) this.#addCells(at, stage, -1);
          }
          for (const group of this.plan.groups) this.#dropCandidates(at, group);
        }
      }
      at.previous = undefined;
      if (!at.isPresent && at.versionKey !== null && data.newest.get(at.versionKey) === at)
        data.newest.delete(at.versionKey);
      at = previous;
    }
  }

  #dropCandidates(row: LooseRow, group: GroupPlan): void {
    if (!this.plan.versionKey) return;
    const slot = row.slots[group.index] as number;
    if (slot < 0) return;
    group.lasts.forEach((last, l) => {
      const candidates = this.data.candidates[group.index]?.[l];
      const list = candidates?.get(slot);
      const index = list?.indexOf(row) ?? -1;
      if (!list || index < 0) return;
      list.splice(index, 1);
      if (list.length === 0) candidates?.delete(slot);
      const state = this.data.groups[group.index]?.lasts[l];
      if (!state) return;
      clearLast(state, slot);
      const best = list.reduce<LooseRow | undefined>((a, b) => (a && isLater(a, b) ? a : b), undefined);
      const at = (this.#lastOffsets[group.index]?.[l] as number) + 1;
      if (best) offerLast(state, slot, best, { values: best.record, offset: at, width: last.values.length });
    });
  }

  /** Forgets rows that every cursor has passed, or doubles the arrays. */
  #makeRoom(): void {
    const { data } = this;
    const stagesLeft = this.#stages.map((stage, s) =>
      stage.widthUs === Infinity ? data.entered : (data.left[s] as number),
    );
    const passed = Math.min(data.entered, ...stagesLeft) - data.base;
    const kept = data.count - passed;
    const capacity =
      passed * 2 >= data.count && data.count > 0
        ? data.eventTimes.length
        : Math.max(capacityInitial, data.eventTimes.length * 2);
    const groupCount = this.plan.groups.length;
    const next = emptyLog(capacity, this.#width, groupCount);
    next.eventTimes.set(data.eventTimes.subarray(passed, data.count));
    next.enters.set(data.enters.subarray(passed, data.count));
    next.ties.set(data.ties.subarray(passed, data.count));
    next.positions.set(data.positions.subarray(passed, data.count));
    next.records.set(data.records.subarray(passed * this.#width, data.count * this.#width));
    next.slots.set(data.slots.subarray(passed * groupCount, data.count * groupCount));
    // Infinite stages have no cursor; keep it at the base so that it never points before it.
    data.left = data.left.map((left) => Math.max(left, data.base + passed));
    Object.assign(data, next, { base: data.base + passed, count: kept });
  }
}

function emptyLog(
  capacity: number,
  width: number,
  groups: number,
): Pick<SourceData, 'eventTimes' | 'enters' | 'ties' | 'positions' | 'records' | 'slots'> {
  return {
    eventTimes: new Float64Array(capacity),
    enters: new Float64Array(capacity),
    ties: new Float64Array(capacity),
    positions: new Float64Array(capacity),
    records: new Float64Array(capacity * width),
    slots: new Int32Array(capacity * groups),
  };
}

/** Everything that happens to a row after it entered, by width; a group gives its slot back after its windows. */
function stagesOf(plan: SourcePlan): Stage[] {
  const stages: Stage[] = [];
  for (const group of plan.groups) {
    for (const { widthUs, cells } of group.windows) {
      stages.push({ widthUs, group, cells: Int32Array.from(cells.flatMap(({ cell, measure }) => [cell, measure])) });
    }
    stages.push({ widthUs: retentionOf(group), group, cells: undefined });
  }
  // Array sort is stable, and windows were pushed before the release of their group.
  return stages.sort((a, b) => a.widthUs - b.widthUs || Number(a.cells === undefined) - Number(b.cells === undefined));
}

/**
 * The online engine: the features of one plan, kept as of now.
 *
 * `push` takes events, `read` answers one vector as of t; both move the state forward only, so t never goes back. What is
 * pushed after a read at t is known after t: a declared known_at at or before the last read is raised to one tick later,
 * and the effective instant is returned, so that it can be logged and the offline join sees the same.
 *
 * Units: µs since 1970 UTC; vectors are f64 with NaN as null, in service order. Cost of a read: one hash look-up per key
 * set and one closure per feature, about 3 µs for 27 features over 10 key sets. Memory: see source-state.ts.
 */
import { SlipwayError } from '@slipway/contract';
import type { Env, NumberFn, TextFn } from './operations.ts';
import type { LookupPlan, NamedValue, Plan, ServicePlan, SourcePlan, TermPlan } from './plan.ts';
import type { KeyValue } from './group-state.ts';
import { joinKey } from './group-state.ts';
import type { SourceData } from './source-state.ts';
import { SourceState } from './source-state.ts';
import type { Typed, ValueType } from './typed.ts';
import type { SlotNames } from './typed-code.ts';
import { referencesOf } from './typed.ts';
import { compileNumber, compileText } from './typed-code.ts';
import { parseNumber, parseText, valueRules } from './values.ts';

/** A canonical row as the offline side hands it over: numbers are µs, ints, floats or 0 and 1; null is NaN or null. */
export interface CanonicalRow {
  readonly eventTimeUs: number;
  readonly knownAtUs: number;
  readonly tie: number;
  readonly position: number;
  /** When the next version ends it; NaN when none does. */
  readonly goneAtUs: number;
  /** Of a source with versions, so that a later push can end it. */
  readonly versionKey: KeyValue | null;
  /** In the order of the source's keys, then of its columns. */
  readonly values: readonly (number | string | null)[];
}

export interface Reader {
  readonly digest: string;
  readonly names: readonly string[];
  /** Inputs in the order of `readValues`. */
  readonly inputs: Plan['inputs'];
  /** Reads with JSON values by name: all that the service reads. Throws `feature_request_invalid`, `feature_time_went_back`. */
  read(tUs: number, request: Readonly<Record<string, unknown>>, out: Float64Array, offset?: number): void;
  /** Reads with canonical values: numbers with NaN as null, strings with null. */
  readValues(tUs: number, values: readonly (number | string | null)[], out: Float64Array, offset?: number): void;
}

export interface EngineStats {
  readonly nowUs: number;
  readonly sources: Readonly<
    Record<
      string,
      { readonly rows: number; readonly lateRows: number; readonly keys: number; readonly overflows: number }
    >
  >;
}

/** Everything that the engine remembers, as plain data. Shares memory with the engine: copy it before the next call. */
export interface EngineData {
  readonly nowUs: number;
  readonly positions: readonly number[];
  readonly sources: readonly SourceData[];
}

export interface Engine {
  readonly plan: Plan;
  /** The instant that the state stands at; -Infinity before the first read. */
  nowUs(): number;
  reader(service: string): Reader;
  /**
   * Takes one row of a source's table in JSON values and returns its effective known_at, or undefined when the source's
   * `where` leaves it out. `stampUs` is when the platform received it; the later of stamp and declared rule wins. Throws
   * `feature_row_invalid`.
   */
  push(source: string, row: Readonly<Record<string, unknown>>, stampUs?: number): number | undefined;
  /** Checks a row as `push` would, and takes nothing. */
  check(source: string, row: Readonly<Record<string, unknown>>, index: number): void;
  /** Takes one row that the offline side brought to canonical form. */
  pushCanonical(sourceIndex: number, row: CanonicalRow): void;
  advance(tUs: number): void;
  data(): EngineData;
  restore(data: EngineData): void;
  stats(): EngineStats;
}

/** Reserves env slots for references as they are first seen. */
interface Slots extends SlotNames {
  readonly numbers: Map<string, number>;
  readonly texts: Map<string, number>;
}

function createSlots(plan: Plan): Slots {
  const numbers = new Map<string, number>();
  const texts = new Map<string, number>();
  const slotOf = (name: string, type: ValueType): number => {
    const map = type === 'string' ? texts : numbers;
    const found = map.get(name) ?? map.size;
    map.set(name, found);
    return found;
  };
  return { numbers, texts, slotOf, zone: plan.zone };
}

const envOf = (slots: Slots): Env => ({
  numbers: new Float64Array(Math.max(1, slots.numbers.size)).fill(Number.NaN),
  texts: Array.from({ length: slots.texts.size }, () => null),
});

export function createEngine(plan: Plan): Engine {
  const sources = plan.sources.map((source) => createSourceEngine(plan, source));
  let now = -Infinity;
  const advance = (tUs: number): void => {
    if (tUs === now) return;
    if (!(tUs > now)) {
      throw new SlipwayError('feature_time_went_back', {
        set: plan.definition.features,
        stateAt: new Date(now / 1000).toISOString(),
        at: Number.isFinite(tUs) ? new Date(tUs / 1000).toISOString() : String(tUs),
      });
    }
    for (const { state } of sources) state.advance(tUs);
    now = tUs;
  };
  const find = (name: string): SourceEngine => {
    const found = sources.find(({ state }) => state.plan.name === name);
    if (found) return found;
    const known = sources.map(({ state }) => state.plan.name).join(', ');
    throw new SlipwayError('not_found', {
      noun: 'source',
      name,
      remedy: `Sources of ${plan.definition.features}: ${known}.`,
    });
  };
  const readers = new Map<string, Reader>();
  const states = sources.map(({ state }) => state);
  return {
    plan,
    nowUs: () => now,
    advance,
    reader: (name) => {
      const service = plan.services.get(name);
      if (!service) {
        const remedy = `Services of ${plan.definition.features}: ${[...plan.services.keys()].join(', ')}.`;
        throw new SlipwayError('not_found', { noun: 'feature service', name, remedy });
      }
      const reader = readers.get(name) ?? createReader({ plan, service, states, advance });
      readers.set(name, reader);
      return reader;
    },
    push: (name, row, stampUs) => find(name).push(row, { stampUs, afterUs: now }),
    check: (name, row, index) => find(name).check(row, index),
    pushCanonical: (index, row) => sources[index]?.pushCanonical(row),
    data: () => ({
      nowUs: now,
      positions: sources.map((source) => source.position()),
      sources: states.map(({ data }) => data),
    }),
    restore: (data) => {
      now = data.nowUs;
      sources.forEach((source, i) => {
        const restored = data.sources[i];
        if (restored) source.state.data = restored;
        source.setPosition(data.positions[i] ?? 0);
      });
    },
    stats: () => ({
      nowUs: now,
      sources: Object.fromEntries(
        states.map(({ plan: source, data }) => [
          source.name,
          {
            rows: data.rows,
            lateRows: data.lateRows,
            keys: data.groups.reduce((sum, group) => sum + group.slots.size, 0),
            overflows: data.groups.reduce((sum, group) => sum + group.overflows, 0),
          },
        ]),
      ),
    }),
  };
}

interface SourceEngine {
  readonly state: SourceState;
  push(
    row: Readonly<Record<string, unknown>>,
    times: { stampUs: number | undefined; afterUs: number },
  ): number | undefined;
  check(row: Readonly<Record<string, unknown>>, index: number): void;
  pushCanonical(row: CanonicalRow): void;
  position(): number;
  setPosition(position: number): void;
}

interface ValueFn {
  readonly name: string;
  readonly number: NumberFn | undefined;
  readonly text: TextFn | undefined;
}

const valueFn = ({ name, type, value }: NamedValue, slots: SlotNames): ValueFn =>
  type === 'string'
    ? { name, number: undefined, text: compileText(value, slots) }
    : { name, number: compileNumber(value, slots), text: undefined };

function createSourceEngine(plan: Plan, source: SourcePlan): SourceEngine {
  const state = new SourceState(source);
  const rawSlots = createSlots(plan);
  const rowSlots = createSlots(plan);
  const optional = (value: Typed | undefined): NumberFn | undefined => value && compileNumber(value, rawSlots);
  const raw = source.raw.map(({ name, type }) => ({ name, type, slot: rawSlots.slotOf(name, type) }));
  const eventTimeSlot = rawSlots.slotOf('@event_time', 'time');
  const eventTime = compileNumber(source.eventTime, rawSlots);
  const knownAt = optional(source.knownAt);
  const where = optional(source.where);
  const withdrawn = optional(source.withdrawn);
  const tie = optional(source.tie);
  const versionKey =
    source.versionKey && valueFn({ name: '', type: source.versionKey.type, value: source.versionKey }, rawSlots);
  const named = [...source.keys, ...source.columns].map((column) => valueFn(column, rawSlots));

  const measures = source.measures.map(({ value }) => compileNumber(value, rowSlots));
  const lasts = source.groups.flatMap((group) =>
    group.lasts.flatMap((last) => {
      const where = last.where && compileNumber(last.where, rowSlots);
      const met: NumberFn = where ? (env) => (where(env) === 1 ? 1 : 0) : () => 1;
      return [met, ...last.values.map((value) => compileNumber(value, rowSlots))];
    }),
  );
  const recordFns = [...measures, ...lasts];
  const rowTypes = [...source.keys, ...source.columns].map(({ name, type }) => ({
    isText: type === 'string',
    slot: rowSlots.slotOf(name, type),
  }));
  const rowEventTime = rowSlots.slotOf('@event_time', 'time');
  const rowKnownAt = rowSlots.slotOf('@known_at', 'time');
  const rawEnv = envOf(rawSlots);
  const rowEnv = envOf(rowSlots);
  const record = new Float64Array(state.recordWidth);
  const values: (number | string | null)[] = named.map(() => null);
  const keyCount = source.keys.length;
  let position = 0;

  const readRaw = (row: Readonly<Record<string, unknown>>, index: number): void => {
    for (const { name, type, slot } of raw) {
      const value = row[name];
      const parsed = type === 'string' ? parseText(value) : parseNumber(value, type);
      if (parsed === undefined) {
        const details = { row: index, source: source.name, column: name, value: shown(value), rule: valueRules[type] };
        throw new SlipwayError('feature_row_invalid', details);
      }
      if (typeof parsed === 'number') rawEnv.numbers[slot] = parsed;
      else rawEnv.texts[slot] = parsed;
    }
  };

  // One object for all rows: the state copies what it keeps.
  const keys: (KeyValue | null)[] = [];
  const pending = {
    eventTimeUs: 0,
    knownAtUs: 0,
    tie: 0,
    position: 0,
    goneAtUs: 0,
    keys,
    versionKey: null as KeyValue | null,
    isPresent: true,
  };

  const take = (row: Omit<CanonicalRow, 'values'>, isPresent: boolean): void => {
    keys.length = 0;
    rowEnv.numbers[rowEventTime] = row.eventTimeUs;
    rowEnv.numbers[rowKnownAt] = row.knownAtUs;
    for (let i = 0; i < values.length; i++) {
      const value = values[i] as number | string | null;
      const { isText, slot } = rowTypes[i] as (typeof rowTypes)[number];
      if (isText) rowEnv.texts[slot] = value as string | null;
      else rowEnv.numbers[slot] = value === null ? Number.NaN : (value as number);
      if (i < keyCount) keys.push(typeof value === 'number' && Number.isNaN(value) ? null : value);
    }
    for (let i = 0; i < recordFns.length; i++) record[i] = (recordFns[i] as NumberFn)(rowEnv);
    pending.eventTimeUs = row.eventTimeUs;
    pending.knownAtUs = row.knownAtUs;
    pending.tie = row.tie;
    pending.position = row.position;
    pending.goneAtUs = row.goneAtUs;
    pending.versionKey = row.versionKey;
    pending.isPresent = isPresent;
    state.push(pending, record);
  };

  return {
    state,
    position: () => position,
    setPosition: (next) => {
      position = next;
    },
    check: readRaw,
    push: (row, { stampUs, afterUs }) => {
      readRaw(row, 0);
      const eventTimeUs = eventTime(rawEnv);
      rawEnv.numbers[eventTimeSlot] = eventTimeUs;
      const declared = knownAt ? knownAt(rawEnv) : eventTimeUs;
      const floor = Math.max(stampUs ?? -Infinity, afterUs + 1);
      const known = Number.isNaN(declared) ? (stampUs === undefined ? Number.NaN : floor) : Math.max(declared, floor);
      if (Number.isNaN(known)) return undefined;
      const isPresent =
        !Number.isNaN(eventTimeUs) && (!where || where(rawEnv) === 1) && !(withdrawn && withdrawn(rawEnv) === 1);
      if (!isPresent && !versionKey) return undefined;
      for (let i = 0; i < named.length; i++) {
        const { number, text } = named[i] as ValueFn;
        values[i] = text ? text(rawEnv) : (number as NumberFn)(rawEnv);
      }
      const version = versionKey ? (versionKey.text?.(rawEnv) ?? versionKey.number?.(rawEnv) ?? null) : null;
      take(
        {
          eventTimeUs,
          knownAtUs: known,
          tie: tie ? tie(rawEnv) : Number.NaN,
          position: position++,
          goneAtUs: Number.NaN,
          versionKey: typeof version === 'number' && Number.isNaN(version) ? null : version,
        },
        isPresent,
      );
      return known;
    },
    pushCanonical: (row) => {
      for (let i = 0; i < values.length; i++) values[i] = row.values[i] ?? null;
      take(row, true);
      position = Math.max(position, row.position + 1);
    },
  };
}

interface ReaderInput {
  readonly plan: Plan;
  readonly service: ServicePlan;
  readonly states: readonly SourceState[];
  readonly advance: (tUs: number) => void;
}

function createReader({ plan, service, states, advance }: ReaderInput): Reader {
  const slots = createSlots(plan);
  const nowSlot = slots.slotOf('$now', 'time');
  const refs = new Set<string>();
  for (const { value } of service.features) referencesOf(value, refs);
  const terms = plan.terms.flatMap((term, i) =>
    refs.has(`#${i}`) ? [{ term, slot: slots.slotOf(`#${i}`, 'float') }] : [],
  );
  const lookups = plan.lookups.filter(({ index }) => terms.some(({ term }) => term.lookup === index));
  for (const value of lookups.flatMap(({ values }) => values)) referencesOf(value, refs);
  const inputs = plan.inputs.map(({ name, type }) => {
    const reference = `$${name}`;
    return { name, type, slot: slots.slotOf(reference, type), isRead: refs.has(reference) };
  });
  const features = service.features.map(({ value }) => compileNumber(value, slots));
  const keyOf = lookups.map((lookup) => createLookup(lookup, slots, states));
  const termFns = terms.map(({ term, slot }) => {
    const at = lookups.findIndex(({ index }) => index === term.lookup);
    return { slot, at, value: createTerm(term, plan, states) };
  });
  const env = envOf(slots);
  const found = new Int32Array(lookups.length);
  const evaluate = (tUs: number, out: Float64Array, offset: number): void => {
    advance(tUs);
    env.numbers[nowSlot] = tUs;
    for (let i = 0; i < keyOf.length; i++) found[i] = (keyOf[i] as (env: Env) => number)(env);
    for (const { slot, at, value } of termFns) env.numbers[slot] = value(found[at] as number, tUs);
    for (let i = 0; i < features.length; i++) {
      const value = (features[i] as NumberFn)(env);
      // An infinite value cannot occur; adding zero turns negative zero into zero.
      out[offset + i] = value + 0;
    }
  };
  const names = service.features.map(({ name }) => name);
  return {
    digest: service.digest,
    names,
    inputs: plan.inputs,
    read: (tUs, request, out, offset = 0) => {
      for (const { name, type, slot, isRead } of inputs) {
        const value = request[name];
        // A misspelt name would be an unknown customer, silently and for every request.
        if (value === undefined && isRead) throw missing(service, name);
        const parsed = type === 'string' ? parseText(value) : parseNumber(value, type);
        if (parsed === undefined) {
          const details = { service: service.name, input: name, value: shown(value), rule: valueRules[type] };
          throw new SlipwayError('feature_request_invalid', details);
        }
        if (typeof parsed === 'number') env.numbers[slot] = parsed;
        else env.texts[slot] = parsed;
      }
      evaluate(tUs, out, offset);
    },
    readValues: (tUs, values, out, offset = 0) => {
      for (let i = 0; i < inputs.length; i++) {
        const { type, slot } = inputs[i] as (typeof inputs)[number];
        const value = values[i] ?? null;
        if (type === 'string') env.texts[slot] = value as string | null;
        else env.numbers[slot] = value === null ? Number.NaN : (value as number);
      }
      evaluate(tUs, out, offset);
    },
  };
}

const missing = ({ name: service }: ServicePlan, input: string): SlipwayError =>
  new SlipwayError('feature_request_invalid', {
    service,
    input,
    value: 'missing',
    rule: 'it must be named, and null where it is not known',
  });

/** From a request to the slot of its key, -1 for a key that is unknown or has a null part. */
function createLookup(lookup: LookupPlan, slots: SlotNames, states: readonly SourceState[]): (env: Env) => number {
  const state = states[lookup.source];
  const parts = lookup.values.map((value) => valueFn({ name: '', type: value.type, value }, slots));
  const key: KeyValue[] = [];
  return (env) => {
    key.length = 0;
    for (const { number, text } of parts) {
      const part = text ? text(env) : (number as NumberFn)(env);
      if (part === null || Number.isNaN(part)) return -1;
      key.push(part);
    }
    return state?.data.groups[lookup.group]?.slots.get(joinKey(key)) ?? -1;
  };
}

function createTerm(term: TermPlan, plan: Plan, states: readonly SourceState[]): (slot: number, tUs: number) => number {
  const lookup = plan.lookups[term.lookup];
  const state = lookup && states[lookup.source];
  const group = lookup && state?.plan.groups[lookup.group];
  if (!lookup || !state || !group) return () => Number.NaN;
  if (term.kind === 'last') {
    const width = group.lasts[term.last]?.values.length ?? 0;
    return (slot, tUs) => {
      const last = slot < 0 ? undefined : state.data.groups[lookup.group]?.lasts[term.last];
      if (!last) return Number.NaN;
      // NaN when no row was last: the comparison is false.
      return tUs - (last.eventTimes[slot] as number) <= term.ttlUs
        ? (last.values[slot * width + term.value] as number)
        : Number.NaN;
    };
  }
  const { sum, count, scale, smooth, type } = term;
  const { cellCount } = group;
  const cell = (slot: number, index: number): number =>
    slot < 0 ? 0 : (state.data.groups[lookup.group]?.cells[slot * cellCount + index] as number);
  if (type === 'int') return (slot) => cell(slot, sum);
  if (count === undefined) return (slot) => cell(slot, sum) / scale;
  if (smooth) {
    const { add, weight } = smooth;
    return (slot) => (cell(slot, sum) / scale + add) / (cell(slot, count) + weight);
  }
  return (slot) => {
    const n = cell(slot, count);
    return n === 0 ? Number.NaN : cell(slot, sum) / scale / n;
  };
}

function shown(value: unknown): string {
  const text = JSON.stringify(value) ?? String(value);
  return text.length > 80 ? `${text.slice(0, 80)}…` : text;
}

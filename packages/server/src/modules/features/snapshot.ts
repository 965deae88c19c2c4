/**
 * The engine's state as bytes: one JSON line (what it belongs to, and the sha256 of the rest), then the state as Node's
 * structured serialisation of plain data. Integer sums do not care how they were reached, so restoring a snapshot and
 * replaying what came after it gives the same bits as never having stopped.
 */
import { createHash } from 'node:crypto';
import { deserialize, serialize } from 'node:v8';
import { SlipwayError } from '@slipway/contract';
import { digestOfJson } from '../../lib/digest.ts';
import { definitionDigest } from './definition.ts';
import type { EngineData } from './online.ts';
import type { Plan } from './plan.ts';
import type { SourceData } from './source-state.ts';

const format = 'slipway-feature-state-1';

export interface SnapshotHeader {
  readonly format: typeof format;
  /** Of the plan whose state it is: another plan has other cells. */
  readonly plan: string;
  readonly sha256: string;
  /** The caller's own note, such as its position in a log. */
  readonly note: Readonly<Record<string, unknown>>;
}

/** Identifies what a state's arrays mean: the definition, the types of the columns read and the zone table. */
export function planDigest(plan: Plan): string {
  return digestOfJson({
    definition: definitionDigest(plan.definition),
    zone: plan.zone.digest,
    services: [...plan.services.keys()],
    raw: plan.sources.map(({ name, raw }) => ({ name, raw })),
  });
}

export function encodeSnapshot(plan: Plan, data: EngineData, note: Readonly<Record<string, unknown>>): Buffer {
  const body = serialize({
    ...data,
    sources: data.sources.map((source, i) => trimmed(source, plan.sources[i]?.groups.length ?? 0)),
  });
  const sha256 = createHash('sha256').update(body).digest('hex');
  const header: SnapshotHeader = { format, plan: planDigest(plan), sha256, note };
  return Buffer.concat([Buffer.from(`${JSON.stringify(header)}\n`), body]);
}

/** Throws `object_corrupt` when the bytes are not what was written; undefined when they belong to another plan. */
export function decodeSnapshot(
  plan: Plan,
  bytes: Buffer,
  location: string,
): { readonly data: EngineData; readonly note: Readonly<Record<string, unknown>> } | undefined {
  const end = bytes.indexOf(10);
  const corrupt = (found: string): SlipwayError => new SlipwayError('object_corrupt', { digest: location, found });
  if (end < 0) throw corrupt('no header');
  let header: SnapshotHeader;
  try {
    // Written by encodeSnapshot; a damaged line fails the checks below.
    header = JSON.parse(bytes.toString('utf8', 0, end)) as SnapshotHeader;
  } catch {
    throw corrupt('a damaged header');
  }
  if (header.format !== format || header.plan !== planDigest(plan)) return undefined;
  const body = bytes.subarray(end + 1);
  const found = createHash('sha256').update(body).digest('hex');
  if (found !== header.sha256) throw corrupt(found);
  // The hash says that these are the bytes which encodeSnapshot made.
  return { data: deserialize(body) as EngineData, note: header.note };
}

/** Without the free tail of the log's arrays. */
function trimmed(source: SourceData, groups: number): SourceData {
  const { count } = source;
  const width = source.eventTimes.length === 0 ? 0 : source.records.length / source.eventTimes.length;
  return {
    ...source,
    eventTimes: source.eventTimes.slice(0, count),
    enters: source.enters.slice(0, count),
    ties: source.ties.slice(0, count),
    positions: source.positions.slice(0, count),
    records: source.records.slice(0, count * width),
    slots: source.slots.slice(0, count * groups),
  };
}

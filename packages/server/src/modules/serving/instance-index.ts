/**
 * Where in a prediction log the callers' own ids are: for each segment, pairs of (hash of an id, place of the span that has it),
 * sorted by hash, so that an id is looked up among ten million predictions without reading them.
 *
 *   NNNNNNNN.log.ids = u32 magic, u32 pairs, u32 bits, u32 crc32 of what follows, f64 bytes of the segment that it covers,
 *                      u32 x (2^bits + 1) first pair of each range of hashes, u32 x pairs hashes, u32 x pairs spans. Little-endian.
 *
 * Derived, and never made while a prediction waits: a closed segment gets its file in the background, or by the first lookup that
 * misses it; pairs of the segment that still grows are gathered by lookups, in memory. A segment without such ids costs nothing.
 * Cost: 8 bytes of disk an id; of memory 8 bytes an id of the growing segment, 4 for each 256 ids of the others.
 */
import { open, readFile, rename, writeFile } from 'node:fs/promises';
import { setImmediate as nextTurn } from 'node:timers/promises';
import { crc32 } from 'node:zlib';
import { hash32 } from '../../lib/hash32.ts';
import type { Log } from '../../platform/log.ts';
import { findInstanceId } from './log-record.ts';
import type { Segment, Span } from './log-segment.ts';
import { readSpans } from './log-segment.ts';

const magic = 0x49504944;
const headBytes = 16;
/** What the checksum covers begins with the bytes covered. */
const coverBytes = 8;
/** Pairs that one range of hashes has on average: 2 KiB to read for a lookup. */
const pairsPerRange = 256;
/** From so many ids on a file is read whole. */
const manyIds = 64;
const bitsMax = 20;
/** A segment has about a thousand. */
const spansMax = 2 ** 20;
/** Ranges sorted between two turns of the event loop: about 2 ms. */
const rangesPerTurn = 128;

/** As the log has it: what is no character becomes U+FFFD in UTF-8. */
export const loggedInstanceId = (id: string): string => id.toWellFormed();

export interface InstanceIndex {
  /** Spans that may hold one of these ids, in the order of the file: all that do, and few others. */
  findSpans(segment: Segment, ids: Iterable<string>): Promise<Span[]>;
  /** Makes the file of a segment that grows no more. */
  readonly keep: (segment: Segment) => Promise<void>;
}

/** Of the pairs, in the order of the log. */
interface Pairs {
  readonly hashes: number[];
  readonly spans: number[];
  /** Bytes of the segment whose pairs are there. */
  coveredBytes: number;
}

interface Directory {
  readonly bits: number;
  readonly pairs: number;
  /** [2^bits + 1] */
  readonly starts: Uint32Array;
}

interface Known {
  pairs: Pairs | undefined;
  directory: Directory | undefined;
  /** Reading goes on one after the other. */
  busy: Promise<unknown>;
}

const fileOf = (segment: Segment): string => `${segment.file}.ids`;

/** `isGrowing`: records may still be appended to the segment. */
export function createInstanceIndex(deps: {
  readonly isGrowing: (segment: Segment) => boolean;
  readonly log: Log;
}): InstanceIndex {
  const known = new WeakMap<Segment, Known>();
  const knownOf = (segment: Segment): Known => {
    let one = known.get(segment);
    if (one === undefined)
      known.set(segment, (one = { pairs: undefined, directory: undefined, busy: Promise.resolve() }));
    return one;
  };
  const inTurn = <T>(one: Known, work: () => Promise<T>): Promise<T> => {
    const next = one.busy.then(work);
    one.busy = next.catch(() => undefined);
    return next;
  };
  /** Without a directory, the pairs in memory answer: of a growing segment, or where the file cannot be written. */
  const prepare = async (segment: Segment, one: Known): Promise<void> => {
    if (one.directory !== undefined) return;
    const isGrowing = deps.isGrowing(segment);
    if (!isGrowing && one.pairs === undefined) one.directory = await readDirectory(segment);
    if (one.directory !== undefined) return;
    one.pairs ??= { hashes: [], spans: [], coveredBytes: 0 };
    await gather(segment, one.pairs);
    if (isGrowing || one.pairs.coveredBytes < segment.endBytes) return;
    try {
      one.directory = await writePairs(segment, one.pairs);
      one.pairs = undefined;
    } catch (error) {
      deps.log.warn('the index of ids in a prediction log could not be written', { file: segment.file, error });
    }
  };
  return {
    findSpans: async (segment, ids) => {
      if (segment.range.instanceIds === 0) return [];
      const hashes = new Set<number>();
      for (const id of ids) hashes.add(hash32(id));
      const one = knownOf(segment);
      return inTurn(one, async () => {
        await prepare(segment, one);
        const places =
          one.directory === undefined
            ? placesIn(one.pairs, hashes)
            : await readPlaces(fileOf(segment), one.directory, hashes);
        const spans = [...places].sort((a, b) => a - b).map((place) => segment.spans[place]);
        return spans.filter((span) => span !== undefined);
      });
    },
    keep: async (segment) => {
      const one = knownOf(segment);
      if (segment.range.instanceIds > 0) await inTurn(one, () => prepare(segment, one));
    },
  };
}

/** Adds the pairs of what was appended since. */
async function gather(segment: Segment, pairs: Pairs): Promise<void> {
  const first = segment.spans.findIndex((span) => span.end > pairs.coveredBytes);
  if (first < 0) return;
  const featureCount = segment.head.features.length;
  for (let place = first; place < segment.spans.length; place++) {
    const span = segment.spans[place];
    if (span === undefined) break;
    const { end } = span;
    if (span.range.instanceIds > 0) {
      const seen = new Set<number>();
      for await (const records of readSpans(segment, [
        { ...span, start: Math.max(span.start, pairs.coveredBytes), end },
      ])) {
        for (const { bytes, offset } of records) {
          const id = findInstanceId(bytes, offset, featureCount);
          if (id !== undefined) seen.add(hash32(id));
        }
      }
      for (const hash of seen) {
        pairs.hashes.push(hash);
        pairs.spans.push(place);
      }
    }
    pairs.coveredBytes = end;
  }
}

function placesIn(pairs: Pairs | undefined, hashes: ReadonlySet<number>): Set<number> {
  const places = new Set<number>();
  pairs?.hashes.forEach((hash, i) => {
    if (hashes.has(hash)) places.add(pairs.spans[i] ?? 0);
  });
  return places;
}

const rangeOf = (hash: number, bits: number): number => (bits === 0 ? 0 : hash >>> (32 - bits));

/** By range of hashes first, then each range by itself, so that no turn of the event loop sorts all. */
async function writePairs(segment: Segment, { hashes, spans, coveredBytes }: Pairs): Promise<Directory> {
  const count = hashes.length;
  const bits = Math.max(0, Math.min(bitsMax, Math.ceil(Math.log2(count / pairsPerRange))));
  const starts = new Uint32Array(2 ** bits + 1);
  for (const hash of hashes) {
    const next = rangeOf(hash, bits) + 1;
    starts[next] = (starts[next] ?? 0) + 1;
  }
  for (let i = 1; i < starts.length; i++) starts[i] = (starts[i] ?? 0) + (starts[i - 1] ?? 0);
  const nexts = starts.slice();
  // Numbers of 53 bits sort by themselves: the hash above the place.
  const sorted = new Float64Array(count);
  hashes.forEach((hash, i) => {
    const range = rangeOf(hash, bits);
    const place = nexts[range] ?? 0;
    nexts[range] = place + 1;
    sorted[place] = hash * spansMax + (spans[i] ?? 0);
  });
  const body = Buffer.alloc(coverBytes + 4 * (starts.length + 2 * count));
  body.writeDoubleLE(coveredBytes, 0);
  starts.forEach((start, i) => body.writeUInt32LE(start, coverBytes + 4 * i));
  const hashesAt = coverBytes + 4 * starts.length;
  for (let range = 0; range < 2 ** bits; range++) {
    const [from = 0, to = 0] = starts.subarray(range, range + 2);
    sorted.subarray(from, to).sort();
    for (let i = from; i < to; i++) {
      const pair = sorted[i] ?? 0;
      const hash = Math.floor(pair / spansMax);
      body.writeUInt32LE(hash, hashesAt + 4 * i);
      body.writeUInt32LE(pair - hash * spansMax, hashesAt + 4 * (count + i));
    }
    if (range % rangesPerTurn === rangesPerTurn - 1) await nextTurn();
  }
  const head = Buffer.alloc(headBytes);
  [magic, count, bits, crc32(body)].forEach((cell, i) => head.writeUInt32LE(cell, 4 * i));
  const file = fileOf(segment);
  await writeFile(`${file}.tmp`, Buffer.concat([head, body]));
  await rename(`${file}.tmp`, file);
  return { bits, pairs: count, starts };
}

/** Checks the whole file, once for each segment; undefined when there is none that can be used. */
async function readDirectory(segment: Segment): Promise<Directory | undefined> {
  let bytes: Buffer;
  try {
    bytes = await readFile(fileOf(segment));
  } catch {
    return undefined;
  }
  const startsAt = headBytes + coverBytes;
  if (bytes.length < startsAt || bytes.readUInt32LE(0) !== magic) return undefined;
  const [pairs, bits, sum] = [bytes.readUInt32LE(4), bytes.readUInt32LE(8), bytes.readUInt32LE(12)];
  if (bits > bitsMax || bytes.readDoubleLE(headBytes) !== segment.endBytes) return undefined;
  const starts = new Uint32Array(2 ** bits + 1);
  if (bytes.length !== startsAt + 4 * (starts.length + 2 * pairs)) return undefined;
  if (crc32(bytes.subarray(headBytes)) !== sum) return undefined;
  for (let i = 0; i < starts.length; i++) starts[i] = bytes.readUInt32LE(startsAt + 4 * i);
  return { bits, pairs, starts };
}

async function readPlaces(
  file: string,
  { bits, pairs, starts }: Directory,
  hashes: ReadonlySet<number>,
): Promise<Set<number>> {
  const places = new Set<number>();
  await using handle = await open(file, 'r');
  const hashesAt = headBytes + coverBytes + 4 * starts.length;
  const read = async (start: number, count: number): Promise<Buffer> => {
    const bytes = Buffer.allocUnsafe(4 * count);
    const { bytesRead } = await handle.read(bytes, 0, bytes.length, start);
    return bytes.subarray(0, bytesRead);
  };
  const isMany = hashes.size >= manyIds;
  const all = isMany ? await read(hashesAt, 2 * pairs) : undefined;
  for (const hash of hashes) {
    const range = rangeOf(hash, bits);
    const [from, to] = [starts[range] ?? 0, starts[range + 1] ?? 0];
    if (from === to) continue;
    const own = all?.subarray(4 * from, 4 * to) ?? (await read(hashesAt + 4 * from, to - from));
    const [first, end] = [lowerBound(own, hash), lowerBound(own, hash + 1)];
    if (first === end) continue;
    const spansAt = 4 * (pairs + from + first);
    const spans = all?.subarray(spansAt, spansAt + 4 * (end - first)) ?? (await read(hashesAt + spansAt, end - first));
    for (let at = 0; at < spans.length; at += 4) places.add(spans.readUInt32LE(at));
  }
  return places;
}

/** How many of these sorted numbers are below. */
function lowerBound(sorted: Buffer, value: number): number {
  let [low, high] = [0, sorted.length / 4];
  while (low < high) {
    const middle = (low + high) >> 1;
    if (sorted.readUInt32LE(4 * middle) < value) low = middle + 1;
    else high = middle;
  }
  return low;
}

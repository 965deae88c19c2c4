import assert from 'node:assert/strict';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, test } from 'node:test';
import fc from 'fast-check';
import { idFromHex } from '@slipway/contract';
import { createSystemClock } from '../../platform/clock.ts';
import { testLog } from '../../platform/db/testing.ts';
import type { LogFault, LogRecord } from './log-record.ts';
import { openPredictionLog } from './prediction-log.ts';
import type { PredictionFilter, PredictionSearch, SearchKey } from './prediction-search.ts';
import { searchLog } from './prediction-search.ts';
import { logisticModel, openServingBench } from './testing.ts';

const folders: string[] = [];
after(() => folders.forEach((folder) => rmSync(folder, { recursive: true, force: true })));

const newLog = () => {
  const folder = mkdtempSync(join(tmpdir(), 'slipway-search-'));
  folders.push(folder);
  return openPredictionLog({ folder, endpoint: 'e', clock: createSystemClock(), log: testLog() });
};

let drawn = 0;
/** Ids in the order of their milliseconds, otherwise anyhow. */
function idAt(ms: number): string {
  drawn++;
  const rest = (Math.imul(drawn, 0x9e3779b1) >>> 0).toString(16).padStart(8, '0');
  return idFromHex('prediction', `${ms.toString(16).padStart(12, '0')}7000${rest}${rest}`);
}

const instant = fc.integer({ min: 1000, max: 1040 });
const one = fc.record({
  at: instant,
  servedAt: instant,
  version: fc.integer({ min: 1, max: 3 }),
  isCanary: fc.boolean(),
  fault: fc.constantFrom<LogFault>('none', 'none', 'shadow', 'canary'),
  score: fc.constantFrom(0, 0.25, 0.5, 1, Number.NaN),
  latencyUs: fc.integer({ min: 0, max: 20 }),
  /** Long inputs make a span of every few records. */
  inputs: fc.constantFrom<'short' | 'long' | 'none'>('short', 'long', 'none'),
  instanceId: fc.constantFrom(undefined, 'C-1', 'C-2', 'Küche 🛫'),
});
const texts = { short: '{"x":"aa"}', long: `{"x":"ab","y":"${'z'.repeat(30_000)}"}`, none: undefined };
const filters = fc.record(
  {
    version: fc.integer({ min: 1, max: 3 }),
    arm: fc.constantFrom<'incumbent' | 'candidate'>('incumbent', 'candidate'),
    fault: fc.boolean(),
    scoreMin: fc.constantFrom(0.25, 0.5),
    scoreMax: fc.constantFrom(0.25, 0.5),
    latencyMinUs: fc.integer({ min: 0, max: 20 }),
    latencyMaxUs: fc.integer({ min: 0, max: 20 }),
    id: fc.integer({ min: 0, max: 12 }).map((length) => idAt(1005).slice(0, 4 + length)),
    text: fc.constantFrom('"a', 'ab'),
    instanceId: fc.constantFrom('C-1', 'Küche 🛫', 'C-'),
  },
  { requiredKeys: [] },
);

function fits(record: LogRecord, filter: PredictionFilter, inputs: string): boolean {
  const { version, arm, fault, scoreMin, scoreMax, latencyMinUs, latencyMaxUs, id, text, instanceId } = filter;
  return (
    (version === undefined || record.version === version) &&
    (arm === undefined || record.isCanary === (arm === 'candidate')) &&
    (fault === undefined || fault === (record.fault !== 'none')) &&
    (scoreMin === undefined || record.score >= scoreMin) &&
    (scoreMax === undefined || record.score <= scoreMax) &&
    (latencyMinUs === undefined || record.latencyUs >= latencyMinUs) &&
    (latencyMaxUs === undefined || record.latencyUs <= latencyMaxUs) &&
    (id === undefined || record.id.startsWith(id)) &&
    (text === undefined || inputs.includes(text)) &&
    (instanceId === undefined || record.instanceId === instanceId)
  );
}

test('every search answers, page by page, like a list of all records that is filtered and sorted', async () => {
  const question = fc.record({
    clock: fc.constantFrom<'event' | 'received'>('event', 'received'),
    order: fc.constantFrom<'oldest' | 'newest'>('oldest', 'newest'),
    from: fc.constantFrom(0, 1010),
    to: fc.constantFrom(1030, Number.MAX_SAFE_INTEGER),
    filter: filters,
    limit: fc.integer({ min: 1, max: 7 }),
    scanMax: fc.constantFrom(1, 5, 1e6),
  });
  const blocks = fc.array(fc.array(one, { minLength: 1, maxLength: 5 }), { maxLength: 20 });
  const property = fc.asyncProperty(blocks, question, async (drawnBlocks, search) => {
    const log = newLog();
    log.useFeatures(['f']);
    const written = drawnBlocks.flatMap((block) => {
      const records = block.map(({ inputs, ...rest }): LogRecord => ({
        ...rest,
        id: idAt(rest.servedAt),
        deployment: 1,
        shadowVersion: 0,
        shadowScore: Number.NaN,
        features: Float64Array.of(1),
        inputs: texts[inputs],
      }));
      log.append(records);
      return records;
    });
    const timeOf = (r: LogRecord): number => (search.clock === 'event' ? r.at : r.servedAt);
    const sign = search.order === 'newest' ? -1 : 1;
    const wanted = written
      .filter((r) => timeOf(r) >= search.from && timeOf(r) < search.to)
      .filter((r) => fits(r, search.filter, r.inputs ?? '{"f":1}'))
      .sort((a, b) => sign * (timeOf(a) - timeOf(b) || (a.id < b.id ? -1 : 1)))
      .map((r) => r.id);
    assert.deepEqual(await allPages(log, search), wanted);
    log.close();
  });
  await fc.assert(property, { numRuns: 150 });
});

async function allPages(
  log: ReturnType<typeof newLog>,
  search: Omit<PredictionSearch, 'after'>,
): Promise<readonly string[]> {
  const ids: string[] = [];
  let after: SearchKey | undefined;
  for (let page = 0; page < 1000; page++) {
    const { found, cut } = await searchLog(log, { ...search, after });
    ids.push(...found.map(({ record }) => record.id));
    after = cut ?? (found.length === search.limit ? found.at(-1)?.key : undefined);
    if (after === undefined) return ids;
  }
  throw new Error('the pages do not end');
}

test('pages of predictions with a label, without one, and past the bound of one request', async () => {
  await using bench = await openServingBench({ models: [logisticModel([1])] });
  await bench.declare('e');
  const serving = await bench.start();
  await serving.deploy('e', { traffic: [{ version: 1, percent: 100 }], reason: '' }, 'owner');
  const ids: string[] = [];
  for (let i = 0; i < 60; i++) {
    bench.clock.advance(1000);
    const [made] = serving.predict('e', [{ at: 1000 + i, inputs: { x0: i / 10 } }]);
    ids.push(made?.id ?? '');
  }
  const labelled = ids.filter((_, i) => i % 3 === 0);
  const labels = labelled.map((predictionId) => ({ predictionId, value: 1, at: 5000 }));
  await serving.label('e', labels, { watermark: undefined, actor: 'owner' });
  const query = { clock: 'event', order: 'newest', from: 0, to: 2000, filter: {}, limit: 7 } as const;
  for (const [isLabelled, wanted] of [
    [true, labelled],
    [false, ids.filter((id) => !labelled.includes(id))],
    [undefined, ids],
  ] as const) {
    const got: string[] = [];
    let pageToken: string | undefined;
    do {
      const page = await serving.predictions('e', { ...query, labelled: isLabelled, pageToken });
      assert.ok(page.items.length <= query.limit);
      got.push(...page.items.map((p) => p.id));
      ({ nextPageToken: pageToken } = page);
    } while (pageToken !== undefined);
    assert.deepEqual(got, wanted.toReversed(), `labelled: ${isLabelled}`);
  }
  const first = await serving.predictions('e', query);
  const { nextPageToken: pageToken } = first;
  await assert.rejects(serving.predictions('e', { ...query, order: 'oldest', pageToken }), {
    code: 'page_token_invalid',
  });
});

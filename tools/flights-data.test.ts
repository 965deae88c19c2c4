import assert from 'node:assert/strict';
import { resolve } from 'node:path';
import { after, before, test } from 'node:test';
import { DuckDBInstance } from '@duckdb/node-api';
import type { DuckDBConnection } from '@duckdb/node-api';

const data = resolve(import.meta.dirname, '../examples/flights/data');
const flights = `'${data}/flights/*.parquet'`;
const weather = `'${data}/weather/*.parquet'`;

let instance: DuckDBInstance;
let db: DuckDBConnection;
before(async () => {
  instance = await DuckDBInstance.create(':memory:');
  db = await instance.connect();
});
after(() => {
  db.closeSync();
  instance.closeSync();
});

async function rows(sql: string): Promise<unknown[][]> {
  const reader = await db.runAndReadAll(sql);
  return reader.getRowsJS().map((row) => row.map((v) => (typeof v === 'bigint' ? Number(v) : v)));
}

test('every month has the flights, cancellations, labels and late arrivals that were counted independently', async () => {
  const found = await rows(`SELECT month, count(*), count(*) FILTER (WHERE dep_time IS NULL), count(arr_delay),
    count(*) FILTER (WHERE arr_delay > 15) FROM ${flights} GROUP BY month ORDER BY month`);
  assert.deepEqual(found, [
    [1, 27004, 521, 26398, 6001],
    [2, 24951, 1261, 23611, 5418],
    [3, 28834, 861, 27902, 6374],
    [4, 28330, 668, 27564, 7700],
    [5, 28796, 563, 28128, 6178],
    [6, 28243, 1009, 27075, 8340],
    [7, 29425, 940, 28293, 8902],
    [8, 29327, 486, 28756, 6852],
    [9, 27574, 452, 27010, 3575],
    [10, 28889, 236, 28618, 4798],
    [11, 27268, 233, 26971, 4680],
    [12, 28135, 1025, 27020, 8812],
  ]);
  assert.deepEqual(await rows(`SELECT count(*), count(DISTINCT (origin, time_hour)) FROM ${weather}`), [
    [26115, 26115],
  ]);
});

test('each file holds its month, in the stated order', async () => {
  for (const [table, order] of [
    ['flights', 'sched_dep_utc, carrier, flight, origin'],
    ['weather', 'time_hour, origin'],
  ] as const) {
    const misplaced = await rows(`SELECT count(*) FROM (
      SELECT filename, month, file_row_number, row_number() OVER (PARTITION BY filename ORDER BY ${order}) - 1 AS place
      FROM read_parquet('${data}/${table}/*.parquet', filename = true, file_row_number = true))
      WHERE place <> file_row_number OR NOT ends_with(filename, format('2013-{:02d}.parquet', month))`);
    assert.deepEqual(misplaced, [[0]], table);
  }
});

test('instants: the odd time zones, daylight saving days, overnight arrivals and cancelled flights come out right', async () => {
  // flight, scheduled departure, arrival, scheduled block in minutes
  const cases: readonly [string, string, string | null, number][] = [
    ['2013-01-01|UA|1545|EWR', '2013-01-01T10:15', '2013-01-01T14:30', 244],
    ['2013-02-10|B6|17|JFK', '2013-02-10T13:05', '2013-02-10T16:43', 187],
    ['2013-03-10|B6|709|JFK', '2013-03-10T10:20', '2013-03-10T14:25', 222],
    ['2013-03-05|WN|1705|EWR', '2013-03-05T13:00', '2013-03-05T18:22', 350],
    ['2013-04-16|US|75|EWR', '2013-04-16T14:15', '2013-04-16T19:15', 315],
    ['2013-04-20|HA|51|JFK', '2013-04-20T14:00', '2013-04-21T00:48', 670],
    ['2013-04-24|UA|996|EWR', '2013-04-25T00:29', '2013-04-25T07:02', 393],
    ['2013-05-16|AA|753|LGA', '2013-05-16T17:40', '2013-05-17T05:59', 240],
    ['2013-05-08|WN|1794|EWR', '2013-05-08T10:25', null, 240],
    ['2013-07-06|UA|887|EWR', '2013-07-06T20:15', '2013-07-07T03:54', 458],
    ['2013-12-19|UA|1124|EWR', '2013-12-19T15:00', '2013-12-19T20:09', 292],
    ['2013-11-03|AA|1175|LGA', '2013-11-03T11:00', '2013-11-03T14:00', 185],
    ['2013-12-31|DL|454|JFK', '2013-12-31T13:20', '2013-12-31T17:09', 261],
  ];
  for (const [id, departure, arrival, block] of cases) {
    const found =
      await rows(`SELECT strftime(sched_dep_utc, '%Y-%m-%dT%H:%M'), strftime(arr_utc, '%Y-%m-%dT%H:%M'), sched_block
      FROM ${flights} WHERE flight_id = '${id}'`);
    assert.deepEqual(found, [[departure, arrival, block]], id);
  }
});

test('what must hold of all rows: unique ids, possible blocks, delays that agree with the clocks at both ends', async () => {
  const found = await rows(`SELECT count(DISTINCT flight_id), min(sched_block), max(sched_block),
    count(*) FILTER (WHERE arr_utc IS DISTINCT FROM sched_dep_utc + to_minutes(sched_block + arr_delay)),
    count(*) FILTER (WHERE dep_utc IS DISTINCT FROM sched_dep_utc + to_minutes(dep_delay)),
    count(*) FILTER (WHERE ((arr_time // 100 - sched_arr_time // 100) * 60 + arr_time % 100 - sched_arr_time % 100 - arr_delay) % 1440 <> 0),
    count(*) FILTER (WHERE hour((sched_dep_utc AT TIME ZONE 'UTC') AT TIME ZONE 'America/New_York') * 100
      + minute(sched_dep_utc) <> sched_dep_time)
    FROM ${flights}`);
  assert.deepEqual(found, [[336776, 50, 700, 0, 0, 0, 0]]);
});

test('the broken month differs from June by its stated damage and nothing else', async () => {
  const broken = `'${data}/broken/flights-2013-06.parquet'`;
  const june = `'${data}/flights/2013-06.parquet'`;
  assert.deepEqual(
    await rows(
      `SELECT count(*), count(*) FILTER (WHERE day = 5), count(*) FILTER (WHERE origin = 'KLGA') FROM ${broken}`,
    ),
    [[29213, 1940, 310]],
  );
  const key = `year, month, day, carrier, flight, right(origin, 3) AS airport, dest, sched_dep_time`;
  const same = `dep_delay, arr_delay, air_time, tailnum, sched_block, hour, minute`;
  const changed = await rows(`SELECT count(*) FROM (
    (SELECT DISTINCT ${key}, ${same} FROM ${broken} EXCEPT SELECT ${key}, ${same} FROM ${june})
    UNION ALL (SELECT ${key}, ${same} FROM ${june} EXCEPT SELECT ${key}, ${same} FROM ${broken}))`);
  assert.deepEqual(changed, [[0]]);
  const damage = await rows(`SELECT count(*) FILTER (WHERE b.distance <> j.distance AND b.day < 16),
      count(*) FILTER (WHERE b.distance <> round(j.distance * 1.609344) AND b.day >= 16),
      count(*) FILTER (WHERE b.time_hour <> j.time_hour), count(*) FILTER (WHERE b.sched_dep_utc = j.sched_dep_utc - INTERVAL 4 HOUR)
    FROM (SELECT DISTINCT * FROM ${broken}) b JOIN ${june} j ON replace(b.flight_id, 'KLGA', 'LGA') = j.flight_id`);
  assert.deepEqual(damage, [[0, 0, 289, 289]]);
  const sky =
    await rows(`SELECT count(*), count(*) FILTER (WHERE temp IS NULL), max(temp) FILTER (WHERE origin = 'EWR' AND day >= 25) < 40
    FROM '${data}/broken/weather-2013-06.parquet'`);
  assert.deepEqual(sky, [[2136, 72, true]]);
});

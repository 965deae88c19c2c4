/** Reading one vector of 27 features from the online state: CPU of the read alone, in process. */
import type { BenchContext, BenchEntry, BenchResult } from './entry.ts';
import { flightsAnalytics, planFlights, replayFlights } from './flights-features.ts';
import { trainingSpineSql } from '../packages/server/src/modules/features/compile-sql.ts';

const warmMonths = 3;
/** Vectors read per sample. */
const readsPerSample = 20_000;
const goalUs = 10;

type Value = number | string | null;

/** Requests of April's flights at one instant after the last event, so that every read finds the full state. */
async function requestsOf(atUs: number): Promise<readonly (readonly Value[])[]> {
  await using analytics = flightsAnalytics();
  const connection = await analytics.connect();
  const { plan, service } = await planFlights(connection, warmMonths + 1);
  const flights = `(SELECT * FROM read_parquet('${new URL('../examples/flights/data/flights/2013-04.parquet', import.meta.url).pathname}'))`;
  const inputs = plan.inputs.map(({ name, type }) =>
    type === 'string' ? `"in_${name}"` : `CAST("in_${name}" AS DOUBLE) AS "in_${name}"`,
  );
  const read = await connection.runAndReadAll(
    `SELECT ${inputs.join(', ')} FROM (${trainingSpineSql(plan, service, { relation: flights })}) WHERE _t > ${atUs} ORDER BY _t, _row LIMIT ${readsPerSample}`,
  );
  connection.closeSync();
  // DOUBLE and VARCHAR columns arrive as numbers, strings and nulls.
  return read.getRowsJS() as Value[][];
}

async function run({ rounds, say }: BenchContext): Promise<BenchResult> {
  say(`replaying ${warmMonths} months into the online state`);
  await using analytics = flightsAnalytics();
  const { engine } = await replayFlights(analytics, warmMonths);
  const nowUs = engine.nowUs();
  const requests = await requestsOf(nowUs);
  const reader = engine.reader('delay_risk');
  const out = new Float64Array(reader.names.length);
  let filled = 0;
  const sample = (): number => {
    const before = process.cpuUsage();
    for (let i = 0; i < readsPerSample; i++) {
      reader.readValues(nowUs, requests[i % requests.length] ?? [], out);
      if (!Number.isNaN(out[10])) filled += 1;
    }
    const used = process.cpuUsage(before);
    return (used.user + used.system) / readsPerSample;
  };
  sample();
  filled = 0;
  const samples = Array.from({ length: rounds }, sample);
  const filledShare = filled / (rounds * readsPerSample);
  return {
    tables: [
      {
        title: `One vector of ${reader.names.length} features`,
        unit: 'CPU µs per read (less is better)',
        subjects: [{ name: 'Slipway', samples }],
        goals: [{ atMost: goalUs }],
      },
    ],
    notRun: [],
    notes: [
      `State: the flights and weather of ${warmMonths} months; requests: ${requests.length} flights of April, all at the instant after the last event; a sample is ${readsPerSample} reads after one warm-up.`,
      `The eleventh feature had a value in ${(filledShare * 100).toFixed(0)} % of the reads.`,
    ],
  };
}

export const onlineRead: BenchEntry = {
  name: 'online-read',
  question: 'How long does it take to read all features of a flight from the online state?',
  run,
};

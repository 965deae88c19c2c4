/**
 * The quality of the first model of the flights example on the months after its training, against what two established
 * trainers reach on the same rows: LightGBM 4.7.0 mean AUC .7653, scikit-learn's histogram boosting .7623.
 */
import { test } from 'node:test';
import assert from 'node:assert/strict';
import { areaUnderRoc, predictTrees, trainTrees } from '@slipway/train';
import { flightsAnalytics, replayFlights } from '../../bench/flights-features.ts';

/** Between the two, and how far one month moves between refits on 95 % of the rows. */
const golden = { meanAuc: 0.7638, tolerance: 0.005 };
const trainUntilUs = Date.UTC(2013, 3, 1, 4) * 1000;

test('trees trained on January to March rank the flights of April to June as well as established trainers do', async () => {
  await using analytics = flightsAnalytics();
  const { rows } = await replayFlights(analytics, 6);
  const pick = (wanted: (row: number) => boolean): { columns: Float64Array[]; labels: Float64Array } => {
    const chosen = Uint32Array.from(
      [...rows.labels.keys()].filter((row) => !Number.isNaN(rows.labels[row]) && wanted(row)),
    );
    const take = (column: Float64Array): Float64Array => Float64Array.from(chosen, (row) => column[row] ?? Number.NaN);
    return { columns: rows.columns.map(take), labels: take(rows.labels) };
  };
  const train = pick((row) => (rows.labelKnownUs[row] ?? Infinity) <= trainUntilUs);
  assert.equal(train.labels.length, 77_827);
  const { ensemble } = trainTrees(
    { featureNames: rows.featureNames, ...train },
    { objective: 'binary', rounds: 150, learningRate: 0.06, leaves: 31, minRowsPerLeaf: 50, l2: 1, bins: 255 },
  );
  const areas = [4, 5, 6].map((month) => {
    const { columns, labels } = pick((row) => rows.months[row] === month);
    return areaUnderRoc(predictTrees(ensemble, columns), labels);
  });
  const mean = areas.reduce((a, b) => a + b, 0) / areas.length;
  assert(Math.abs(mean - golden.meanAuc) <= golden.tolerance, `mean AUC ${mean} of ${areas.join(', ')}`);
});

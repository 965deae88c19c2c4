/**
 * From flights to a model that has earned its place.
 *
 * The flights are checked, joined with what was known two hours before each departure, and cut in time. Three settings learn
 * from the older part, the best of them is judged on the newer part, which none has seen. Only if it passes is it trained
 * again on everything and registered: as champion when there is none, else as challenger.
 */
import {
  artifact,
  chooseBest,
  evaluate,
  gate,
  instant,
  logisticBaseline,
  parameter,
  pipeline,
  refit,
  register,
} from 'slipway';
import { splitByTime, step, tableBaseline, trainingSet, trainTrees, validate } from 'slipway';
import { z } from 'zod';

const model = 'flight-delay';
const tables = ['flights', 'weather'] as const;

const checkFlights = validate({ id: 'check-flights', suite: 'flights', tables });
const labelledFlights = trainingSet({ id: 'labelled-flights', set: 'flights', service: 'delay_risk', tables });
const carrierByHour = tableBaseline({ id: 'carrier-by-hour', columns: ['carrier', 'dep_minute/60'], shrinkage: 20 });
const logistic = logisticBaseline({ id: 'logistic', oneHot: ['carrier', 'origin'] });
const judge = evaluate({ model, timeZone: 'America/New_York' });
const passGate = gate({ model });
const registerModel = register({ model });

const settings = {
  steady: { learningRate: 0.06, leaves: 31, rounds: 150 },
  quick: { learningRate: 0.1, leaves: 31, rounds: 80, earlyStoppingRounds: 20 },
  wide: { learningRate: 0.06, leaves: 63, minRowsPerLeaf: 100, rounds: 150 },
};

const params = {
  until: parameter(instant),
  holdoutDays: parameter(z.number().min(1).max(90).default(14)),
  maxMonths: parameter(z.int().min(1).optional()),
};

export const train = pipeline(
  { id: 'train', description: 'Train, judge and register the flight delay model on what was known by `until`', params },
  (p, run) => {
    const flights = run.dataset('flights');
    const weather = run.dataset('weather');

    const checked = run(checkFlights, { flights, weather });
    const known = run(
      labelledFlights,
      { flights, weather, until: p.until, maxMonths: p.maxMonths },
      { after: [checked] },
    );
    const time = run(splitByTime, { rows: known.rows, until: p.until, holdoutDays: p.holdoutDays });

    const fits = run.map(trainTrees, settings, (setting) => ({ rows: time.train, setting }));
    const best = run(chooseBest, { models: fits.model });

    const byHour = run(carrierByHour, { rows: time.train });
    const linear = run(logistic, { rows: time.train });
    const judged = run(judge, { rows: time.holdout, candidate: best.model, baselines: [byHour.model, linear.model] });
    const passed = run(passGate, { evidence: judged.evidence });

    const final = run(refit, { rows: time.all, like: best.model }, { after: [passed] });
    run(registerModel, { model: final.model, gate: passed.gate });
  },
);

/**
 * The same, from the service that delivers its rates in percent, with an honest mistake in it: the rates are turned back into
 * fractions here, where nobody who serves the model will see it. Every check on held-out rows passes; the model is right about
 * fractions, and will be given percent.
 */
const percentFlights = trainingSet({ id: 'labelled-flights', set: 'flights', service: 'delay_risk_percent', tables });

/** Under an alias of its own, which no policy waits for. */
const registerPercent = register({ model, alias: 'percent' });

const percentToFractions = step({
  id: 'percent-to-fractions',
  inputs: { rows: artifact.table() },
  outputs: { rows: artifact.table() },
  run: async (ctx, { rows }) => {
    const { columns } = await ctx.openTable(rows);
    const rates = columns.filter((name) => name.includes('_late_'));
    const asFractions = rates.map((name) => `${name} / 100 as ${name}`).join(', ');
    return { rows: await ctx.query(`select * replace (${asFractions}) from rows`, { rows }, 'rows') };
  },
});

export const trainPercent = pipeline(
  { id: 'train-percent', description: 'Train from rates in percent, turned into fractions on the way', params },
  (p, run) => {
    const flights = run.dataset('flights');
    const weather = run.dataset('weather');

    const checked = run(checkFlights, { flights, weather });
    const known = run(
      percentFlights,
      { flights, weather, until: p.until, maxMonths: p.maxMonths },
      { after: [checked] },
    );
    const fractions = run(percentToFractions, { rows: known.rows });
    const time = run(splitByTime, { rows: fractions.rows, until: p.until, holdoutDays: p.holdoutDays });

    const fit = run(trainTrees, { rows: time.train, setting: settings.steady });
    const byHour = run(carrierByHour, { rows: time.train });
    const linear = run(logistic, { rows: time.train });
    const judged = run(judge, { rows: time.holdout, candidate: fit.model, baselines: [byHour.model, linear.model] });
    const passed = run(passGate, { evidence: judged.evidence });

    const final = run(refit, { rows: time.all, like: fit.model }, { after: [passed] });
    run(registerPercent, { model: final.model, gate: passed.gate });
  },
);

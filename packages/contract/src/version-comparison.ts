/** Two versions of a model on the same labelled predictions of an endpoint: which answers better, by how much, and where. */
import { z } from 'zod';
import { JudgedNumber } from './estimate.ts';
import { Instant, Name } from './names.ts';
import { routes } from './route.ts';

const PairedNumber = JudgedNumber.extend({ z: z.number().nullable(), p: z.number().nullable() });

const Compared = z.object({
  endpoint: Name,
  champion: z.int(),
  challenger: z.int(),
  from: Instant,
  to: Instant,
  count: z.int(),
  verdict: z.enum(['better', 'not-better', 'worse', 'undecided']),
  sentence: z.string(),
  warnings: z.array(z.string()),
});

/** Tenths of the predictions in the order of one version's score. Both members are shares of 1. */
const CalibrationBin = z.object({ meanScore: z.number(), observedRate: z.number(), count: z.int() });

/** Two versions on the same labelled predictions. Differences are challenger - champion. */
export const VersionComparison = z.discriminatedUnion('task', [
  Compared.extend({
    task: z.literal('binary'),
    positives: z.int(),
    scores: z.object({
      champion: z.object({ auc: z.number(), logLoss: z.number(), ece: z.number(), meanScore: z.number() }),
      challenger: z.object({ auc: z.number(), logLoss: z.number(), ece: z.number(), meanScore: z.number() }),
    }),
    dAuc: PairedNumber,
    dAucByDay: PairedNumber,
    dLogLoss: PairedNumber,
    dLogLossByDay: PairedNumber,
    /** One-sided 95 % upper bound of the log-loss difference. */
    dLogLossUpperBound: z.number(),
    minimumDetectableLogLoss: z.number(),
    calibration: z.object({ champion: z.array(CalibrationBin), challenger: z.array(CalibrationBin) }),
  }),
  Compared.extend({
    task: z.enum(['classes', 'number', 'quantiles']),
    /** The first is what a better version lowers. Of accuracy and coverage more is better. */
    figures: z.array(
      z.object({
        name: z.enum([
          'log-loss',
          'accuracy',
          'root-mean-squared-error',
          'mean-absolute-error',
          'pinball-loss',
          'coverage',
        ]),
        champion: z.number(),
        challenger: z.number(),
        difference: PairedNumber,
        byDay: PairedNumber,
      }),
    ),
  }),
]);
export type VersionComparison = z.infer<typeof VersionComparison>;

const ComparedSegment = z.object({
  /** Null: the request brought no such text. */
  value: z.string().nullable(),
  count: z.int(),
  positives: z.int(),
  /** AUC of the challenger less that of the champion, days kept together. Absent where too few rows of a class are there. */
  dAuc: PairedNumber.optional(),
});

/** Where one version ranks better than another: the same labelled predictions, by a text that requests bring. */
export const VersionSegments = z.object({
  endpoint: Name,
  champion: z.int(),
  challenger: z.int(),
  from: Instant,
  to: Instant,
  /** Texts of the requests that have two values or more with enough rows. */
  columns: z.array(z.string()),
  /** The one that was taken; absent where there is none. */
  by: z.string().optional(),
  all: ComparedSegment.omit({ value: true }),
  /** The most frequent values, the largest first; `otherCount` rows have others. */
  segments: z.array(ComparedSegment),
  otherCount: z.int(),
  /** Coverage of the segments' intervals: 95 % for all of them together. That of `all` is 95 %. */
  level: z.number(),
  /** The smallest true gain over all rows that this many show with 80 % power, two-sided 5 %. */
  minimumDetectableAuc: z.number().nullable(),
});
export type VersionSegments = z.infer<typeof VersionSegments>;

/** Two versions, and the predictions by their time: `to` is not included. */
const compared = z.object({
  champion: z.coerce.number().int().min(1),
  challenger: z.coerce.number().int().min(1),
  from: z.coerce.number().int().min(0),
  to: z.coerce.number().int().min(0),
  zone: z.string().max(64).default('UTC'),
});

export const versionComparisonRoutes = routes({
  'monitoring.compare': {
    method: 'GET',
    path: '/api/endpoints/{endpoint}/comparison',
    permission: 'monitoring.read',
    summary: 'Two versions on the labelled predictions that both of them scored',
    params: z.object({ endpoint: Name }),
    query: compared,
    response: VersionComparison,
  },
  'monitoring.segments': {
    method: 'GET',
    path: '/api/endpoints/{endpoint}/comparison/segments',
    permission: 'monitoring.read',
    summary: 'Where one version ranks better than another: AUC gain by a text of the requests, of two classes only',
    params: z.object({ endpoint: Name }),
    query: compared.extend({
      /** A text of the requests; the one with the fewest values unless said. */
      by: z.string().min(1).max(200).optional(),
    }),
    response: VersionSegments,
  },
});

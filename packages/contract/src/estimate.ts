import { z } from 'zod';

/** A measured quantity with its 95 % interval, where one was computed. */
export const Estimate = z.object({
  value: z.number(),
  low: z.number().optional(),
  high: z.number().optional(),
  n: z.int().min(0).optional(),
});
export type Estimate = z.infer<typeof Estimate>;

/** An estimate with its 95 % interval; `by: clusters` when rows of one local day were not taken as independent. */
export const JudgedNumber = z.object({
  value: z.number(),
  low: z.number().nullable(),
  high: z.number().nullable(),
  standardError: z.number().nullable(),
  by: z.enum(['rows', 'clusters']),
  clusters: z.int().optional(),
});
export type JudgedNumber = z.infer<typeof JudgedNumber>;

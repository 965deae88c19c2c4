import { z } from 'zod';

/** A measured quantity with its 95 % interval, where one was computed. */
export const Estimate = z.object({
  value: z.number(),
  low: z.number().optional(),
  high: z.number().optional(),
  n: z.int().min(0).optional(),
});
export type Estimate = z.infer<typeof Estimate>;

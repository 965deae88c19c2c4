import { z } from 'zod';

const unitMs: Readonly<Record<string, number>> = {
  ms: 1,
  s: 1000,
  m: 60_000,
  h: 3_600_000,
  d: 86_400_000,
  w: 604_800_000,
};

/** A length of time as people write it (`90s`, `15m`, `24h`, `21d`, `2w`), or a number of milliseconds. Becomes milliseconds. */
export const Duration = z
  .union([z.int().min(0), z.string().regex(/^\d{1,9}(ms|s|m|h|d|w)$/, 'a number with a unit: 90s, 15m, 24h, 21d, 2w')])
  .transform((value): number => {
    if (typeof value === 'number') return value;
    const unit = value.replace(/^\d+/, '');
    return Number.parseInt(value, 10) * (unitMs[unit] ?? 1);
  });

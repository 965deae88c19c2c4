import type { ResourceLimits } from 'node:worker_threads';

/**
 * Of database threads: what a query or a write makes dies young and is small, and a thread otherwise keeps up to 48 MB of
 * room for it, filled once and never given back.
 */
export const threadLimits: ResourceLimits = { maxYoungGenerationSizeMb: 8 };

/**
 * How the evidence of a rollout went, for a chart: one point for every so many judgements. When there are too many points
 * every second one is dropped and the distance between them doubles, so that any rollout fits into the same memory. A replay
 * has all requests before all labels: each series is the same over its own count, not over the other's.
 */
import type { RolloutProgress } from '@slipway/contract';

export const trailPointsMax = 256;

export interface TrailPoint {
  readonly requests: number;
  readonly pairs: number;
  /** Natural logarithms of e-values. */
  readonly errors: number;
  readonly sampleRatio: number;
  readonly labelsZ: number;
}

export interface EvidenceTrail {
  /** One more request or label was judged. The point is made only where one is due. */
  step(point: () => TrailPoint): void;
  points(): readonly TrailPoint[];
}

export function createEvidenceTrail(): EvidenceTrail {
  let points: TrailPoint[] = [];
  let stride = 1;
  let steps = 0;
  return {
    step: (point) => {
      steps++;
      if (steps % stride !== 0) return;
      points.push(point());
      if (points.length < trailPointsMax) return;
      stride *= 2;
      points = points.filter((_, i) => i % 2 === 1);
    },
    points: () => points,
  };
}

export const emptyTrail: RolloutProgress['trail'] = {
  requests: [],
  pairs: [],
  errors: [],
  sampleRatio: [],
  labelsZ: [],
};

const finite = (value: number): number | null => (Number.isFinite(value) ? Number(value.toFixed(4)) : null);

export function trailOf(points: readonly TrailPoint[]): RolloutProgress['trail'] {
  return {
    requests: points.map((p) => p.requests),
    pairs: points.map((p) => p.pairs),
    errors: points.map((p) => finite(p.errors)),
    sampleRatio: points.map((p) => finite(p.sampleRatio)),
    labelsZ: points.map((p) => finite(p.labelsZ)),
  };
}

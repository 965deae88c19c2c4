/** The trees of a table's model with the calibration that its rows held out ask for. */
import type { TableHead, TreeEnsemble } from '@slipway/onnx';
import { fitIsotonic, fitPlatt, fitTemperature, moveEnsemble } from './calibration.ts';
import type { CalibrationRows } from './calibration.ts';
import { weightedQuantile } from './quantiles.ts';
import type { Calibration } from './table-settings.ts';
import type { Target } from './table-target.ts';

/** Rows held out of a training, with the margins that it gave them: per ensemble float32 [rows, classCount]. */
interface HeldRows {
  readonly rows: Uint32Array;
  readonly margins: readonly Float32Array[];
}

export interface HeadParts {
  readonly ensembles: readonly TreeEnsemble[];
  /** Of quantiles; none for other tasks. */
  readonly levels: readonly number[];
  readonly calibration: Calibration;
  readonly held: readonly HeldRows[];
  readonly target: Target;
}

/** Throws RangeError where a calibration has no rows. */
export function calibrateHead(parts: HeadParts): TableHead {
  const { ensembles, levels, calibration, held, target } = parts;
  if (calibration !== 'none' && held.length === 0) {
    throw new RangeError(`calibration is ${calibration}, but no rows could be held out for it: there are too few.`);
  }
  if (target.task === 'quantile') {
    const moved = calibration === 'shift' ? ensembles.map((ensemble, goal) => shift(ensemble, goal, parts)) : ensembles;
    return { kind: 'quantiles', levels, ensembles: moved };
  }
  const [ensemble] = ensembles;
  if (ensemble === undefined) throw new RangeError('A model of trees has one ensemble.');
  const rows = rowsOf(parts, 0);
  switch (calibration) {
    case 'none':
    case 'shift':
      return { kind: 'trees', ensemble };
    case 'isotonic':
      return { kind: 'trees', ensemble, steps: fitIsotonic(rows) };
    case 'platt': {
      const isPair = target.task === 'binary';
      const line = isPair ? fitPlatt(rows) : fitTemperature(rows, target.classLabels.length);
      return { kind: 'trees', ensemble: moveEnsemble(ensemble, line) };
    }
  }
}

function rowsOf({ held, target }: HeadParts, goal: number): CalibrationRows {
  const rows = Uint32Array.from(held.flatMap((part) => [...part.rows]));
  return {
    margins: Float32Array.from(held.flatMap((part) => [...(part.margins[goal] ?? [])])),
    labels: Float64Array.from(rows, (row) => target.labels[row] ?? 0),
    weights: Float64Array.from(rows, (row) => target.weights[row] ?? 0),
  };
}

/** Adds the quantile of what the rows held out lack. */
function shift(ensemble: TreeEnsemble, goal: number, parts: HeadParts): TreeEnsemble {
  const { margins, labels, weights } = rowsOf(parts, goal);
  const lacking = Float64Array.from(margins, (margin, row) => (labels[row] ?? 0) - margin);
  const by = weightedQuantile(lacking, Float64Array.from(weights), parts.levels[goal] ?? 0.5);
  return { ...ensemble, baseScore: Math.fround(ensemble.baseScore + by) };
}

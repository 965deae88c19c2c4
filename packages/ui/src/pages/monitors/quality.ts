/** The level and the loss of a window, whichever task its model has. */
import type { JudgedNumber, MonitorWindow } from '@slipway/contract';
import { decimals, figure } from '../../words.ts';

type Judged = Pick<MonitorWindow, 'calibration' | 'numbers' | 'auc' | 'logLoss' | 'accuracy'>;

export const levelOf = ({ calibration, numbers }: Judged): { gap: number; z: number | null } | undefined =>
  calibration ?? numbers;

/** Several classes have an accuracy, numbers an error; two classes rank. */
export function mainFigure({ auc, accuracy, numbers }: Judged): { name: string; value: JudgedNumber } | undefined {
  if (numbers !== undefined) return { name: 'RMSE', value: numbers.rmse };
  if (accuracy !== undefined) return { name: 'Accuracy', value: accuracy };
  return auc === undefined ? undefined : { name: 'AUC', value: auc };
}

/** An error is in the unit of what was predicted, the others lie between 0 and 1. */
export function mainText(judged: Judged): string {
  const value = mainFigure(judged)?.value.value;
  return judged.numbers === undefined ? decimals(value) : figure(value);
}

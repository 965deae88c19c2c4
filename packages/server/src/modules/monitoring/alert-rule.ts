/** What one judged window does to the alerts of its monitor. Pure, so that a backtest and the real thing cannot differ. */
import type { Alert, MonitorWindow } from '@slipway/contract';

export interface OpenAlert {
  readonly model: string;
  readonly version: number;
  readonly severity: Alert['severity'];
  /** It fired under a silence, so nobody was told. */
  readonly isSilenced: boolean;
}

export type AlertStep<T extends OpenAlert> =
  | { readonly step: 'none' }
  /** The window is good: every open alert ends. */
  | { readonly step: 'resolve'; readonly open: readonly T[] }
  | { readonly step: 'open'; readonly severity: Alert['severity'] }
  /** A warning became an alert. */
  | { readonly step: 'raise'; readonly open: T }
  /** It fired under a silence that is over: whoever was spared is told now. */
  | { readonly step: 'repeat'; readonly open: T }
  | { readonly step: 'continue'; readonly open: T };

export function nextStep<T extends OpenAlert>(
  open: readonly T[],
  window: Pick<MonitorWindow, 'model' | 'version' | 'verdict'>,
  isSilenceOver: (alert: T) => boolean,
): AlertStep<T> {
  const { verdict } = window;
  if (verdict === 'too-few-labels') return { step: 'none' };
  if (verdict === 'ok') return open.length === 0 ? { step: 'none' } : { step: 'resolve', open };
  const same = open.find((a) => a.model === window.model && a.version === window.version);
  if (same === undefined) return { step: 'open', severity: verdict };
  if (same.severity === 'warning' && verdict === 'alert') return { step: 'raise', open: same };
  return { step: same.isSilenced && isSilenceOver(same) ? 'repeat' : 'continue', open: same };
}

/** A run's course of one metric, as small as a cell. */
import type { Run } from '@slipway/contract';
import type { ReactElement } from 'react';
import { useContext } from 'react';
import { Sparkline } from '../../components/sparkline.tsx';
import { NotSet } from './not-set.tsx';
import { CurvesContext, hasSteps } from './use-curves.ts';
import { metricOf, metricText } from './values.ts';

interface CurveCellProps {
  readonly run: Run;
  readonly metric: string;
  /** Of a selected run. */
  readonly color: string | undefined;
}

export function CurveCell({ run, metric, color = '--c8' }: CurveCellProps): ReactElement | null {
  const values = useContext(CurvesContext).get(run.id);
  const last = metricOf(run, metric);
  if (last === undefined) return <NotSet />;
  if (!hasSteps(run, metric)) return <span className="t3">no steps</span>;
  if (values === undefined) return null;
  if (values.length < 2) return <span className="t3">one point</span>;
  return (
    <Sparkline
      label={`${metric} by step, ${metricText(last.value)} at step ${last.step}`}
      values={values}
      color={color}
    />
  );
}

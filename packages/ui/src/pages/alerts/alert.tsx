/** One alert: what was off, whether somebody looks after it, what policies did because of it, and where its window is. */
import type { Alert } from '@slipway/contract';
import type { ReactElement } from 'react';
import { Link, useParams } from 'react-router';
import { useAsk } from '../../api/queries.ts';
import { Grid, PageHead, Pairs, Panel } from '../../components/layout.tsx';
import { EmptyState, Loaded } from '../../components/states.tsx';
import { StatusBadge } from '../../components/status.tsx';
import { to } from '../../frame/places.ts';
import { useView } from '../../frame/view.tsx';
import { instant, plural } from '../../words.ts';
import { DriftTable } from '../monitors/drift-table.tsx';
import { SilenceButton, SilenceNote } from '../monitors/silence.tsx';
import '../monitors/monitor.css';
import { windowName, yearOf } from '../monitors/window-words.ts';
import { Acknowledge } from './acknowledge.tsx';
import './alerts.css';
import { Followed } from './followed.tsx';

export function Page(): ReactElement {
  const { alert: id = '' } = useParams();
  const alert = useAsk('alerts.get', { params: { alert: id } });
  useView(`slipway policy caused-by ${id}`, 'policies.decisions', { query: { subject: id } });
  return (
    <Loaded query={alert} lines={10}>
      {(data) => <Shown alert={data} />}
    </Loaded>
  );
}

function Shown({ alert }: { alert: Alert }): ReactElement {
  const monitor = useAsk('monitors.get', { params: { monitor: alert.monitor } });
  const silences = useAsk('silences.list', { params: { monitor: alert.monitor }, query: { limit: 20 } });
  const zone = monitor.data?.spec.zone ?? 'UTC';
  const name = windowName({ from: alert.windowFrom, to: alert.windowTo }, zone);
  const own = silences.data?.items.find(
    (s) => s.endedAt === undefined && s.until > Date.now() && (s.alert === undefined || s.alert === alert.id),
  );
  const isOver = alert.state === 'resolved';
  return (
    <>
      <PageHead
        title={`${alert.severity === 'alert' ? 'Alert' : 'Warning'} of ${name} ${yearOf(alert.windowFrom, zone)}`}
        badges={
          <>
            <StatusBadge state={alert.state} />
            {own !== undefined && !isOver && <StatusBadge state={{ tone: 'wait', word: 'Silent' }} />}
          </>
        }
        sentence={alert.sentence}
        actions={
          <>
            <Link className="btn" to={to.why('alert', alert.id)}>
              Why
            </Link>
            {!isOver && own === undefined && <SilenceButton monitor={alert.monitor} alert={alert.id} />}
            {alert.state === 'open' && <Acknowledge alert={alert} />}
          </>
        }
      />
      {own !== undefined && !isOver && <SilenceNote silence={own} />}
      <Grid>
        <div className="col mon-wide">
          <Followed alert={alert.id} />
          <Drift alert={alert} />
        </div>
        <div className="col mon-side">
          <Facts alert={alert} zone={zone} />
        </div>
      </Grid>
    </>
  );
}

function Facts({ alert, zone }: { alert: Alert; zone: string }): ReactElement {
  const { monitor, model, version, endpoint, windows, windowId, acknowledgedBy, acknowledgedAt, note } = alert;
  return (
    <Panel title="The alert">
      <Pairs
        pairs={[
          { name: 'Monitor', value: <Link to={to.monitor(monitor)}>{monitor}</Link> },
          {
            name: 'Window',
            value: (
              <Link to={`${to.monitor(monitor)}?window=${windowId}`}>
                {windowName({ from: alert.windowFrom, to: alert.windowTo }, zone)}
              </Link>
            ),
          },
          { name: 'Version', value: <Link to={to.version(model, version)}>{`${model} v${version}`}</Link> },
          { name: 'Endpoint', value: <Link to={to.endpoint(endpoint)}>{endpoint}</Link> },
          { name: 'In a row', value: plural(windows, 'window') },
          { name: 'Raised', value: instant(alert.openedAt) },
          {
            name: 'Looked after',
            value:
              acknowledgedAt === undefined
                ? 'by nobody yet'
                : `by ${acknowledgedBy ?? 'somebody'}, ${instant(acknowledgedAt)}`,
          },
          ...(note === undefined ? [] : [{ name: 'Note', value: <bdi>{note}</bdi> }]),
          { name: 'Resolved', value: alert.resolvedAt === undefined ? 'not yet' : instant(alert.resolvedAt) },
          ...(alert.silence === undefined ? [] : [{ name: 'Fired', value: 'in silence: no policy was triggered' }]),
        ]}
      />
    </Panel>
  );
}

/** What had changed in its window. */
function Drift({ alert }: { alert: Alert }): ReactElement {
  const drift = useAsk('monitors.drift', { params: { monitor: alert.monitor, window: alert.windowId } });
  return (
    <Panel title="Drift in its window" caption="against the training data of the version" flush>
      {drift.error?.code === 'window_figures_missing' ? (
        <EmptyState title="No distributions are kept of this window">
          Its figures are on{' '}
          <Link to={`${to.monitor(alert.monitor)}?window=${alert.windowId}`}>the monitor&apos;s page</Link>.
        </EmptyState>
      ) : (
        <Loaded query={drift} lines={6}>
          {(data) => (
            <DriftTable
              window={{ ...data, version: data.window.version }}
              importance={undefined}
              isByDrift
              figures={data.figures}
              chosen={undefined}
              href={(column) =>
                `${to.monitor(alert.monitor)}?${new URLSearchParams({ window: alert.windowId, column }).toString()}`
              }
            />
          )}
        </Loaded>
      )}
    </Panel>
  );
}

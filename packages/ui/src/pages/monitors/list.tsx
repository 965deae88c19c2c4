/** All monitors with what each last said. */
import type { Monitor } from '@slipway/contract';
import type { ReactElement } from 'react';
import { Link } from 'react-router';
import { useAsk, useAskPages } from '../../api/queries.ts';
import { DataTable } from '../../components/data-table.tsx';
import { PageHead, Panel } from '../../components/layout.tsx';
import { EmptyState } from '../../components/states.tsx';
import { StatusBadge } from '../../components/status.tsx';
import { to } from '../../frame/places.ts';
import { useView } from '../../frame/view.tsx';
import { fullInstant, instant, plural, signed } from '../../words.ts';
import { LoadedPages, rowsOf } from '../../components/loaded-pages.tsx';
import { levelOf, mainFigure, mainText } from './quality.ts';
import { windowName } from './window-words.ts';

export function Page(): ReactElement {
  const query = { limit: 100 };
  const monitors = useAskPages('monitors.list', { query });
  const open = useAsk('alerts.list', { query: { state: 'open', limit: 100 } });
  useView('slipway monitor list', 'monitors.list', { query });
  const rows = rowsOf(monitors);
  const alerts = open.data?.items ?? [];
  return (
    <>
      <PageHead title="Monitors" sentence={rows === undefined ? undefined : sentenceOf(rows.length, alerts.length)} />
      <Panel title="Monitors" caption="judge the answers of an endpoint, window by window" flush>
        <LoadedPages query={monitors}>
          {(items, more) =>
            items.length === 0 ? (
              <EmptyState title="No monitors yet" command="slipway apply">
                slipway.yaml declares them, each for one endpoint. Windows are judged as their outcomes come in.
              </EmptyState>
            ) : (
              <DataTable
                label="Monitors"
                rows={items}
                rowKey={(m) => m.name}
                href={(m) => to.monitor(m.name)}
                more={more}
                columns={[
                  { key: 'name', head: 'Monitor', cell: (m) => <Link to={to.monitor(m.name)}>{m.name}</Link> },
                  {
                    key: 'endpoint',
                    head: 'Endpoint',
                    cell: (m) => <Link to={to.endpoint(m.endpoint)}>{m.endpoint}</Link>,
                  },
                  { key: 'last', head: 'Last window', cell: (m) => <LastWindow monitor={m} /> },
                  {
                    key: 'alerts',
                    head: 'Open alerts',
                    isNumber: true,
                    cell: (m) => alerts.filter((a) => a.monitor === m.name).length,
                  },
                  { key: 'window', head: 'Judged by', isExtra: true, cell: (m) => `${m.spec.window}, ${m.spec.zone}` },
                  {
                    key: 'labels',
                    head: 'Labels complete to',
                    isExtra: true,
                    cell: ({ labelWatermarkAt: at }) =>
                      at === undefined ? (
                        <span className="t3">not reported</span>
                      ) : (
                        <time title={fullInstant(at)}>{instant(at)}</time>
                      ),
                  },
                ]}
              />
            )
          }
        </LoadedPages>
      </Panel>
    </>
  );
}

function sentenceOf(monitors: number, alerts: number): string {
  if (monitors === 0) return 'Nothing is watched yet.';
  return `${plural(monitors, 'monitor')} ${monitors === 1 ? 'watches' : 'watch'}; ${alerts === 0 ? 'no alert is open' : `${plural(alerts, 'alert')} ${alerts === 1 ? 'is' : 'are'} open`}.`;
}

function LastWindow({ monitor }: { monitor: Monitor }): ReactElement {
  const windows = useAsk('monitors.windows', { params: { monitor: monitor.name }, query: { limit: 1 } });
  const window = windows.data?.items[0];
  const main = window && mainFigure(window);
  if (monitor.retiredAt !== undefined) return <span className="t3">retired</span>;
  if (windows.data === undefined) return <span className="t3">{windows.error === null ? 'asking' : 'not known'}</span>;
  if (window === undefined) return <span className="t3">none judged yet</span>;
  return (
    <span className="row">
      <StatusBadge plain state={window.verdict} />
      {windowName(window, monitor.spec.zone)}
      <span className="t2">
        gap {signed(levelOf(window)?.gap)}, {main?.name ?? 'AUC'} {mainText(window)}
      </span>
    </span>
  );
}

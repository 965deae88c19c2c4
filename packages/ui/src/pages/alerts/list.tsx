/** Alerts, newest first: what was off, whether somebody looks after it, and where its evidence is. */
import type { ReactElement } from 'react';
import { useAsk, useAskPages } from '../../api/queries.ts';
import { PageHead, Panel } from '../../components/layout.tsx';
import { EmptyState } from '../../components/states.tsx';
import { useView } from '../../frame/view.tsx';
import { plural } from '../../words.ts';
import { LoadedPages } from '../../components/loaded-pages.tsx';
import { useViewState } from '../../components/use-view-state.ts';
import { AlertList } from './alert-list.tsx';

const states = ['open', 'acknowledged', 'resolved'] as const;
type State = (typeof states)[number];
const words: Readonly<Record<State | 'all', string>> = {
  all: 'All',
  open: 'Open',
  acknowledged: 'Acknowledged',
  resolved: 'Resolved',
};
const alertsAtOnce = 50;

export function Page(): ReactElement {
  const view = useViewState();
  const state = states.find((s) => s === view.get('state'));
  const monitor = view.get('monitor');
  const query = {
    limit: alertsAtOnce,
    ...(state === undefined ? {} : { state }),
    ...(monitor === undefined ? {} : { monitor }),
  };
  const alerts = useAskPages('alerts.list', { query });
  const open = useAsk('alerts.list', { query: { state: 'open', limit: 100 } });
  const monitors = useAsk('monitors.list', { query: { limit: 100 } });
  useView(
    [
      'slipway monitor alerts',
      ...(state === undefined ? [] : ['--state', state]),
      ...(monitor === undefined ? [] : ['--monitor', monitor]),
    ].join(' '),
    'alerts.list',
    { query },
  );
  return (
    <>
      <PageHead title="Alerts" sentence={open.data === undefined ? undefined : sentenceOf(open.data.items.length)} />
      <Panel
        title="Alerts"
        caption="newest first"
        actions={
          <>
            <select
              className="input"
              aria-label="Monitor"
              data-filter=""
              value={monitor ?? ''}
              onChange={(e) => view.set({ monitor: e.currentTarget.value === '' ? undefined : e.currentTarget.value })}
            >
              <option value="">every monitor</option>
              {monitors.data?.items.map((m) => (
                <option key={m.name}>{m.name}</option>
              ))}
            </select>
            <div className="seg" role="group" aria-label="State">
              {(['all', ...states] as const).map((one) => (
                <button
                  type="button"
                  key={one}
                  aria-pressed={one === (state ?? 'all')}
                  onClick={() => view.set({ state: one === 'all' ? undefined : one })}
                >
                  {words[one]}
                </button>
              ))}
            </div>
          </>
        }
        flush
      >
        <LoadedPages query={alerts}>
          {(rows, more) =>
            rows.length === 0 ? (
              <EmptyState
                title={state === undefined ? 'No alert was raised' : `No ${words[state].toLowerCase()} alerts`}
              >
                A monitor raises one when a window is off beyond its limits, and resolves it when a later one is not.
              </EmptyState>
            ) : (
              <>
                <AlertList alerts={rows} />
                {more !== undefined && (
                  <div className="tf">
                    <button type="button" className="btn sm" disabled={more.isLoading} onClick={more.load}>
                      Load more
                    </button>
                  </div>
                )}
              </>
            )
          }
        </LoadedPages>
      </Panel>
    </>
  );
}

const sentenceOf = (open: number): string =>
  open === 0
    ? 'No alert waits for anybody.'
    : `${plural(open, 'alert')} ${open === 1 ? 'is' : 'are'} open and nobody looks after ${open === 1 ? 'it' : 'them'} yet.`;

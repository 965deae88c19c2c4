/** One monitor: whether the model still holds, window by window, what drifted in the chosen window, and what came of it. */
import type { Alert, Monitor, MonitorWindow } from '@slipway/contract';
import type { UseQueryResult } from '@tanstack/react-query';
import type { ReactElement } from 'react';
import { useEffect } from 'react';
import { Link, useParams } from 'react-router';
import type { ApiError, Reply } from '../../api/client.ts';
import { useAsk, useAskPages } from '../../api/queries.ts';
import { Icon } from '../../components/icon.tsx';
import { Grid, PageHead, Pairs, Panel } from '../../components/layout.tsx';
import { EmptyState, Loaded } from '../../components/states.tsx';
import { StatusBadge } from '../../components/status.tsx';
import { to } from '../../frame/places.ts';
import type { Bounds } from '../../frame/time-range.ts';
import { boundsOf, isWithin, useTimeRange } from '../../frame/time-range.ts';
import { useView } from '../../frame/view.tsx';
import { decimals, duration, figure, percent, plural, signed } from '../../words.ts';
import { AlertList } from '../alerts/alert-list.tsx';
import { LoadedPages, rowsOf } from '../../components/loaded-pages.tsx';
import type { ViewState } from '../../components/use-view-state.ts';
import { useViewState } from '../../components/use-view-state.ts';
import { BacktestPanel } from './backtest.tsx';
import { ColumnPanel } from './column-panel.tsx';
import { Decided } from './decided.tsx';
import { DriftTable } from './drift-table.tsx';
import { HeatStrip } from './heat-strip.tsx';
import { JudgeNow } from './judge-now.tsx';
import { SilenceButton, SilenceNote } from './silence.tsx';
import { windowName, windowSentence, yearOf } from './window-words.ts';
import { levelOf } from './quality.ts';
import { useImportance } from './use-importance.ts';
import { WindowCharts } from './window-charts.tsx';
import { WindowTable } from './window-table.tsx';
import './monitor.css';

const windowsAtOnce = 26;
/** Two years of weeks. */
const historyAtOnce = 104;

export function Page(): ReactElement {
  const { monitor: name = '' } = useParams();
  const params = { monitor: name };
  const monitor = useAsk('monitors.get', { params });
  const query = { limit: windowsAtOnce };
  useView(`slipway monitor windows ${name} --limit ${windowsAtOnce}`, 'monitors.windows', { params, query });
  return (
    <Loaded query={monitor} lines={12}>
      {(data) => <Shown monitor={data} />}
    </Loaded>
  );
}

function Shown({ monitor }: { monitor: Monitor }): ReactElement {
  const windows = useAskPages('monitors.windows', {
    params: { monitor: monitor.name },
    query: { limit: windowsAtOnce },
  });
  const alerts = useAsk('alerts.list', { query: { monitor: monitor.name, limit: 20 } });
  // Asked beside the windows, whose charts show it.
  const history = useAsk('monitors.history', {
    params: { monitor: monitor.name },
    query: { limit: historyAtOnce },
  });
  const view = useViewState();
  const range = useTimeRange();
  const all = rowsOf(windows);
  const bounds = boundsOf(range, all?.[0]?.to ?? 0);
  const rows = all?.filter((w) => isWithin(w.from, bounds));
  const chosen = rows?.find((w) => w.id === view.get('window')) ?? rows?.[0];
  const open = alerts.data?.items.filter((a) => a.state === 'open').length ?? 0;
  const isTrying = view.get('backtest') !== undefined;
  return (
    <>
      <PageHead
        title={monitor.name}
        badges={
          <>
            {chosen !== undefined && <StatusBadge state={chosen.verdict} />}
            {monitor.silence !== undefined && <StatusBadge state={{ tone: 'wait', word: 'Silent' }} />}
            {open > 0 && <StatusBadge state={{ tone: 'warn', word: plural(open, 'open alert') }} />}
          </>
        }
        sentence={
          chosen === undefined
            ? `No window is judged yet.`
            : `${windowName(chosen, monitor.spec.zone)} ${yearOf(chosen.from, monitor.spec.zone)}: ${windowSentence(chosen)}`
        }
        actions={
          <>
            <Link className="btn" to={to.endpoint(monitor.endpoint)}>
              Endpoint
            </Link>
            <button
              type="button"
              className="btn"
              aria-expanded={isTrying}
              onClick={() => view.set(isTrying ? { backtest: undefined, try: undefined } : { backtest: 'open' })}
            >
              Backtest
            </button>
            {monitor.silence === undefined && <SilenceButton monitor={monitor.name} />}
            <JudgeNow monitor={monitor} />
          </>
        }
      />
      {monitor.silence !== undefined && <SilenceNote silence={monitor.silence} />}
      {isTrying && <BacktestPanel monitor={monitor} view={view} />}
      <LoadedPages query={windows} lines={10}>
        {() => (
          <Grid>
            <div className="col mon-wide">
              {all?.length !== 0 && rows?.length === 0 ? (
                <Panel title="Windows" flush>
                  <EmptyState title={`No window lies in ${range.word.toLowerCase()}`}>
                    Windows are of event time, and short ranges end with the newest of them. Choose another range with
                    t.
                  </EmptyState>
                </Panel>
              ) : rows === undefined || chosen === undefined ? (
                <Panel title="Windows" flush>
                  <EmptyState title="No window is judged yet" command={`slipway monitor evaluate ${monitor.name}`}>
                    A window is judged when its outcomes are complete {duration(monitor.spec.labelGrace)} beyond its
                    end. Send outcomes with their watermark: slipway endpoint label.
                  </EmptyState>
                </Panel>
              ) : (
                <Windows
                  monitor={monitor}
                  rows={rows}
                  history={history}
                  bounds={bounds}
                  chosen={chosen}
                  alerts={alerts.data?.items ?? []}
                  view={view}
                />
              )}
            </div>
            <div className="col mon-side">
              {chosen !== undefined && <Figures window={chosen} zone={monitor.spec.zone} />}
              <Decided monitor={monitor.name} />
              <Panel
                title="Alerts"
                actions={<Link to={`${to.alerts}?monitor=${monitor.name}`}>All of them</Link>}
                flush
              >
                <Loaded query={alerts}>
                  {({ items: list }) =>
                    list.length === 0 ? (
                      <EmptyState title="No alert was raised">
                        One opens when a window is off beyond the limits.
                      </EmptyState>
                    ) : (
                      <AlertList alerts={list.slice(0, 5)} isNarrow />
                    )
                  }
                </Loaded>
              </Panel>
              <Rules monitor={monitor} />
            </div>
          </Grid>
        )}
      </LoadedPages>
    </>
  );
}

interface WindowsProps {
  readonly monitor: Monitor;
  readonly rows: readonly MonitorWindow[];
  readonly history: UseQueryResult<Reply<'monitors.history'>, ApiError>;
  readonly bounds: Bounds;
  readonly chosen: MonitorWindow;
  readonly alerts: readonly Alert[];
  readonly view: ViewState;
}

function Windows({ monitor, rows, history, bounds, chosen, alerts, view }: WindowsProps): ReactElement {
  const { zone } = monitor.spec;
  const at = rows.indexOf(chosen);
  const [later, earlier] = [rows[at - 1], rows[at + 1]];
  const href = (w: { readonly id: string }): string => view.href({ window: w.id });
  // Without the training data of the version no column was measured, and there is nothing to ask for.
  const isMeasured = chosen.drift.length > 0 || chosen.scoreDrift !== undefined;
  const drift = useAsk(
    'monitors.drift',
    { params: { monitor: monitor.name, window: chosen.id } },
    { keep: true, enabled: isMeasured },
  );
  const isWaiting = isMeasured && drift.error === null;
  const figures = drift.data?.window.id === chosen.id ? drift.data.figures : isWaiting ? undefined : [];
  const importance = useImportance(chosen.model, chosen.version);
  const column = view.get('column') ?? chosen.drift[0]?.name;
  const { set } = view;
  useEffect(() => {
    const onKey = (event: KeyboardEvent): void => {
      const isTyping = event.target instanceof Element && event.target.closest('input, textarea, select') !== null;
      const next = event.key === '[' ? earlier : event.key === ']' ? later : undefined;
      if (!isTyping && next !== undefined) set({ window: next.id });
    };
    addEventListener('keydown', onKey);
    return () => removeEventListener('keydown', onKey);
  }, [earlier, later, set]);
  return (
    <>
      <Loaded query={history} lines={24}>
        {({ items, pending }) => (
          <WindowCharts
            windows={items.filter((w) => isWithin(w.from, bounds))}
            pending={pending.filter((w) => isWithin(w.from, bounds))}
            alerts={alerts}
            spec={monitor.spec}
            href={href}
          />
        )}
      </Loaded>
      <Panel title="Windows" caption={`${plural(rows.length, 'window')} judged, newest first`} flush>
        <WindowTable windows={rows} zone={zone} chosen={chosen.id} href={href} />
      </Panel>
      <Panel
        title="Drift by column"
        caption={`${windowName(chosen, zone)} against the training data of v${chosen.version}`}
        actions={
          <>
            {typeof importance === 'object' && <Order view={view} />}
            <Step window={earlier} href={href} word="Earlier window, key [" icon="back" />
            <Step window={later} href={href} word="Later window, key ]" icon="on" />
          </>
        }
        flush
      >
        <DriftTable
          window={chosen}
          importance={importance}
          isByDrift={view.get('rank') === 'drift'}
          figures={figures}
          chosen={column}
          href={(name) => view.href({ column: name })}
        />
      </Panel>
      {column !== undefined && (
        <ColumnPanel window={chosen} name={column} figure={figures?.find((f) => f.name === column)} />
      )}
      <HeatStrip monitor={monitor.name} zone={zone} chosen={chosen.id} view={view} />
    </>
  );
}

function Order({ view }: { view: ViewState }): ReactElement {
  const isByDrift = view.get('rank') === 'drift';
  return (
    <div className="seg" role="group" aria-label="Order of the columns">
      <button type="button" aria-pressed={!isByDrift} onClick={() => view.set({ rank: undefined })}>
        By drift × importance
      </button>
      <button type="button" aria-pressed={isByDrift} onClick={() => view.set({ rank: 'drift' })}>
        By drift
      </button>
    </div>
  );
}

interface StepProps {
  readonly window: MonitorWindow | undefined;
  readonly href: (window: MonitorWindow) => string;
  readonly word: string;
  readonly icon: 'back' | 'on';
}

function Step({ window, href, word, icon }: StepProps): ReactElement {
  const arrow = (
    <span className={icon === 'back' ? 'turned' : ''}>
      <Icon name="arrow" small />
    </span>
  );
  return window === undefined ? (
    <button type="button" className="btn sm icon" disabled aria-label={word}>
      {arrow}
    </button>
  ) : (
    <Link className="btn sm icon" to={href(window)} aria-label={word} title={word} preventScrollReset>
      {arrow}
    </Link>
  );
}

function Figures({ window, zone }: { window: MonitorWindow; zone: string }): ReactElement {
  const { calibration, numbers, auc, logLoss, accuracy, referenceLoss, coverage, version, model } = window;
  const mean = (rate: number | undefined, number: number | undefined): string =>
    rate !== undefined ? percent(rate, 1) : number === undefined ? 'not set' : figure(number);
  const level = levelOf(window);
  const byDays = typeof calibration?.dayP === 'number' ? `; by days p ${decimals(calibration.dayP)}` : '';
  const inside = numbers?.coverage;
  const interval = (n: MonitorWindow['auc'], write: (value: number | null) => string = decimals): string =>
    n === undefined
      ? 'not set'
      : `${write(n.value)}${n.low === null ? '' : ` (${write(n.low)} to ${write(n.high)}, by ${n.by === 'clusters' ? 'days' : 'rows'})`}`;
  return (
    <Panel title="The window" caption={windowName(window, zone)} actions={<StatusBadge plain state={window.verdict} />}>
      <Pairs
        pairs={[
          { name: 'Version', value: <Link to={to.version(model, version)}>v{version}</Link> },
          { name: 'Predictions', value: window.count },
          { name: 'Outcomes', value: `${window.labelled}, ${percent(coverage, 1)}` },
          { name: 'Predicted', value: mean(calibration?.meanScore, numbers?.meanPredicted) },
          { name: 'Observed', value: mean(calibration?.observedRate, numbers?.meanObserved) },
          {
            name: 'Gap',
            value: level === undefined ? 'not set' : `${signed(level.gap)}, z ${signed(level.z, 1)}${byDays}`,
          },
          ...(numbers === undefined
            ? [{ name: 'Calibration error', value: decimals(calibration?.ece) }]
            : [{ name: 'RMSE', value: interval(numbers.rmse, figure) }]),
          ...(inside === undefined
            ? []
            : [
                { name: 'Intervals cover', value: `${percent(inside.value, 1)}, ${percent(inside.promised)} promised` },
              ]),
          ...(accuracy === undefined ? [] : [{ name: 'Accuracy', value: interval(accuracy) }]),
          ...(accuracy === undefined && numbers === undefined ? [{ name: 'AUC', value: interval(auc) }] : []),
          ...(numbers === undefined ? [{ name: 'Log loss', value: interval(logLoss) }] : []),
          ...(referenceLoss === undefined ? [] : [{ name: 'Expected loss', value: figure(referenceLoss) }]),
        ]}
      />
      <p className="xs t2 said-by">{window.sentence}</p>
    </Panel>
  );
}

function Rules({ monitor }: { monitor: Monitor }): ReactElement {
  const { spec, project, endpoint } = monitor;
  return (
    <Panel title="Rules" caption={`declared in ${project}`}>
      <Pairs
        pairs={[
          { name: 'Endpoint', value: <Link to={to.endpoint(endpoint)}>{endpoint}</Link> },
          { name: 'Windows', value: `each ${spec.window}, in ${spec.zone}` },
          { name: 'Judged', value: `${duration(spec.labelGrace)} after the end, from ${spec.labelledMin} outcomes on` },
          { name: 'Alert', value: `gap ${spec.alert.gap} or more, and |z| ${spec.alert.z} or more` },
          { name: 'Warning', value: `gap ${spec.warning.gap} or more, and |z| ${spec.warning.z} or more` },
          { name: 'Drift', value: spec.drift.warns ? 'a drifted column is a warning' : 'shown, warns nobody' },
        ]}
      />
    </Panel>
  );
}

/** What the monitor would have said with other settings, over what is logged; beside it what it said. Nothing is kept. */
import type { Backtest, BacktestWindow, Monitor, MonitorSettings } from '@slipway/contract';
import type { FormEvent, ReactElement } from 'react';
import { useState } from 'react';
import { Link } from 'react-router';
import { useAsk } from '../../api/queries.ts';
import { DataTable } from '../../components/data-table.tsx';
import { Panel } from '../../components/layout.tsx';
import { EmptyState, Loaded } from '../../components/states.tsx';
import { StatusBadge } from '../../components/status.tsx';
import type { ViewState } from '../../components/use-view-state.ts';
import { to } from '../../frame/places.ts';
import { percent, plural, signed } from '../../words.ts';
import { windowName, yearOf } from './window-words.ts';

const kinds = ['hour', 'day', 'week', 'month'] as const;
const numbers = ['alertGap', 'alertZ', 'warningGap', 'warningZ', 'labelledMin'] as const;
type NumberKey = (typeof numbers)[number];

const words: Readonly<Record<NumberKey, string>> = {
  alertGap: 'Alert from gap',
  alertZ: 'and |z|',
  warningGap: 'Warning from gap',
  warningZ: 'and |z|',
  labelledMin: 'Fewest outcomes',
};

/** The settings lie in the address as one part: `try=window=day&alertGap=0.1`. */
export function settingsOf(text: string): MonitorSettings {
  const found = new URLSearchParams(text);
  const window = kinds.find((kind) => kind === found.get('window'));
  const driftWarns = found.get('driftWarns');
  const settings: { -readonly [K in keyof MonitorSettings]: MonitorSettings[K] } = {};
  if (window !== undefined) settings.window = window;
  if (driftWarns === 'yes' || driftWarns === 'no') settings.driftWarns = driftWarns;
  for (const key of numbers) {
    const value = Number(found.get(key) ?? Number.NaN);
    if (Number.isFinite(value)) settings[key] = value;
  }
  return settings;
}

export function BacktestPanel({ monitor, view }: { monitor: Monitor; view: ViewState }): ReactElement {
  const text = view.get('try') ?? '';
  const isAsked = text !== '';
  return (
    <Panel
      title="Backtest"
      caption="other settings over the windows that are logged; nothing is kept"
      actions={
        <button
          type="button"
          className="btn sm ghost"
          onClick={() => view.set({ backtest: undefined, try: undefined })}
        >
          Close
        </button>
      }
    >
      <Form key={text} monitor={monitor} tried={settingsOf(text)} view={view} />
      {isAsked && <Result monitor={monitor} settings={settingsOf(text)} />}
    </Panel>
  );
}

function Form({
  monitor: { spec },
  tried,
  view,
}: {
  monitor: Monitor;
  tried: MonitorSettings;
  view: ViewState;
}): ReactElement {
  const declared: Readonly<Record<NumberKey, number>> = {
    alertGap: spec.alert.gap,
    alertZ: spec.alert.z,
    warningGap: spec.warning.gap,
    warningZ: spec.warning.z,
    labelledMin: spec.labelledMin,
  };
  const [typed, setTyped] = useState<Readonly<Record<NumberKey, string>>>({
    alertGap: String(tried.alertGap ?? declared.alertGap),
    alertZ: String(tried.alertZ ?? declared.alertZ),
    warningGap: String(tried.warningGap ?? declared.warningGap),
    warningZ: String(tried.warningZ ?? declared.warningZ),
    labelledMin: String(tried.labelledMin ?? declared.labelledMin),
  });
  const [window, setWindow] = useState<MonitorSettings['window']>(tried.window ?? spec.window);
  const [warns, setWarns] = useState(tried.driftWarns === undefined ? spec.drift.warns : tried.driftWarns === 'yes');
  const onSubmit = (event: FormEvent): void => {
    event.preventDefault();
    const asked = new URLSearchParams();
    if (window !== undefined) asked.set('window', window);
    for (const key of numbers) if (Number(typed[key]) !== declared[key]) asked.set(key, typed[key]);
    if (warns !== spec.drift.warns) asked.set('driftWarns', warns ? 'yes' : 'no');
    view.set({ try: asked.toString() });
  };
  return (
    <form className="bt-form" onSubmit={onSubmit}>
      <label>
        <span className="sm t2">Windows</span>
        <select
          className="input"
          value={window}
          onChange={(e) => setWindow(kinds.find((kind) => kind === e.currentTarget.value))}
        >
          {kinds.map((kind) => (
            <option key={kind} value={kind}>
              each {kind}
              {kind === spec.window ? ', as declared' : ''}
            </option>
          ))}
        </select>
      </label>
      {numbers.map((key) => (
        <label key={key}>
          <span className="sm t2">{words[key]}</span>
          <input
            className="input num"
            inputMode="decimal"
            type="number"
            aria-label={key === 'alertZ' ? 'Alert from |z|' : key === 'warningZ' ? 'Warning from |z|' : words[key]}
            step={key === 'labelledMin' ? 1 : 'any'}
            min={key === 'labelledMin' ? 20 : 0}
            max={key.endsWith('Gap') ? 1 : undefined}
            required
            value={typed[key]}
            onChange={(e) => setTyped({ ...typed, [key]: e.currentTarget.value })}
          />
        </label>
      ))}
      <label className="row">
        <input type="checkbox" checked={warns} onChange={(e) => setWarns(e.currentTarget.checked)} />
        <span className="sm">a drifted column is a warning</span>
      </label>
      <button type="submit" className="btn">
        Try it
      </button>
    </form>
  );
}

function Result({ monitor, settings }: { monitor: Monitor; settings: MonitorSettings }): ReactElement {
  const found = useAsk('monitors.backtest', { params: { monitor: monitor.name }, query: settings });
  const { zone } = monitor.spec;
  return (
    <Loaded query={found} lines={6}>
      {(data) =>
        data.windows.length === 0 ? (
          <EmptyState title="No window has complete outcomes">
            A backtest looks at windows whose outcomes came, as judging does.
          </EmptyState>
        ) : (
          <div className="col">
            <p className="m">{resultWords(data)}</p>
            <DataTable
              label="Backtest"
              rows={data.windows.toReversed()}
              rowKey={(w) => String(w.from)}
              columns={[
                { key: 'window', head: 'Window', cell: (w) => `${windowName(w, zone)} ${yearOf(w.from, zone)}` },
                { key: 'would', head: 'Would say', cell: (w) => <StatusBadge plain state={w.verdict} /> },
                { key: 'said', head: 'Said', cell: (w) => <Said window={w} /> },
                {
                  key: 'gap',
                  head: 'Gap',
                  isNumber: true,
                  cell: (w) => signed((w.calibration ?? w.numbers)?.gap),
                },
                {
                  key: 'labelled',
                  head: 'Outcomes',
                  isNumber: true,
                  isExtra: true,
                  cell: (w) => percent(w.coverage, 1),
                },
                {
                  key: 'drifted',
                  head: 'Drifted',
                  isExtra: true,
                  cell: (w) => <bdi>{w.drifted.slice(0, 3).join(', ')}</bdi>,
                },
              ]}
            />
            {data.really.length > 0 && (
              <p className="sm t2">
                Really raised:{' '}
                {data.really.map((a, i) => (
                  <span key={a.id}>
                    {i > 0 && ', '}
                    <Link to={to.alert(a.id)}>
                      {a.severity} of {windowName({ from: a.windowFrom, to: a.windowTo }, zone)}
                    </Link>
                  </span>
                ))}
                .
              </p>
            )}
          </div>
        )
      }
    </Loaded>
  );
}

function Said({ window: { really, verdict } }: { window: BacktestWindow }): ReactElement {
  if (really === undefined) return <span className="t3">no such window</span>;
  return really === verdict ? <span className="t3">the same</span> : <StatusBadge plain state={really} />;
}

function resultWords({ windows, alerts, really, nextFrom }: Backtest): string {
  const alarming = alerts.filter((a) => a.severity === 'alert').length;
  const differs = windows.filter((w) => w.really !== undefined && w.really !== w.verdict).length;
  const same = windows.some((w) => w.really !== undefined)
    ? ` ${differs === 0 ? 'Every window says what was said.' : `${plural(differs, 'window')} would say something else.`}`
    : '';
  const cut = nextFrom === undefined ? '' : ' There are more windows than one backtest looks at.';
  const was = really.length === 1 ? 'was' : 'were';
  return `Over ${plural(windows.length, 'window')} it would have raised ${plural(alerts.length, 'alert')}, ${alarming} of them more than a warning; ${really.length} really ${was}.${same}${cut}`;
}

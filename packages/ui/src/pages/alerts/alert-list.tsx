/** Alerts as rows: shared by the page of all alerts and that of a monitor. `j` and `k` move between them. */
import type { Alert } from '@slipway/contract';
import type { KeyboardEvent, ReactElement } from 'react';
import { Link } from 'react-router';
import { useAsk } from '../../api/queries.ts';
import { Icon } from '../../components/icon.tsx';
import { StatusBadge } from '../../components/status.tsx';
import { to } from '../../frame/places.ts';
import { fullInstant, instant, plural } from '../../words.ts';
import { windowName, yearOf } from '../monitors/window-words.ts';
import { Acknowledge } from './acknowledge.tsx';
import './alerts.css';

interface AlertListProps {
  readonly alerts: readonly Alert[];
  /** In a side column: the monitor is known, sentences stay short. */
  readonly isNarrow?: boolean;
}

export function AlertList({ alerts, isNarrow = false }: AlertListProps): ReactElement {
  return (
    <ul className={isNarrow ? 'alerts narrow' : 'alerts'} aria-label="Alerts, newest first">
      {alerts.map((alert) => (
        <Row key={alert.id} alert={alert} isNarrow={isNarrow} />
      ))}
    </ul>
  );
}

function onKey(event: KeyboardEvent<HTMLLIElement>): void {
  if (event.target !== event.currentTarget) return;
  const next =
    event.key === 'j' || event.key === 'ArrowDown'
      ? event.currentTarget.nextElementSibling
      : event.key === 'k' || event.key === 'ArrowUp'
        ? event.currentTarget.previousElementSibling
        : event.key === 'Enter'
          ? event.currentTarget.querySelector('a')
          : null;
  if (!(next instanceof HTMLElement)) return;
  event.preventDefault();
  if (event.key === 'Enter') next.click();
  else next.focus();
}

function Row({ alert, isNarrow }: { alert: Alert; isNarrow: boolean }): ReactElement {
  const { severity, state, sentence, monitor, windows, version, model } = alert;
  const isOver = state === 'resolved';
  return (
    <li className="alert" tabIndex={0} onKeyDown={onKey}>
      <span className={isOver ? 'idle' : severity === 'alert' ? 'bad' : 'warn'}>
        <Icon name={severity === 'alert' ? 'bell' : 'warn'} />
      </span>
      <div className="grow">
        <p className="row wrap">
          <b className="m">
            {severity === 'alert' ? 'Alert' : 'Warning'} <WindowLink alert={alert} />
          </b>
          <StatusBadge plain state={state} />
          {alert.silence !== undefined && <StatusBadge plain state={{ tone: 'wait', word: 'Silent' }} />}
          {!isNarrow && <Link to={to.monitor(monitor)}>{monitor}</Link>}
          <span className="t3 sm">
            <Link to={to.version(model, version)}>v{version}</Link>, {plural(windows, 'window')} in a row
          </span>
        </p>
        <p className="sm t2 said">{sentence}</p>
        <p className="xs t3">
          Raised <time title={fullInstant(alert.openedAt)}>{instant(alert.openedAt)}</time>
          {alert.acknowledgedAt !== undefined &&
            `; acknowledged ${instant(alert.acknowledgedAt)} by ${alert.acknowledgedBy ?? 'somebody'}`}
          {alert.note !== undefined && alert.note !== '' && `: “${alert.note}”`}
          {alert.resolvedAt !== undefined && `; resolved ${instant(alert.resolvedAt)} by a later window`}
        </p>
      </div>
      <div className="row acts">
        {state === 'open' && <Acknowledge alert={alert} />}
        <Link className="btn sm" to={to.alert(alert.id)}>
          What followed
        </Link>
      </div>
    </li>
  );
}

/** The window that raised it, named in the zone of its monitor. */
function WindowLink({ alert }: { alert: Alert }): ReactElement {
  const monitor = useAsk('monitors.get', { params: { monitor: alert.monitor } });
  const zone = monitor.data?.spec.zone ?? 'UTC';
  const window = { from: alert.windowFrom, to: alert.windowTo };
  return (
    <Link to={`${to.monitor(alert.monitor)}?window=${alert.windowId}`}>
      {windowName(window, zone)} {yearOf(window.from, zone)}
    </Link>
  );
}

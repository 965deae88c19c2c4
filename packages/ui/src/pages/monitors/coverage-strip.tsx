/** Which share of each window's outcomes came; windows that still wait for theirs are hatched. */
import type { MonitorSpec, PendingWindow, WindowSummary } from '@slipway/contract';
import type { ReactElement } from 'react';
import { Link } from 'react-router';
import { instant, percent, plural } from '../../words.ts';
import { windowName, windowStart } from './window-words.ts';

const namedMax = 16;

interface CoverageProps {
  /** Oldest first. */
  readonly windows: readonly WindowSummary[];
  readonly pending: readonly PendingWindow[];
  readonly spec: MonitorSpec;
  readonly href: (window: { readonly id: string }) => string;
}

export function CoverageStrip({ windows, pending, spec, href }: CoverageProps): ReactElement {
  const every = Math.max(1, Math.ceil((windows.length + pending.length) / namedMax));
  return (
    <ol className="cover" aria-label="Outcomes that came, by window">
      {windows.map((w, i) => (
        <li key={w.id}>
          <Link
            to={href(w)}
            preventScrollReset
            title={`${windowName(w, spec.zone)}: ${percent(w.coverage, 1)} of the outcomes came`}
          >
            <span className="sr">
              {windowName(w, spec.zone)}: {percent(w.coverage, 1)} of the outcomes
            </span>
            <i style={{ height: `${w.coverage * 100}%` }} />
          </Link>
          <span aria-hidden="true">{i % every === 0 ? windowStart(w.from, spec.zone) : ''}</span>
        </li>
      ))}
      {pending.map((p) => (
        <li key={p.from} className="waits">
          <span
            className="slot"
            title={`${windowName(p, spec.zone)}: waits for outcomes up to ${instant(p.judgedFrom)}`}
          >
            <span className="sr">{windowName(p, spec.zone)}: waits for its outcomes</span>
          </span>
          <span aria-hidden="true" />
        </li>
      ))}
    </ol>
  );
}

export function coverageWords(pending: readonly PendingWindow[]): string {
  return pending.length === 0
    ? 'bars: share of the outcomes that came'
    : `bars: share of the outcomes that came; hatched: ${plural(pending.length, 'window')} ${pending.length === 1 ? 'waits' : 'wait'} for theirs`;
}

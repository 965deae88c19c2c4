/** Drift over time: each column in each window as a multiple of its own usual limit. */
import type { MonitorWindow } from '@slipway/contract';
import type { ReactElement } from 'react';
import { Link } from 'react-router';
import { Panel } from '../../components/layout.tsx';
import { statusOf } from '../../components/status.tsx';
import { windowName, windowStart } from './window-words.ts';

const cuts = [0.25, 0.5, 0.75, 1, 1.5, 3] as const;
const rowsShown = 10;
const windowsShown = 14;

interface HeatStripProps {
  readonly windows: readonly MonitorWindow[];
  readonly chosen: MonitorWindow;
  readonly zone: string;
  readonly href: (window: MonitorWindow) => string;
}

export function HeatStrip({ windows, chosen, zone, href }: HeatStripProps): ReactElement | null {
  const ordered = windows.slice(0, windowsShown).toReversed();
  const names = worstFirst(ordered).slice(0, rowsShown);
  if (ordered.length < 2 || names.length === 0) return null;
  return (
    <Panel title="Drift over time" caption="multiple of the usual limit of each column; outlined where it drifted">
      <div className="scroll" tabIndex={0}>
        <table className="heat" aria-label="Drift of each column in each window">
          <thead>
            <tr>
              <th scope="col">
                <span className="sr">Column</span>
              </th>
              {ordered.map((w) => (
                <th key={w.id} scope="col" className={w === chosen ? 'here' : ''}>
                  {windowStart(w.from, zone)}
                </th>
              ))}
            </tr>
          </thead>
          <tbody>
            {names.map((name) => (
              <tr key={name}>
                <th scope="row">{name}</th>
                {ordered.map((w) => (
                  <td key={w.id}>
                    <Cell window={w} name={name} href={href(w)} zone={zone} />
                  </td>
                ))}
              </tr>
            ))}
          </tbody>
        </table>
      </div>
    </Panel>
  );
}

interface CellProps {
  readonly window: MonitorWindow;
  readonly name: string;
  readonly href: string;
  readonly zone: string;
}

function Cell({ window, name, href, zone }: CellProps): ReactElement {
  const row = window.drift.find((d) => d.name === name);
  if (row === undefined || row.status === 'too-few-rows' || row.status === 'no-reference') {
    return (
      <span className="none">
        <span className="sr">not measured</span>
      </span>
    );
  }
  const step = cuts.findIndex((cut) => row.ratio < cut);
  return (
    <Link
      to={href}
      preventScrollReset
      data-q={step < 0 ? cuts.length : step}
      className={row.status === 'drift' ? 'drifted' : ''}
      title={`${name}, ${windowName(window, zone)}: ${statusOf(row.status).word}, PSI ${row.psi.toFixed(3)}, usual up to ${row.threshold.toFixed(3)}`}
    >
      {row.ratio.toFixed(1)}
    </Link>
  );
}

/** Columns by the furthest that any window took them. */
function worstFirst(windows: readonly MonitorWindow[]): readonly string[] {
  const worst = new Map<string, number>();
  for (const { drift } of windows) for (const d of drift) worst.set(d.name, Math.max(worst.get(d.name) ?? 0, d.ratio));
  return [...worst].toSorted((a, b) => b[1] - a[1]).map(([name]) => name);
}

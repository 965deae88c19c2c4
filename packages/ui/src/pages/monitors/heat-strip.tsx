/** Drift over time: each column in each window as a multiple of its own usual limit. */
import type { DriftHeat, HeatCell } from '@slipway/contract';
import type { ReactElement } from 'react';
import { Link } from 'react-router';
import { useAsk } from '../../api/queries.ts';
import { Panel } from '../../components/layout.tsx';
import { Loaded } from '../../components/states.tsx';
import { statusOf } from '../../components/status.tsx';
import type { ViewState } from '../../components/use-view-state.ts';
import { windowName, windowStart } from './window-words.ts';

const cuts = [0.25, 0.5, 0.75, 1, 1.5, 3] as const;
const windowsShown = 26;
const columnsShown = 12;

interface HeatStripProps {
  readonly monitor: string;
  readonly zone: string;
  readonly chosen: string;
  readonly view: ViewState;
}

export function HeatStrip(props: HeatStripProps): ReactElement {
  const heat = useAsk('monitors.heat', {
    params: { monitor: props.monitor },
    query: { windows: windowsShown, columns: columnsShown },
  });
  return (
    <Panel
      title="Drift over time"
      caption={`multiple of the usual limit of each column; outlined where it drifted${heat.data !== undefined && heat.data.columnCount > columnsShown ? `; the ${columnsShown} of ${heat.data.columnCount} that went furthest` : ''}`}
    >
      <Loaded query={heat} lines={6}>
        {(data) => <Heat {...props} heat={data} />}
      </Loaded>
    </Panel>
  );
}

function Heat({ heat, zone, chosen, view }: HeatStripProps & { heat: DriftHeat }): ReactElement {
  if (heat.windows.length < 2 || heat.columns.length === 0) {
    return <p className="t3 sm">Two judged windows with a training set make a strip.</p>;
  }
  return (
    <div className="scroll" tabIndex={0}>
      <table className="heat" aria-label="Drift of each column in each window">
        <thead>
          <tr>
            <th scope="col">
              <span className="sr">Column</span>
            </th>
            {heat.windows.map((w) => (
              <th key={w.id} scope="col" className={w.id === chosen ? 'here' : ''}>
                {windowStart(w.from, zone)}
              </th>
            ))}
          </tr>
        </thead>
        <tbody>
          {heat.columns.map((column) => (
            <tr key={column.name}>
              <th scope="row" title={column.name}>
                <bdi>{column.name}</bdi>
              </th>
              {heat.windows.map((w, i) => (
                <td key={w.id}>
                  <Cell
                    cell={column.cells[i] ?? null}
                    name={`${column.name}, ${windowName(w, zone)}`}
                    href={view.href({ window: w.id, column: column.name })}
                  />
                </td>
              ))}
            </tr>
          ))}
        </tbody>
      </table>
    </div>
  );
}

interface CellProps {
  readonly cell: HeatCell | null;
  readonly name: string;
  readonly href: string;
}

function Cell({ cell, name, href }: CellProps): ReactElement {
  if (cell === null) {
    return (
      <span className="none">
        <span className="sr">not measured</span>
      </span>
    );
  }
  const step = cuts.findIndex((cut) => cell.ratio < cut);
  return (
    <Link
      to={href}
      preventScrollReset
      data-q={step < 0 ? cuts.length : step}
      className={cell.status === 'drift' ? 'drifted' : ''}
      title={`${name}: ${statusOf(cell.status).word}, PSI ${cell.psi.toFixed(3)}, usual up to ${cell.threshold.toFixed(3)}`}
    >
      {cell.ratio.toFixed(1)}
    </Link>
  );
}

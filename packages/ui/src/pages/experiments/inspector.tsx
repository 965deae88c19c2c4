/** The focused run beside the list: its state, where it comes from, what it measured. Its page has the rest. */
import type { Run } from '@slipway/contract';
import type { ReactElement, ReactNode } from 'react';
import { Link } from 'react-router';
import { useAsk } from '../../api/queries.ts';
import { Icon } from '../../components/icon.tsx';
import type { Pair } from '../../components/layout.tsx';
import { Pairs } from '../../components/layout.tsx';
import { Loaded } from '../../components/states.tsx';
import { StatusBadge } from '../../components/status.tsx';
import { to } from '../../frame/places.ts';
import { bytes, duration, fullInstant, instant, plural } from '../../words.ts';
import { CopyId } from './copy-id.tsx';
import { InspectorMetrics } from './inspector-metrics.tsx';
import { lineageOf } from './lineage.tsx';
import { useVersionsOfRun } from './registered.ts';
import { tookMs } from './values.ts';

const listedMax = 12;

export function Inspector({ id, close }: { id: string; close: () => void }): ReactElement {
  const run = useAsk('runs.get', { params: { run: id } }, { keep: true });
  return (
    <aside className="side run-side" aria-label="Run">
      <Loaded query={run}>{(found) => <RunFacts run={found} close={close} />}</Loaded>
      {run.data === undefined && (
        <button type="button" className="btn sm ghost" onClick={close}>
          Close
        </button>
      )}
    </aside>
  );
}

function RunFacts({ run, close }: { run: Run; close: () => void }): ReactElement {
  const took = tookMs(run);
  const versions = useVersionsOfRun(run.id);
  const metrics = run.metrics.slice(0, listedMax);
  const params = Object.entries(run.params).slice(0, listedMax);
  const pairs: Pair[] = [{ name: 'Run', value: <CopyId id={run.id} noun="run" /> }, ...lineageOf(run, versions)];
  return (
    <>
      <section>
        <div className="row">
          <h2 className="el grow" title={run.name}>
            <bdi>{run.name}</bdi>
          </h2>
          <Link
            className="btn sm ghost icon"
            to={to.run(run.id)}
            aria-label="Open the page of the run"
            title="Open its page"
          >
            <Icon name="arrow" small />
          </Link>
          <button
            type="button"
            className="btn sm ghost icon"
            aria-label="Close the run"
            data-key="Escape"
            title="Close (Esc)"
            onClick={close}
          >
            <Icon name="x" small />
          </button>
        </div>
        <div className="row wrap">
          <StatusBadge state={run.status} />
          <span className="t3 sm" title={fullInstant(run.startedAt)}>
            {instant(run.startedAt)}
            {took === undefined ? ', not ended' : `, ${duration(took)}`}
          </span>
        </div>
        <Pairs pairs={pairs} />
      </section>
      <Part title="Metrics" all={run.metricCount ?? run.metrics.length} run={run}>
        {metrics.length === 0 ? (
          <p className="t2 sm">It measured nothing.</p>
        ) : (
          <InspectorMetrics run={run} metrics={metrics} />
        )}
      </Part>
      <Part title="Params" all={Object.keys(run.params).length} run={run}>
        {params.length === 0 ? (
          <p className="t2 sm">It was given none.</p>
        ) : (
          <Pairs
            pairs={params.map(([name, value]) => ({
              name,
              value: (
                <code className="el" dir="auto" title={value}>
                  {value}
                </code>
              ),
            }))}
          />
        )}
      </Part>
      <Artifacts run={run} />
    </>
  );
}

/** The files and folders at the top; the page of the run opens them. */
function Artifacts({ run }: { run: Run }): ReactElement | null {
  const { data } = useAsk('runs.artifacts', { params: { run: run.id }, query: {} });
  if (data === undefined || data.items.length === 0) return null;
  return (
    <section>
      <h3 className="row between">
        Artifacts
        <Link to={to.run(run.id)}>{plural(data.items.length, 'item')}</Link>
      </h3>
      <ul className="sm">
        {data.items.slice(0, listedMax).map(({ path, isFolder, sizeBytes }) => (
          <li key={path} className="row">
            <Icon name={isFolder ? 'data' : 'doc'} small />
            <bdi className="el" title={path}>
              {path}
            </bdi>
            {sizeBytes !== undefined && <span className="t3 nw">{bytes(sizeBytes)}</span>}
          </li>
        ))}
      </ul>
    </section>
  );
}

interface PartProps {
  readonly title: string;
  readonly all: number;
  readonly run: Run;
  readonly children: ReactNode;
}

const Part = ({ title, all, run, children }: PartProps): ReactElement => (
  <section>
    <h3 className="row between">
      {title}
      {all > 0 && <Link to={to.run(run.id)}>{plural(all, 'key')}</Link>}
    </h3>
    {children}
  </section>
);

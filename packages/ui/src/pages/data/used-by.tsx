/** Who read a version: what was trained on it first, then the runs, then the checks. */
import type { DatasetReaders } from '@slipway/contract';
import type { ReactElement, ReactNode } from 'react';
import { Link } from 'react-router';
import { EmptyState } from '../../components/states.tsx';
import { StatusBadge } from '../../components/status.tsx';
import { to } from '../../frame/places.ts';
import { instant, short } from '../../words.ts';
import { ValidationLine } from './validation-line.tsx';

export const readerCount = ({ pipelineRuns, trainingRuns, modelVersions, validations }: DatasetReaders): number =>
  pipelineRuns.length + trainingRuns.length + modelVersions.length + validations.length;

export function UsedBy({ readers }: { readers: DatasetReaders }): ReactElement {
  if (readerCount(readers) === 0) {
    return (
      <EmptyState title="Nothing has read this version" command={`slipway data used-by ${readers.dataset}`}>
        A pipeline run pins the versions that it reads, and what it trains names them.
      </EmptyState>
    );
  }
  const { pipelineRuns, trainingRuns, modelVersions, validations } = readers;
  return (
    <div>
      <Group title="Models trained on it" count={modelVersions.length}>
        {modelVersions.map((v) => (
          <li key={`${v.model}/${v.number}`} className="dt-line">
            <StatusBadge plain state={{ tone: 'ok', word: 'Trained' }} />
            <span className="el">
              <Link to={to.version(v.model, v.number)}>
                {v.model} v{v.number}
              </Link>{' '}
              <span className="t3">{v.aliases.join(', ')}</span>
            </span>
            <span className="t3 nw">{instant(v.createdAt)}</span>
          </li>
        ))}
      </Group>
      <Group title="Pipeline runs" count={pipelineRuns.length}>
        {pipelineRuns.map((run) => (
          <li key={run.id} className="dt-line">
            <StatusBadge plain state={run.state} />
            <span className="el">
              <Link to={to.pipelineRun(run.id)}>
                {run.pipeline} {short(run.id)}
              </Link>{' '}
              <span className="t2">{run.reason}</span>
            </span>
            <span className="t3 nw">{instant(run.startedAt)}</span>
          </li>
        ))}
      </Group>
      <Group title="Training runs" count={trainingRuns.length}>
        {trainingRuns.map((run) => (
          <li key={run.id} className="dt-line">
            <StatusBadge plain state={{ tone: 'idle', word: 'Run' }} />
            <span className="el">
              <Link to={to.run(run.id)}>{run.step}</Link>{' '}
              <span className="t3">
                of <Link to={to.pipelineRun(run.pipelineRun)}>{short(run.pipelineRun)}</Link>
              </span>
            </span>
            <span className="t3 nw">{short(run.id)}</span>
          </li>
        ))}
      </Group>
      <Group title="Validations" count={validations.length}>
        {validations.map((check) => (
          <ValidationLine key={check.id} check={check} />
        ))}
      </Group>
      {readers.hasMore.length > 0 && <p className="tf">The newest 100 of each kind; there are more.</p>}
    </div>
  );
}

function Group({ title, count, children }: { title: string; count: number; children: ReactNode }): ReactElement | null {
  if (count === 0) return null;
  return (
    <section aria-label={title}>
      <h3 className="dt-group">
        {title} <span className="n">{count}</span>
      </h3>
      <ul>{children}</ul>
    </section>
  );
}

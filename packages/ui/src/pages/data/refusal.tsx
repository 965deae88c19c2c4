/** Why a version was refused: the expectations that failed, and the first rows that did not hold of the chosen one. */
import type { DatasetReaders, ExpectationResult, ValidationResult } from '@slipway/contract';
import type { ReactElement } from 'react';
import { Link } from 'react-router';
import { useAsk } from '../../api/queries.ts';
import { Icon } from '../../components/icon.tsx';
import { Panel } from '../../components/layout.tsx';
import { Loaded } from '../../components/states.tsx';
import { StatusBadge } from '../../components/status.tsx';
import type { ViewState } from '../../components/use-view-state.ts';
import { to } from '../../frame/places.ts';
import { count, duration, plural } from '../../words.ts';
import { checkStatus } from './facts.ts';
import { Origin } from './origin.tsx';
import { figure } from './profile.tsx';
import { keyOf, SampleTable } from './samples.tsx';

const samplesShown = 3;

interface RefusalProps {
  readonly check: DatasetReaders['validations'][number];
  readonly dataset: string;
  readonly number: number;
  readonly view: ViewState;
}

export function Refusal({ check, dataset, number, view }: RefusalProps): ReactElement {
  const validation = useAsk('validations.get', { params: { validation: check.id } });
  return (
    <Panel
      title={`Validation of v${number}`}
      caption={
        <>
          <StatusBadge state={checkStatus(check)} />{' '}
          {validation.data !== undefined && `one scan, ${duration(validation.data.elapsedMs)}`}
        </>
      }
      actions={<Link to={to.validation(check.id)}>suite {check.suite}</Link>}
      flush
    >
      <Loaded query={validation} lines={5}>
        {(data) => <Failed validation={data} dataset={dataset} number={number} view={view} />}
      </Loaded>
    </Panel>
  );
}

interface FailedProps {
  readonly validation: ValidationResult;
  readonly dataset: string;
  readonly number: number;
  readonly view: ViewState;
}

function Failed({ validation, dataset, number, view }: FailedProps): ReactElement {
  const own = new Set(
    validation.datasetVersions.filter((d) => d.dataset === dataset && d.version === number).map((d) => d.table),
  );
  const failed = validation.results.filter((r) => !r.success && r.severity === 'error');
  const rows = failed.filter((r) => own.has(r.table));
  const elsewhere = [...new Set(failed.flatMap((r) => (own.has(r.table) ? [] : [r.table])))];
  const opened =
    rows.find((r) => keyOf(r) === view.get('expectation')) ?? rows.find((r) => r.samples.length > 0) ?? rows[0];
  return (
    <>
      <ul className="dt-failed" aria-label="Expectations that failed">
        {rows.map((result) => (
          <li key={keyOf(result)}>
            <button
              type="button"
              aria-pressed={opened === result}
              title={result.sentence}
              onClick={() => view.set({ expectation: keyOf(result) })}
            >
              <span className="bad">
                <Icon name="bad" small />
              </span>
              <span className="el grow">{result.bound}</span>
              <span className="bad m nw">{foundWords(result)}</span>
            </button>
          </li>
        ))}
      </ul>
      {opened !== undefined && opened.samples.length > 0 && <SampleTable result={opened} rowsMax={samplesShown} />}
      <p className="tf">
        {opened !== undefined && opened.samples.length > 0 && (
          <span>
            {Math.min(samplesShown, opened.samples.length)} of {count(opened.unexpectedCount)} rows{' '}
            <Link to={`${to.validation(validation.id)}?expectation=${encodeURIComponent(keyOf(opened))}&rows=all`}>
              Open all
            </Link>
          </span>
        )}
        {elsewhere.length > 0 && (
          <span>
            {count(failed.length - rows.length)} more in {elsewhere.join(', ')}
          </span>
        )}
        {validation.createdBy.startsWith('step:') && (
          <span className="bad">
            stopped <Origin createdBy={validation.createdBy} />
          </span>
        )}
      </p>
    </>
  );
}

/** Rows that did not hold, or the value that one rule of the whole table found. */
function foundWords({ observed, samples, unexpectedCount, problem }: ExpectationResult): string {
  if (problem !== undefined) return 'could not run';
  return observed !== undefined && samples.length === 0 ? `found ${figure(observed)}` : plural(unexpectedCount, 'row');
}

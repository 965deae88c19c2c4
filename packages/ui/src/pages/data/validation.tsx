/** One validation: every expectation, failed ones first, and the rows that did not hold. */
import type { ExpectationResult, ValidationResult } from '@slipway/contract';
import type { ReactElement, ReactNode } from 'react';
import { useEffect, useRef } from 'react';
import { Link, useParams } from 'react-router';
import { useAsk } from '../../api/queries.ts';
import { DataTable } from '../../components/data-table.tsx';
import { PageHead, Panel } from '../../components/layout.tsx';
import { EmptyState, Loaded } from '../../components/states.tsx';
import type { Status } from '../../components/status.tsx';
import { StatusBadge } from '../../components/status.tsx';
import { to } from '../../frame/places.ts';
import { useView } from '../../frame/view.tsx';
import { count, duration, instant, percent, plural } from '../../words.ts';
import type { ViewState } from '../../components/use-view-state.ts';
import { useViewState } from '../../components/use-view-state.ts';
import './data.css';
import { checkStatus } from './facts.ts';
import { FailingRows } from './failing-rows.tsx';
import { Origin } from './origin.tsx';
import { figure } from './profile.tsx';
import { keyOf, SampleTable } from './samples.tsx';

export function Page(): ReactElement {
  const { validation: id = '' } = useParams();
  const validation = useAsk('validations.get', { params: { validation: id } });
  useView(`slipway data validation ${id}`, 'validations.get', { params: { validation: id } });
  return (
    <Loaded query={validation} lines={10}>
      {(data) => <Opened validation={data} />}
    </Loaded>
  );
}

const rank = (r: ExpectationResult): number => (r.success ? 2 : r.severity === 'error' ? 0 : 1);

function Opened({ validation }: { validation: ValidationResult }): ReactElement {
  const view = useViewState();
  const detail = useRef<HTMLDivElement>(null);
  const asked = view.get('expectation');
  useEffect(() => {
    // On narrow screens what a row opens stands above the list.
    if (asked !== undefined) detail.current?.scrollIntoView({ block: 'nearest' });
  }, [asked]);
  const show = view.get('show') ?? 'all';
  const ordered = validation.results.toSorted((a, b) => rank(a) - rank(b));
  const rows = ordered.filter((r) => (show === 'failed' ? !r.success : show === 'all' || r.table === show));
  const opened = rows.find((r) => keyOf(r) === asked) ?? rows[0];
  const tables = validation.datasetVersions.map((d) => `${d.dataset}@${d.version}`).join(' and ');
  return (
    <>
      <PageHead
        title={`Validation of ${tables}`}
        badges={<StatusBadge state={checkStatus(validation)} />}
        sentence={sentenceOf(validation)}
      />
      <Facts validation={validation} />
      {opened !== undefined && !opened.success && view.get('rows') === 'all' && (
        <Panel
          title={`Rows that fail ${opened.id}`}
          caption="read again from the version that was checked, in the order of its files"
          actions={
            <button type="button" className="btn sm ghost" onClick={() => view.set({ rows: undefined })}>
              Close
            </button>
          }
          flush
        >
          <FailingRows validation={validation.id} result={opened} />
        </Panel>
      )}
      <div className="grid">
        <Panel
          title="Expectations"
          caption={`of suite ${validation.suite}, failed ones first`}
          span={7}
          flush
          actions={<Filter validation={validation} show={show} view={view} />}
        >
          {rows.length === 0 ? (
            <EmptyState title="None failed" />
          ) : (
            <Expectations rows={rows} opened={opened} view={view} />
          )}
        </Panel>
        <div className="dt-right dt-sticky" ref={detail}>
          {opened !== undefined && <Detail result={opened} view={view} />}
        </div>
      </div>
    </>
  );
}

function sentenceOf({ success, failed, warnings, evaluated, createdBy, results }: ValidationResult): ReactNode {
  const failing = results.filter((r) => !r.success);
  const isByFile = failing.every((r) => (r.failedFiles?.length ?? 0) > 0);
  const files = isByFile ? new Set(failing.flatMap((r) => r.failedFiles?.map((f) => f.file) ?? [])) : new Set<string>();
  if (success) {
    const warned = warnings === 0 ? '' : `; ${plural(warnings, 'warning')} did not hold and stopped nothing`;
    return `The data may be used: ${evaluated - warnings} of ${evaluated} expectations hold${warned}.`;
  }
  const place =
    files.size === 0 ? '' : `, all in ${[...files].slice(0, 3).join(', ')}${files.size > 3 ? ' and others' : ''}`;
  return (
    <>
      The data was refused: {failed} of {evaluated} expectations do not hold{place}.
      {createdBy.startsWith('step:') && (
        <>
          {' '}
          It stopped <Origin createdBy={createdBy} />.
        </>
      )}
    </>
  );
}

function Facts({ validation }: { validation: ValidationResult }): ReactElement {
  const { datasetVersions, elapsedMs, createdAt, createdBy } = validation;
  return (
    <div className="dt-facts">
      {datasetVersions.map((d) => (
        <span key={d.table}>
          <span className="t3">Table {d.table}</span>{' '}
          <Link to={to.dataset(d.dataset, d.version)}>
            {d.dataset}@{d.version}
          </Link>{' '}
          {plural(d.rowCount, 'row')} in {plural(d.files.length, 'file')}
        </span>
      ))}
      <span>
        <span className="t3">Took</span> {duration(elapsedMs)}
      </span>
      <span>
        <span className="t3">At</span> {instant(createdAt)}
      </span>
      <span>
        <span className="t3">By</span> <Origin createdBy={createdBy} />
      </span>
    </div>
  );
}

function Filter({
  validation,
  show,
  view,
}: {
  validation: ValidationResult;
  show: string;
  view: ViewState;
}): ReactElement {
  const failed = validation.results.filter((r) => !r.success).length;
  const choices = [
    ['all', 'All', validation.results.length],
    ['failed', 'Failed', failed],
    ...validation.datasetVersions.map(
      (d) => [d.table, d.table, validation.results.filter((r) => r.table === d.table).length] as const,
    ),
  ] as const;
  return (
    <span className="seg" role="group" aria-label="Show">
      {choices.map(([key, word, n]) => (
        <button
          type="button"
          key={key}
          aria-pressed={show === key}
          onClick={() => view.set({ show: key === 'all' ? undefined : key, expectation: undefined })}
        >
          {word} {n}
        </button>
      ))}
    </span>
  );
}

function statusOf({ success, severity, problem }: ExpectationResult): Status {
  if (success) return { tone: 'ok', word: 'Holds' };
  if (problem !== undefined) return { tone: 'bad', word: 'Could not run' };
  return severity === 'error' ? { tone: 'bad', word: 'Failed' } : { tone: 'warn', word: 'Warned' };
}

interface ExpectationsProps {
  readonly rows: readonly ExpectationResult[];
  readonly opened: ExpectationResult | undefined;
  readonly view: ViewState;
}

function Expectations({ rows, opened, view }: ExpectationsProps): ReactElement {
  const hasTables = new Set(rows.map((r) => r.table)).size > 1;
  return (
    <DataTable
      label="Expectations"
      rows={rows}
      rowKey={keyOf}
      selected={opened === undefined ? undefined : keyOf(opened)}
      href={(r) => view.href({ expectation: keyOf(r) })}
      columns={[
        { key: 'state', head: 'Result', cell: (r) => <StatusBadge plain state={statusOf(r)} /> },
        ...(hasTables ? [{ key: 'table', head: 'Table', isExtra: true, cell: (r: ExpectationResult) => r.table }] : []),
        {
          key: 'what',
          head: 'Expected',
          cell: (r) => (
            <Link className="dt-clip" to={view.href({ expectation: keyOf(r) })} preventScrollReset title={r.bound}>
              {r.bound}
            </Link>
          ),
        },
        { key: 'found', head: 'Found', isNumber: true, cell: (r) => <Found result={r} /> },
      ]}
    />
  );
}

/** Failing rows for a rule of rows, the value for one of an aggregate. */
function Found({ result }: { result: ExpectationResult }): ReactElement {
  const { success, unexpectedCount, elementCount, observed, samples } = result;
  const isValue = observed !== undefined && samples.length === 0;
  const tone = success ? 't3' : result.severity === 'error' ? 'bad m' : 'warn m';
  if (isValue) return <span className={tone}>{figure(observed)}</span>;
  return (
    <span className={tone}>
      {unexpectedCount === 0 ? `0 of ${count(elementCount)}` : `${count(unexpectedCount)} of ${count(elementCount)}`}
    </span>
  );
}

function Detail({ result, view }: { result: ExpectationResult; view: ViewState }): ReactElement {
  const { id, table, type, severity, sentence, notes, problem, failedFiles = [], samples } = result;
  return (
    <section className="panel" aria-label={`Expectation ${id}`}>
      <header className="rule">
        <h2>{id}</h2>
        <StatusBadge state={statusOf(result)} />
        <span className="cap el">
          {table}, severity {severity}
        </span>
      </header>
      <div className="bd dt-detail">
        <p className="m">{sentence}</p>
        {notes !== undefined && <p className="t2">Why it is expected: {notes}.</p>}
        {problem !== undefined && <div className="note bad">{problem}</div>}
        <dl className="kv">
          <dt>rule</dt>
          <dd>
            <code>{type}</code>
          </dd>
          <dt>looked at</dt>
          <dd>
            {count(result.elementCount)}
            {result.missingCount > 0 && (
              <span className="t3">, {count(result.missingCount)} without a value, left out</span>
            )}
          </dd>
          <dt>did not hold</dt>
          <dd>
            {count(result.unexpectedCount)}, {percent(result.unexpectedPercent / 100, 2)}
          </dd>
          {result.observed !== undefined && (
            <>
              <dt>observed</dt>
              <dd>{figure(result.observed)}</dd>
            </>
          )}
          {failedFiles.length > 0 && (
            <>
              <dt>in</dt>
              <dd>
                {failedFiles.map((f) => (
                  <span key={f.file} className="row">
                    <code>{f.file}</code>
                    <span className="t3">
                      {count(f.unexpectedCount)} of {count(f.elementCount)}
                    </span>
                  </span>
                ))}
              </dd>
            </>
          )}
        </dl>
      </div>
      {samples.length > 0 && <Samples result={result} view={view} />}
    </section>
  );
}

function Samples({ result, view }: { result: ExpectationResult; view: ViewState }): ReactElement {
  return (
    <>
      <SampleTable result={result} />
      <p className="tf">
        the first {result.samples.length} of {count(result.unexpectedCount)}
        <Link className="btn sm" to={view.href({ rows: 'all', expectation: keyOf(result) })} preventScrollReset>
          Open all
        </Link>
      </p>
    </>
  );
}

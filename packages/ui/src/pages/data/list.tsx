/** The datasets with their latest version, and the validations of all of them. */
import { Modal } from '@mantine/core';
import type { Dataset, ValidationSummary } from '@slipway/contract';
import type { ReactElement } from 'react';
import { useState } from 'react';
import { Link } from 'react-router';
import { useAsk, useAskPages } from '../../api/queries.ts';
import { DataTable } from '../../components/data-table.tsx';
import { Icon } from '../../components/icon.tsx';
import { Grid, PageHead, Panel } from '../../components/layout.tsx';
import { LoadedPages } from '../../components/loaded-pages.tsx';
import { EmptyState, Loaded } from '../../components/states.tsx';
import { StatusBadge } from '../../components/status.tsx';
import { to } from '../../frame/places.ts';
import { useView } from '../../frame/view.tsx';
import { bytes, count, fullInstant, instant, plural } from '../../words.ts';
import { useViewState } from '../../components/use-view-state.ts';
import './data.css';
import { checksOf, checkStatus, useChecks } from './facts.ts';
import { UploadBox } from './upload.tsx';
import { ValidationTable } from './validation-table.tsx';

export function Page(): ReactElement {
  const view = useViewState();
  const datasets = useAsk('datasets.list', { query: { limit: 500 } });
  const validations = useAskPages('validations.list', { query: { limit: 30 } });
  const checks = useChecks();
  useView('slipway data list', 'datasets.list', {});
  return (
    <>
      <PageHead
        title="Data"
        sentence={datasets.data === undefined ? '' : sentenceOf(datasets.data.items, checks)}
        actions={
          <button type="button" className="btn pri" onClick={() => view.set({ form: 'add' })}>
            <Icon name="plus" small />
            Add files
          </button>
        }
      />
      <Grid>
        <Panel title="Datasets" caption="with the latest version of each" flush>
          <Loaded query={datasets}>
            {({ items }) =>
              items.length === 0 ? (
                <EmptyState title="No datasets yet" command="slipway data add flights ./2013-*.parquet">
                  Store files. You get a version with a digest and a profile of every column.
                </EmptyState>
              ) : (
                <DatasetTable rows={items} checks={checks} />
              )
            }
          </Loaded>
        </Panel>
        <Panel title="Validations" caption="newest first" flush>
          <LoadedPages query={validations}>
            {(rows, more) =>
              rows.length === 0 ? (
                <EmptyState title="Nothing has been checked yet" command="slipway data validate SUITE TABLE=DATASET">
                  A suite of expectations is declared by a project; a pipeline step or this command runs it.
                </EmptyState>
              ) : (
                <ValidationTable rows={rows} more={more} />
              )
            }
          </LoadedPages>
        </Panel>
      </Grid>
      {view.get('form') === 'add' && (
        <AddFiles names={datasets.data?.items.map((d) => d.name) ?? []} close={() => view.set({ form: undefined })} />
      )}
    </>
  );
}

function sentenceOf(datasets: readonly Dataset[], checks: readonly ValidationSummary[]): string {
  if (datasets.length === 0) return 'Nothing is stored yet.';
  const rows = datasets.reduce((n, d) => n + (d.latest?.rowCount ?? 0), 0);
  const last = datasets.map((d) => ({ d, check: d.latest && checksOf(checks, d.name, d.latest.number)[0] }));
  const refused = last.filter(({ check }) => check !== undefined && !check.success).map(({ d }) => d.name);
  const unchecked = last.filter(({ check }) => check === undefined).map(({ d }) => d.name);
  const verdict =
    refused.length > 0
      ? `the latest version of ${refused.join(', ')} was refused`
      : unchecked.length === datasets.length
        ? 'none of the latest versions has been checked'
        : unchecked.length > 0
          ? `the latest version of ${unchecked.join(', ')} has not been checked`
          : 'every latest version passed its checks';
  return `${plural(datasets.length, 'dataset')} with ${plural(rows, 'row')} in their latest versions; ${verdict}.`;
}

function DatasetTable({
  rows,
  checks,
}: {
  rows: readonly Dataset[];
  checks: readonly ValidationSummary[];
}): ReactElement {
  const none = <span className="t3">no version</span>;
  return (
    <DataTable
      label="Datasets"
      rows={rows}
      rowKey={(d) => d.name}
      href={(d) => to.dataset(d.name, d.latest?.number ?? 'latest')}
      columns={[
        {
          key: 'name',
          head: 'Dataset',
          cell: (d) => <Link to={to.dataset(d.name, d.latest?.number ?? 'latest')}>{d.name}</Link>,
        },
        {
          key: 'what',
          head: 'What it is',
          isExtra: true,
          cell: (d) => <span className="t2">{d.description === '' ? 'not said' : d.description}</span>,
        },
        {
          key: 'version',
          head: 'Version',
          isNumber: true,
          cell: (d) => (d.latest === undefined ? none : `v${d.latest.number}`),
        },
        {
          key: 'check',
          head: 'Checked',
          cell: (d) => (
            <StatusBadge plain state={checkStatus(d.latest && checksOf(checks, d.name, d.latest.number)[0])} />
          ),
        },
        {
          key: 'rows',
          head: 'Rows',
          isNumber: true,
          cell: (d) => (d.latest === undefined ? '' : count(d.latest.rowCount)),
        },
        { key: 'files', head: 'Files', isNumber: true, isExtra: true, cell: (d) => d.latest?.fileCount ?? '' },
        {
          key: 'size',
          head: 'Size',
          isNumber: true,
          isExtra: true,
          cell: (d) => (d.latest === undefined ? '' : bytes(d.latest.sizeBytes)),
        },
        {
          key: 'at',
          head: 'Made',
          isNumber: true,
          cell: (d) =>
            d.latest === undefined ? (
              ''
            ) : (
              <time title={fullInstant(d.latest.createdAt)}>{instant(d.latest.createdAt)}</time>
            ),
        },
      ]}
    />
  );
}

function AddFiles({ names, close }: { names: readonly string[]; close: () => void }): ReactElement {
  const [name, setName] = useState('');
  return (
    <Modal opened onClose={close} title="Add files" centered size="lg">
      <div className="dt-add">
        <label>
          <span className="m sm">Dataset</span>
          <input
            className="input"
            list="dataset-names"
            value={name}
            placeholder="a new name, or one that is there"
            onChange={(event) => setName(event.target.value)}
          />
          <datalist id="dataset-names">
            {names.map((n) => (
              <option key={n} value={n} />
            ))}
          </datalist>
          <span className="xs t3">
            {name === ''
              ? 'the first file of a new name makes the dataset'
              : names.includes(name)
                ? 'each new file makes the next version'
                : 'a new dataset'}
          </span>
        </label>
        <UploadBox dataset={name.trim()} />
      </div>
    </Modal>
  );
}

/** One version of a dataset: what is in it, how its values lie, whether it passed, what differs, who read it. */
import type { Dataset, DatasetReaders, DatasetVersion, DatasetVersionSummary } from '@slipway/contract';
import type { ReactElement, ReactNode } from 'react';
import { useEffect, useRef } from 'react';
import { Link, useNavigate, useParams } from 'react-router';
import { pathOf } from '../../api/client.ts';
import { useAsk } from '../../api/queries.ts';
import { PageHead, Panel } from '../../components/layout.tsx';
import { EmptyState, Loaded } from '../../components/states.tsx';
import { StatusBadge } from '../../components/status.tsx';
import { to } from '../../frame/places.ts';
import { useView } from '../../frame/view.tsx';
import { bytes, count, instant, plural, short } from '../../words.ts';
import type { ViewState } from '../../components/use-view-state.ts';
import { useViewState } from '../../components/use-view-state.ts';
import './data.css';
import { DiffPanel } from './diff.tsx';
import { checkStatus, useChecks } from './facts.ts';
import { ProfileTable } from './profile.tsx';
import { Refusal } from './refusal.tsx';
import { Rows } from './rows.tsx';
import { UploadBox } from './upload.tsx';
import { readerCount, UsedBy } from './used-by.tsx';
import { Versions } from './versions.tsx';
import { ValidationLine } from './validation-line.tsx';

const versionsMax = 200;

export function Page(): ReactElement {
  const { dataset: name = '', version: word = 'latest' } = useParams();
  const dataset = useAsk('datasets.get', { params: { dataset: name } });
  const isEmpty = dataset.data !== undefined && dataset.data.latest === undefined;
  const version = useAsk(
    'datasets.version',
    { params: { dataset: name, version: word } },
    { enabled: dataset.data?.latest !== undefined },
  );
  useVersionView(name, word);
  return (
    <Loaded query={dataset} lines={10}>
      {(found) =>
        isEmpty ? (
          <Nothing dataset={found} />
        ) : (
          <Loaded query={version} lines={10}>
            {(data) => <Opened dataset={found} version={data} />}
          </Loaded>
        )
      }
    </Loaded>
  );
}

/** What the open tab shows, as a command and as a request. */
function useVersionView(name: string, word: string): void {
  const view = useViewState();
  const params = { dataset: name, version: word };
  const version = word === 'latest' ? '' : ` --version ${word}`;
  const [tab, against] = [view.get('tab') ?? 'profile', view.get('against')];
  const compared = against === undefined ? '' : ` --against ${against}`;
  const forms = {
    profile: [`data profile ${name}${version}${compared}`, 'datasets.profile'],
    rows: [`data rows ${name}${version}`, 'datasets.rows'],
    used: [`data used-by ${name}${version}`, 'datasets.usedBy'],
  } as const;
  const [command, operation] =
    tab === 'profile' || tab === 'rows' || tab === 'used'
      ? forms[tab]
      : ([`data show ${name}${version}`, 'datasets.version'] as const);
  const query = operation === 'datasets.profile' && against !== undefined ? { against } : {};
  useView(`slipway ${command}`, operation, { params, query });
}

function Nothing({ dataset }: { dataset: Dataset }): ReactElement {
  return (
    <>
      <PageHead title={dataset.name} sentence={`${described(dataset)}It has no version yet.`} />
      <Panel title="Add files" caption="the first file makes version 1">
        <UploadBox dataset={dataset.name} />
        <EmptyState title="Or from the command line" command={`slipway data add ${dataset.name} ./FILES`} />
      </Panel>
    </>
  );
}

function Opened({ dataset, version }: { dataset: Dataset; version: DatasetVersion }): ReactElement {
  const { name } = dataset;
  const { number } = version;
  const view = useViewState();
  const asked = view.get('against');
  const against = asked === String(number) ? undefined : asked;
  const versions = useAsk('datasets.versions', { params: { dataset: name }, query: { limit: versionsMax } });
  const all = versions.data?.items ?? [version];
  const profile = useAsk(
    'datasets.profile',
    { params: { dataset: name, version: String(number) }, query: against === undefined ? {} : { against } },
    { keep: true },
  );
  const shownProfile = profile.data?.version === number ? profile.data : undefined;
  const checks = useChecks();
  const readers = useAsk('datasets.usedBy', { params: { dataset: name, version: String(number) } });
  const own = readers.data?.validations ?? [];
  // Of a suite that passed since, the older refusal is history.
  const refusals = own.filter((check, i) => !check.success && own.findIndex((c) => c.suite === check.suite) === i);
  useSiblings(name, number, all);
  const tab = view.get('tab') ?? 'profile';
  const upload = useRef<HTMLDivElement>(null);
  const toUpload = (): void => {
    upload.current?.scrollIntoView({ block: 'center' });
    upload.current?.querySelector<HTMLElement>('button, input')?.focus();
  };
  return (
    <>
      <PageHead
        title={name}
        badges={
          <StatusBadge
            state={{ ...checkStatus(own[0]), word: `v${number}: ${checkStatus(own[0]).word.toLowerCase()}` }}
          />
        }
        sentence={sentenceOf(dataset, version, own[0])}
        actions={
          <>
            <Link className="btn" to={to.why('dataset-version', version.id)}>
              Lineage
            </Link>
            <button type="button" className="btn" onClick={toUpload}>
              Add version
            </button>
          </>
        }
      />
      <section className="panel dt-strip">
        <header>
          <h2>Versions</h2>
          <span className="cap el">each is a list of files by digest; equal bytes are stored once</span>
        </header>
        <Versions dataset={name} versions={all} current={number} against={against} checks={checks} />
      </section>
      <div className={refusals.length > 0 ? 'grid dt-refused' : 'grid'}>
        <section className="panel dt-left">
          <TabBar view={view} tab={tab} version={version} readers={readers.data} against={against} />
          {tab === 'profile' && (
            <Loaded query={profile} lines={12}>
              {(data) => <ProfileTable profile={data} view={view} />}
            </Loaded>
          )}
          {tab === 'schema' && <Schema version={version} />}
          {tab === 'files' && <Files version={version} />}
          {tab === 'rows' && <Rows version={version} view={view} />}
          {tab === 'used' && <Loaded query={readers}>{(data) => <UsedBy readers={data} />}</Loaded>}
        </section>
        <div className="dt-right">
          {refusals.map((check) => (
            <Refusal key={check.id} check={check} dataset={name} number={number} view={view} />
          ))}
          {(own.length === 0 || own.length > refusals.length) && (
            <Checks checks={own.filter((check) => !refusals.includes(check))} dataset={name} />
          )}
          <DiffPanel
            dataset={name}
            current={number}
            versions={all}
            against={against}
            profile={shownProfile}
            view={view}
          />
          <div ref={upload}>
            <Panel title="Add files" caption="each new file makes a version">
              <UploadBox dataset={name} />
            </Panel>
          </div>
        </div>
      </div>
    </>
  );
}

/** `[` and `]` go to the version before and after. */
function useSiblings(dataset: string, number: number, versions: readonly DatasetVersionSummary[]): void {
  const navigate = useNavigate();
  useEffect(() => {
    const onKey = (event: KeyboardEvent): void => {
      const step = event.key === '[' ? -1 : event.key === ']' ? 1 : 0;
      const isTyping = event.target instanceof Element && event.target.closest('input, select, textarea') !== null;
      if (step === 0 || isTyping || !versions.some((v) => v.number === number + step)) return;
      void navigate(to.dataset(dataset, number + step));
    };
    addEventListener('keydown', onKey);
    return () => removeEventListener('keydown', onKey);
  }, [navigate, dataset, number, versions]);
}

const described = ({ description }: Dataset): string =>
  description === '' ? '' : `${description.replace(/\.$/, '')}. `;

function sentenceOf(
  dataset: Dataset,
  version: DatasetVersion,
  check: DatasetReaders['validations'][number] | undefined,
): ReactNode {
  const isLatest = dataset.latest?.number === version.number;
  const size = `Version ${version.number}${isLatest ? ', the latest,' : ` of ${dataset.latest?.number ?? ''}`} has ${plural(version.rowCount, 'row')} and ${plural(version.schema.length, 'column')}; `;
  if (check === undefined) return `${described(dataset)}${size}no validation has looked at it yet.`;
  return (
    <>
      {described(dataset)}
      {size}
      <Link to={to.validation(check.id)}>
        {check.success
          ? `it passed all ${check.evaluated - check.warnings} of its expectations`
          : `${check.failed} of ${check.evaluated} expectations failed`}
      </Link>
      .
    </>
  );
}

interface TabBarProps {
  readonly view: ViewState;
  readonly tab: string;
  readonly version: DatasetVersion;
  readonly readers: DatasetReaders | undefined;
  readonly against: string | undefined;
}

function TabBar({ view, tab, version, readers, against }: TabBarProps): ReactElement {
  const tabs = [
    ['profile', 'Profile', undefined],
    ['rows', 'Rows', undefined],
    ['schema', 'Schema', version.schema.length],
    ['files', 'Files', version.files.length],
    ['used', 'Used by', readers === undefined ? undefined : readerCount(readers)],
  ] as const;
  return (
    <div className="row dt-tabs">
      <div className="tabs" role="tablist" aria-label="Of the version">
        {tabs.map(([key, word, n]) => (
          <button
            type="button"
            role="tab"
            key={key}
            aria-selected={tab === key}
            onClick={() => view.set({ tab: key === 'profile' ? undefined : key })}
          >
            {word}
            {n !== undefined && <span className="n">{n}</span>}
          </button>
        ))}
      </div>
      {tab === 'profile' && against !== undefined && (
        <span className="lg hide-s">
          <span>
            <i className="bx dt-ref" />v{against}
          </span>
          <span>
            <i className="bx dt-cur" />v{version.number}
          </span>
        </span>
      )}
    </div>
  );
}

function Schema({ version }: { version: DatasetVersion }): ReactElement {
  return (
    <div className="scroll" tabIndex={0}>
      <table className="tbl top0" aria-label="Schema">
        <thead>
          <tr>
            <th scope="col">Column</th>
            <th scope="col">Type</th>
            <th scope="col">Nulls</th>
          </tr>
        </thead>
        <tbody>
          {version.schema.map((column) => (
            <tr key={column.name}>
              <td className="mono m dt-text" title={column.name}>
                <bdi>{column.name}</bdi>
              </td>
              <td className="mono">{column.type}</td>
              <td className="t2">{column.nullable ? 'may occur' : 'none'}</td>
            </tr>
          ))}
        </tbody>
      </table>
    </div>
  );
}

function Files({ version }: { version: DatasetVersion }): ReactElement {
  return (
    <div className="scroll" tabIndex={0}>
      <table className="tbl top0" aria-label="Files">
        <thead>
          <tr>
            <th scope="col">File</th>
            <th scope="col" className="num">
              Rows
            </th>
            <th scope="col" className="num">
              Size
            </th>
            <th scope="col">Digest</th>
          </tr>
        </thead>
        <tbody>
          {version.files.map((file) => (
            <tr key={file.name}>
              <td>
                <a
                  className="mono"
                  download={file.name}
                  href={pathOf('datasets.file', {
                    params: { dataset: version.dataset, version: String(version.number), file: file.name },
                  })}
                >
                  {file.name}
                </a>
              </td>
              <td className="num">{count(file.rowCount)}</td>
              <td className="num">{bytes(file.sizeBytes)}</td>
              <td className="mono t3" title={file.digest}>
                {short(file.digest)}
              </td>
            </tr>
          ))}
        </tbody>
      </table>
      <p className="tf">
        {bytes(version.sizeBytes)} in all; manifest <code title={version.digest}>{short(version.digest)}</code>, made{' '}
        {instant(version.createdAt)} by {version.createdBy}
      </p>
    </div>
  );
}

function Checks({ checks, dataset }: { checks: DatasetReaders['validations']; dataset: string }): ReactElement {
  return (
    <Panel title="Validations" caption="of this version" flush>
      {checks.length === 0 ? (
        <EmptyState title="Nothing has checked this version" command={`slipway data validate SUITE TABLE=${dataset}`}>
          A pipeline step checks it too.
        </EmptyState>
      ) : (
        <ul>
          {checks.map((check) => (
            <ValidationLine key={check.id} check={check} />
          ))}
        </ul>
      )}
    </Panel>
  );
}

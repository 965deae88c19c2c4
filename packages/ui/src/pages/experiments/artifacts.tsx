/** Files of a run, folder by folder, with what can be shown of them here. */
import type { Artifact } from '@slipway/contract';
import type { ReactElement } from 'react';
import { useMemo, useState } from 'react';
import { pathOf } from '../../api/client.ts';
import { useAsk, useAskText } from '../../api/queries.ts';
import { Icon } from '../../components/icon.tsx';
import { Panel } from '../../components/layout.tsx';
import { EmptyState, Loaded } from '../../components/states.tsx';
import { bytes, plural } from '../../words.ts';
import { KnownChart } from './known-charts.tsx';
import { readCsv } from './read-csv.ts';
import { useViewState } from '../../components/use-view-state.ts';

const previewMaxBytes = 1_000_000;
const shownMaxChars = 100_000;
const images = /\.(png|jpe?g|gif|webp|bmp|ico|avif)$/i;
const texts =
  /\.(json|jsonl|ndjson|txt|log|md|csv|tsv|ya?ml|toml|ini|cfg|py|ts|js|sh|sql|html?|xml|svg)$|(^|\/)(MLmodel|requirements|Dockerfile|README|LICENSE)$/i;

const nameOf = (path: string): string => path.slice(path.lastIndexOf('/') + 1);
const folderOf = (path: string): string => path.slice(0, Math.max(0, path.lastIndexOf('/')));

export function Artifacts({ run }: { run: string }): ReactElement {
  const view = useViewState();
  const folder = view.get('folder') ?? '';
  const files = useAsk('runs.artifacts', { params: { run }, query: { path: folder } }, { keep: true });
  const items = files.data?.items ?? [];
  const file = items.find((a) => a.path === view.get('file')) ?? firstToShow(items);
  const total = items.reduce((sum, a) => sum + (a.sizeBytes ?? 0), 0);
  return (
    <Panel
      title="Files"
      caption={
        items.length === 0
          ? undefined
          : `${folder === '' ? '' : `${folder}: `}${plural(items.length, 'entry').replace('entrys', 'entries')}, ${bytes(total)}`
      }
      flush
    >
      <Loaded query={files}>
        {() =>
          items.length === 0 && folder === '' ? (
            <EmptyState title="No files">
              A step stores files with logArtifact, an MLflow script with log_artifact; they appear here.
            </EmptyState>
          ) : (
            <div className="files">
              <div className="list">
                {folder !== '' && (
                  <button
                    type="button"
                    onClick={() => view.set({ folder: folderOf(folder) || undefined, file: undefined })}
                  >
                    <Icon name="undo" small />
                    Up, out of {nameOf(folder)}
                  </button>
                )}
                {items.map((item) => (
                  <button
                    type="button"
                    key={item.path}
                    aria-pressed={item.path === file?.path}
                    onClick={() =>
                      view.set(item.isFolder ? { folder: item.path, file: undefined } : { file: item.path })
                    }
                  >
                    <Icon name={item.isFolder ? 'more' : item.path.endsWith('.onnx') ? 'model' : 'doc'} small />
                    <span className="el">
                      {nameOf(item.path)}
                      {item.isFolder && '/'}
                    </span>
                    <span className="t3 nw">{item.sizeBytes === undefined ? '' : bytes(item.sizeBytes)}</span>
                  </button>
                ))}
              </div>
              <div className="preview">
                {file === undefined ? (
                  <p className="t2 sm">Choose a file to see it.</p>
                ) : (
                  <File key={file.path} run={run} file={file} />
                )}
              </div>
            </div>
          )
        }
      </Loaded>
    </Panel>
  );
}

const firstToShow = (items: readonly Artifact[]): Artifact | undefined =>
  items.find((a) => !a.isFolder && (texts.test(a.path) || images.test(a.path)));

/** Shown by a browser as pages: only in a frame that may run nothing, ask nobody and has no origin. */
const framed = /\.(html?|svg)$/i;

function File({ run, file }: { run: string; file: Artifact }): ReactElement {
  const { path } = file;
  const href = pathOf('runs.getArtifact', { params: { run, path } });
  const isFramed = framed.test(path);
  const [isSource, setSource] = useState(false);
  return (
    <div className="stack">
      <div className="row wrap between">
        <span className="sm wrap-any">
          <b className="m">
            <bdi>{path}</bdi>
          </b>{' '}
          {file.digest !== undefined && (
            <code className="t3" title={file.digest}>
              {file.digest.slice(0, 19)}…
            </code>
          )}
        </span>
        <span className="row">
          {isFramed && (
            <button type="button" className="btn sm" aria-pressed={isSource} onClick={() => setSource(!isSource)}>
              {isSource ? 'As page' : 'As text'}
            </button>
          )}
          <a className="btn sm" href={href} download={nameOf(path)}>
            Download
          </a>
        </span>
      </div>
      <Preview run={run} file={file} href={href} isSource={isSource} />
    </div>
  );
}

interface PreviewProps {
  readonly run: string;
  readonly file: Artifact;
  readonly href: string;
  /** The text of a file that could be shown as a page. */
  readonly isSource: boolean;
}

function Preview({ run, file, href, isSource }: PreviewProps): ReactElement {
  const { path, sizeBytes = 0 } = file;
  if (images.test(path)) return <img src={href} alt={path} loading="lazy" />;
  const isKnown = texts.test(path);
  if (!isKnown) return <p className="t2 sm">This kind of file is not shown here; download it.</p>;
  if (sizeBytes > previewMaxBytes)
    return (
      <p className="t2 sm">
        Too large to show here ({bytes(sizeBytes)}; the limit is {bytes(previewMaxBytes)}). Download it.
      </p>
    );
  if (framed.test(path) && !isSource) {
    return (
      <>
        <iframe
          className="framed"
          title={`${nameOf(path)}, without scripts`}
          src={pathOf('runs.previewArtifact', { params: { run, path } })}
          sandbox=""
          referrerPolicy="no-referrer"
          loading="lazy"
        />
        <p className="t3 xs">Shown without scripts, and without anything from elsewhere.</p>
      </>
    );
  }
  return <TextFile run={run} path={path} />;
}

function TextFile({ run, path }: { run: string; path: string }): ReactElement {
  const text = useAskText('runs.getArtifact', { params: { run, path } });
  return (
    <Loaded query={text}>
      {(found) => (
        <>
          <KnownChart name={nameOf(path)} text={found} />
          {tables.test(path) ? <Table path={path} text={found} /> : <Source path={path} text={found} />}
        </>
      )}
    </Loaded>
  );
}

const tables = /\.(csv|tsv)$/i;
const tableRowsMax = 200;
const tableColumnsMax = 60;

function Table({ path, text }: { path: string; text: string }): ReactElement {
  const table = useMemo(() => readCsv(text, /tsv$/i.test(path) ? '\t' : ',', tableRowsMax), [path, text]);
  const columns = Math.min(table.head.length, tableColumnsMax);
  return (
    <>
      <div className="scroll file-table" tabIndex={0}>
        <table className="tbl top0" aria-label={`Rows of ${path}`}>
          <thead>
            <tr>
              {table.head.slice(0, columns).map((name, i) => (
                <th key={i} scope="col" dir="auto">
                  {name}
                </th>
              ))}
            </tr>
          </thead>
          <tbody>
            {table.rows.map((row, i) => (
              <tr key={i}>
                {row.slice(0, columns).map((cell, j) => (
                  <td key={j} dir="auto" title={cell}>
                    {cell}
                  </td>
                ))}
              </tr>
            ))}
          </tbody>
        </table>
      </div>
      {(table.isCut || table.head.length > columns) && (
        <p className="t3 xs">
          The first {plural(table.rows.length, 'row')}
          {table.head.length > columns && ` and ${columns} of ${table.head.length} columns`}; download it for the rest.
        </p>
      )}
    </>
  );
}

function Source({ path, text }: { path: string; text: string }): ReactElement {
  const shown = path.endsWith('.json') ? indented(text) : text;
  const isCut = shown.length > shownMaxChars;
  return (
    <>
      {/* Focusable, so that it can be scrolled with the keys. */}
      <pre className="code" tabIndex={0} aria-label={`Text of ${path}`}>
        {isCut ? shown.slice(0, shownMaxChars) : shown}
      </pre>
      {isCut && <p className="t3 xs">The first {shownMaxChars} characters; download it for the rest.</p>}
    </>
  );
}

function indented(text: string): string {
  try {
    return JSON.stringify(JSON.parse(text), null, 2);
  } catch {
    return text;
  }
}

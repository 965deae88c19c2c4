/** Files of a run, folder by folder, with what can be shown of them here. */
import type { Artifact } from '@slipway/contract';
import type { ReactElement } from 'react';
import { pathOf } from '../../api/client.ts';
import { useAsk, useAskText } from '../../api/queries.ts';
import { Icon } from '../../components/icon.tsx';
import { Panel } from '../../components/layout.tsx';
import { EmptyState, Loaded } from '../../components/states.tsx';
import { bytes, plural } from '../../words.ts';
import { KnownChart } from './known-charts.tsx';
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

function File({ run, file }: { run: string; file: Artifact }): ReactElement {
  const href = pathOf('runs.getArtifact', { params: { run, path: file.path } });
  const isImage = images.test(file.path);
  const isText = texts.test(file.path) && (file.sizeBytes ?? 0) <= previewMaxBytes;
  return (
    <div className="stack">
      <div className="row between">
        <span className="sm">
          <b className="m">{file.path}</b>{' '}
          {file.digest !== undefined && (
            <code className="t3" title={file.digest}>
              {file.digest.slice(0, 19)}…
            </code>
          )}
        </span>
        <a className="btn sm" href={href} download={nameOf(file.path)}>
          Download
        </a>
      </div>
      {isImage ? (
        <img src={href} alt={file.path} loading="lazy" />
      ) : isText ? (
        <TextFile run={run} path={file.path} />
      ) : (
        <p className="t2 sm">
          {texts.test(file.path)
            ? `Too large to show here (${bytes(file.sizeBytes ?? 0)}).`
            : 'This kind of file is not shown here; download it.'}
        </p>
      )}
    </div>
  );
}

function TextFile({ run, path }: { run: string; path: string }): ReactElement {
  const text = useAskText('runs.getArtifact', { params: { run, path } });
  return (
    <Loaded query={text}>
      {(found) => (
        <>
          <KnownChart name={nameOf(path)} text={found} />
          <Source path={path} text={found} />
        </>
      )}
    </Loaded>
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

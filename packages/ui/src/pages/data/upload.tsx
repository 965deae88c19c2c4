/** Files dropped here, or chosen, go to a dataset one after the other; each one that is new makes a version. */
import type { PutFileAnswer } from '@slipway/contract';
import { useQueryClient } from '@tanstack/react-query';
import type { DragEvent, ReactElement } from 'react';
import { useRef, useState } from 'react';
import { Link } from 'react-router';
import { ApiError } from '../../api/client.ts';
import { Icon } from '../../components/icon.tsx';
import { ErrorNote } from '../../components/states.tsx';
import { to } from '../../frame/places.ts';
import { bytes, percent, plural } from '../../words.ts';
import { putFile } from './put-file.ts';

interface Upload {
  readonly key: number;
  readonly name: string;
  readonly size: number;
  readonly sent: number;
  readonly answer?: PutFileAnswer;
  readonly error?: ApiError;
}

const taken = '.parquet,.csv,.ndjson,.jsonl';

/** `dataset` is empty until a name is typed; then nothing can be dropped. */
export function UploadBox({ dataset }: { dataset: string }): ReactElement {
  const client = useQueryClient();
  const picker = useRef<HTMLInputElement>(null);
  const stop = useRef<AbortController | undefined>(undefined);
  const next = useRef(0);
  const [uploads, setUploads] = useState<readonly Upload[]>([]);
  const [isOver, setOver] = useState(false);
  const [isBusy, setBusy] = useState(false);
  const isReady = dataset !== '' && !isBusy;

  const change = (key: number, facts: Partial<Upload>): void =>
    setUploads((old) => old.map((u) => (u.key === key ? { ...u, ...facts } : u)));

  const send = async (files: readonly File[]): Promise<void> => {
    const controller = new AbortController();
    stop.current = controller;
    setBusy(true);
    const queued = files.map((file) => ({ file, key: next.current++ }));
    setUploads(queued.map(({ file, key }) => ({ key, name: file.name, size: file.size, sent: 0 })));
    for (const { file, key } of queued) {
      if (controller.signal.aborted) break;
      try {
        const tell = (sent: number): void => change(key, { sent });
        change(key, { answer: await putFile({ dataset, file, tell, signal: controller.signal }), sent: file.size });
      } catch (error) {
        if (error instanceof ApiError) change(key, { error });
        else throw error;
      }
    }
    setBusy(false);
    await client.invalidateQueries({ predicate: ({ queryKey: [key] }) => String(key).startsWith('datasets.') });
  };

  const onDrop = (event: DragEvent): void => {
    event.preventDefault();
    setOver(false);
    if (isReady) void send([...event.dataTransfer.files]);
  };

  return (
    <div className="dt-upload">
      <div
        className={`dt-drop${isOver && isReady ? ' over' : ''}`}
        onDragOver={(event) => {
          event.preventDefault();
          setOver(true);
        }}
        onDragLeave={() => setOver(false)}
        onDrop={onDrop}
      >
        <Icon name="data" />
        <span>
          {dataset === '' ? 'Name the dataset first' : `Drop files for ${dataset} here`}
          <span className="t3 xs">Parquet, CSV with a header line, or newline-delimited JSON</span>
        </span>
        {isBusy ? (
          <button type="button" className="btn sm danger" onClick={() => stop.current?.abort()}>
            Stop sending
          </button>
        ) : (
          <button type="button" className="btn sm" disabled={!isReady} onClick={() => picker.current?.click()}>
            Choose files
          </button>
        )}
        <input
          ref={picker}
          type="file"
          multiple
          hidden
          accept={taken}
          aria-label="Files to add"
          onChange={({ currentTarget }) => {
            void send([...(currentTarget.files ?? [])]);
            currentTarget.value = '';
          }}
        />
      </div>
      {uploads.length > 0 && (
        <ul aria-live="polite">
          {uploads.map((upload) => (
            <UploadRow key={upload.key} upload={upload} />
          ))}
        </ul>
      )}
    </div>
  );
}

function UploadRow({ upload }: { upload: Upload }): ReactElement {
  const { name, size, sent, answer, error } = upload;
  const share = size === 0 ? 1 : Math.min(1, sent / size);
  if (error !== undefined) {
    return (
      <li>
        <p className="sm mono">{name}</p>
        <ErrorNote error={error} />
      </li>
    );
  }
  const words =
    answer === undefined ? (share < 1 ? `${percent(share)} of ${bytes(size)}` : 'sent, being read') : outcome(answer);
  return (
    <li>
      <span className="row wrap">
        <Icon name={answer === undefined ? 'run' : 'ok'} small spin={answer === undefined && sent > 0} />
        <span className="mono sm el">{name}</span>
        <span className="t3 sm">{words}</span>
        {answer !== undefined && !answer.unchanged && (
          <Link className="sm" to={to.dataset(answer.version.dataset, answer.version.number)}>
            open v{answer.version.number}
          </Link>
        )}
      </span>
      {answer === undefined && (
        <progress max={1} value={share} aria-label={`${name} sent`}>
          {percent(share)}
        </progress>
      )}
    </li>
  );
}

function outcome({ unchanged, stored, version }: PutFileAnswer): string {
  if (unchanged) return 'the latest version has exactly this file; no version was made';
  return `${plural(version.rowCount, 'row')} in all${stored ? '' : ', bytes were stored already'}`;
}

/** Starts a run: a field for each parameter that the graph declares, the reason for the ledger, and whether results are reused. */
import { Modal } from '@mantine/core';
import type { Pipeline } from '@slipway/contract';
import type { FormEvent, ReactElement } from 'react';
import { useState } from 'react';
import { useNavigate } from 'react-router';
import type { Ask } from '../../api/client.ts';
import { useChange } from '../../api/queries.ts';
import { ErrorNote } from '../../components/states.tsx';
import { to } from '../../frame/places.ts';
import type { Field } from './schema.ts';
import { fieldsOf, read, textOf } from './schema.ts';

interface RunFormProps {
  readonly pipeline: Pipeline;
  /** Parameters of the run before, to start from. */
  readonly last: Readonly<Record<string, unknown>> | undefined;
  readonly close: () => void;
}

type Body = Ask<'pipelines.run'>['body'];

export function RunForm({ pipeline, last, close }: RunFormProps): ReactElement {
  const navigate = useNavigate();
  const start = useChange('pipelines.run');
  const fields = fieldsOf(pipeline.graph.params);
  const [texts, setTexts] = useState<Readonly<Record<string, string>>>(() =>
    Object.fromEntries(fields.map((f) => [f.name, f.initial])),
  );
  const [reason, setReason] = useState('');
  const [isReused, setReused] = useState(true);
  const [isTried, setTried] = useState(false);
  const reads = fields.map((field) => ({ field, result: read(field, texts[field.name] ?? '') }));

  const onSubmit = (event: FormEvent): void => {
    event.preventDefault();
    setTried(true);
    if (reads.some(({ result }) => result !== undefined && 'problem' in result)) return;
    const params = Object.fromEntries(
      reads.flatMap(({ field, result }) =>
        result !== undefined && 'value' in result ? [[field.name, result.value]] : [],
      ),
      // The server checks them against the same schema.
    ) as Body['params'];
    const body: Body = {
      params: params ?? {},
      cache: isReused,
      ...(reason.trim() === '' ? {} : { reason: reason.trim() }),
    };
    start.mutate(
      { params: { pipeline: pipeline.name }, body },
      { onSuccess: (run) => void navigate(to.pipelineRun(run.id)) },
    );
  };

  return (
    <Modal opened onClose={close} title={`Run ${pipeline.name}`} centered size="lg">
      <form className="pl-form" onSubmit={onSubmit} noValidate>
        <p className="t2 sm">
          The run takes the code and graph applied last and pins the dataset versions that are latest now.
        </p>
        {reads.map(({ field, result }) => (
          <ParameterField
            key={field.name}
            field={field}
            text={texts[field.name] ?? ''}
            problem={isTried && result !== undefined && 'problem' in result ? result.problem : undefined}
            change={(text) => setTexts({ ...texts, [field.name]: text })}
          />
        ))}
        {fields.length === 0 && <p className="t3 sm">It takes no parameters.</p>}
        <label>
          <span className="m sm">Reason</span>
          <input
            className="input"
            value={reason}
            onChange={(event) => setReason(event.target.value)}
            maxLength={1000}
          />
          <span className="xs t3">kept with the run</span>
        </label>
        <label className="check">
          <input type="checkbox" checked={isReused} onChange={(event) => setReused(event.target.checked)} />
          <span className="sm">Reuse results of steps whose code and inputs are the same</span>
        </label>
        {start.error !== null && <ErrorNote error={start.error} />}
        <div className="row">
          {last !== undefined && (
            <button
              type="button"
              className="btn ghost"
              onClick={() =>
                setTexts({ ...texts, ...Object.fromEntries(fields.map((f) => [f.name, textOf(last[f.name])])) })
              }
            >
              As in the last run
            </button>
          )}
          <span className="grow" />
          <button type="button" className="btn" onClick={close}>
            Close
          </button>
          <button type="submit" className="btn pri" disabled={start.isPending}>
            Start run
          </button>
        </div>
      </form>
    </Modal>
  );
}

interface ParameterProps {
  readonly field: Field;
  readonly text: string;
  readonly problem: string | undefined;
  readonly change: (text: string) => void;
}

function ParameterField({ field, text, problem, change }: ParameterProps): ReactElement {
  if (field.kind === 'check') {
    return (
      <label className="check">
        <input type="checkbox" checked={text === 'true'} onChange={(event) => change(String(event.target.checked))} />
        <span className="m sm">{field.name}</span>
        <span className="xs t3">{field.hint}</span>
      </label>
    );
  }
  const shared = {
    className: problem === undefined ? 'input' : 'input bad-in',
    value: text,
    'aria-invalid': problem !== undefined,
    'aria-required': field.isRequired,
  };
  return (
    <label>
      <span className="m sm">
        {field.name} {field.isRequired && <span className="t3">(required)</span>}
      </span>
      {field.kind === 'choice' ? (
        <select {...shared} onChange={(event) => change(event.target.value)}>
          {!field.isRequired && <option value="">not set</option>}
          {field.choices.map((choice) => (
            <option key={choice}>{choice}</option>
          ))}
        </select>
      ) : field.kind === 'json' ? (
        <textarea {...shared} rows={3} onChange={(event) => change(event.target.value)} />
      ) : (
        <input
          {...shared}
          inputMode={field.kind === 'number' ? 'decimal' : undefined}
          placeholder={field.placeholder}
          onChange={(event) => change(event.target.value)}
        />
      )}
      <span className={problem === undefined ? 'xs t3' : 'xs bad'} role={problem === undefined ? undefined : 'alert'}>
        {problem ?? field.hint}
      </span>
    </label>
  );
}

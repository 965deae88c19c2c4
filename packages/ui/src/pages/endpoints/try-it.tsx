/** Asks the endpoint for one prediction, in a form made from what its deployed version takes, or as JSON. */
import type { Endpoint, Prediction, PredictionRecord } from '@slipway/contract';
import type { FormEvent, KeyboardEvent, ReactElement } from 'react';
import { useId, useState } from 'react';
import { Link } from 'react-router';
import { useAsk, useChange } from '../../api/queries.ts';
import { Panel } from '../../components/layout.tsx';
import { EmptyState, ErrorNote, Skeleton } from '../../components/states.tsx';
import { ArmMark } from '../../components/status.tsx';
import { decimals, duration } from '../../words.ts';
import type { InputField, InputValue } from './model-inputs.ts';
import { typedOf, useModelInputs, valueOf } from './model-inputs.ts';
import { micros } from './predictions.tsx';
import type { ViewState } from '../../components/use-view-state.ts';

interface TryItProps {
  readonly endpoint: Endpoint;
  readonly view: ViewState;
  /** A logged prediction whose inputs can be taken over. */
  readonly sample: PredictionRecord | undefined;
}

/** Beyond this the event time would carry the feature state far from its data. */
const farMs = 2 * 86_400_000;

export function TryIt({ endpoint, view, sample }: TryItProps): ReactElement {
  const { fields, from, stateAt } = useModelInputs(endpoint);
  const form = view.get('form') === 'json' || fields?.length === 0 ? 'json' : 'form';
  const body = (): ReactElement => {
    if (endpoint.deployment === undefined) {
      return <EmptyState title="Nothing to ask yet">Deploy a version first; its inputs become a form here.</EmptyState>;
    }
    if (fields === undefined) return <Skeleton lines={6} />;
    return <Form key={form} {...{ endpoint, view, sample, fields, stateAt }} isJson={form === 'json'} />;
  };
  return (
    <Panel
      title="Try it"
      caption={
        endpoint.deployment === undefined ? undefined : fields?.length === 0 ? 'no signature says what it takes' : from
      }
      actions={
        <div className="seg" role="group" aria-label="Form or JSON">
          {(['form', 'json'] as const).map((one) => (
            <button
              type="button"
              key={one}
              aria-pressed={one === form}
              disabled={one === 'form' && fields?.length === 0}
              onClick={() => view.set({ form: one === 'json' ? 'json' : undefined })}
            >
              {one === 'json' ? 'JSON' : 'Form'}
            </button>
          ))}
        </div>
      }
    >
      {body()}
    </Panel>
  );
}

interface FormProps extends TryItProps {
  readonly fields: readonly InputField[];
  readonly stateAt: number | undefined;
  readonly isJson: boolean;
}

type Typed = Readonly<Record<string, string>>;

function Form({ endpoint, view, sample, fields, stateAt, isJson }: FormProps): ReactElement {
  const [typed, setTyped] = useState<Typed>({});
  const [typedJson, setJson] = useState<string | undefined>(undefined);
  const json = typedJson ?? JSON.stringify(sample?.inputs ?? {}, null, 2);
  const [at, setAt] = useState(() => (stateAt === undefined ? '' : new Date(stateAt).toISOString()));
  const predict = useChange('endpoints.predict');
  const checked = fields.map((field) => ({ field, ...valueOf(field, typed[field.name] ?? '') }));
  const parsed = isJson ? parseInputs(json) : undefined;
  const atValue = valueOf({ name: 'at', type: 'time' }, at);
  const hasProblem =
    atValue.problem !== undefined || (isJson ? parsed === undefined : checked.some((c) => c.problem !== undefined));
  const send = (): void => {
    if (hasProblem) return;
    const inputs =
      parsed ??
      Object.fromEntries(checked.flatMap(({ field, value }) => (value === undefined ? [] : [[field.name, value]])));
    const instance = { inputs, ...(typeof atValue.value === 'number' ? { at: atValue.value } : {}) };
    predict.mutate({ params: { endpoint: endpoint.name }, body: { instances: [instance] } });
  };
  const onSubmit = (event: FormEvent): void => {
    event.preventDefault();
    send();
  };
  const onKey = (event: KeyboardEvent): void => {
    if (event.key === 'Enter' && (event.ctrlKey || event.metaKey)) send();
  };
  const takeOver = (): void => {
    if (sample === undefined) return;
    setTyped(Object.fromEntries(fields.map((f) => [f.name, typedOf(f, sample.inputs[f.name])])));
    setJson(JSON.stringify(sample.inputs, null, 2));
  };
  const answer = predict.data?.predictions[0];
  return (
    <form className="col" style={{ gap: 10 }} onSubmit={onSubmit} onKeyDown={onKey}>
      {isJson ? (
        <label className="col" style={{ gap: 4 }}>
          <span className="sm t2">Inputs as JSON</span>
          <textarea
            className="json-in"
            spellCheck={false}
            value={json}
            aria-invalid={parsed === undefined}
            onChange={(e) => setJson(e.currentTarget.value)}
          />
          {parsed === undefined && <span className="xs bad">Not a JSON object of names and values.</span>}
        </label>
      ) : (
        <div className="try-form">
          {checked.map(({ field, problem }) => (
            <Field
              key={field.name}
              field={field}
              typed={typed[field.name] ?? ''}
              problem={problem}
              onType={(text) => setTyped({ ...typed, [field.name]: text })}
            />
          ))}
        </div>
      )}
      <div className="try-form">
        <Field field={{ name: 'event time', type: 'time' }} typed={at} problem={atValue.problem} onType={setAt} />
      </div>
      <AtNote at={atValue.value} stateAt={stateAt} />
      <div className="row wrap">
        <button type="submit" className="btn" disabled={hasProblem || predict.isPending}>
          Predict<kbd>Ctrl Enter</kbd>
        </button>
        {sample !== undefined && (
          <button type="button" className="btn ghost" onClick={takeOver}>
            {view.get('open') === sample.id ? 'Inputs of the opened one' : 'Inputs of a logged one'}
          </button>
        )}
      </div>
      {predict.error !== null && <ErrorNote error={predict.error} />}
      {answer !== undefined && predict.error === null && <Answer answer={answer} view={view} />}
    </form>
  );
}

function parseInputs(text: string): Record<string, InputValue> | undefined {
  try {
    const value: unknown = JSON.parse(text);
    if (typeof value !== 'object' || value === null || Array.isArray(value)) return undefined;
    // Values are the server's to judge; it says which one does not fit.
    return value as Record<string, InputValue>;
  } catch {
    return undefined;
  }
}

interface FieldProps {
  readonly field: InputField;
  readonly typed: string;
  readonly problem: string | undefined;
  readonly onType: (text: string) => void;
}

function Field({ field, typed, problem, onType }: FieldProps): ReactElement {
  const id = useId();
  const isBool = field.type === 'bool' || field.type === 'boolean';
  return (
    <>
      <label htmlFor={id}>{field.name}</label>
      {isBool ? (
        <select id={id} className="input" value={typed} onChange={(e) => onType(e.currentTarget.value)}>
          <option value="">not set</option>
          <option value="true">true</option>
          <option value="false">false</option>
        </select>
      ) : (
        <input
          id={id}
          className={`input ${problem === undefined ? '' : 'bad-in'}`}
          placeholder={field.type}
          spellCheck={false}
          autoComplete="off"
          inputMode={/^(int|float|double|long)/.test(field.type) ? 'decimal' : 'text'}
          value={typed}
          aria-invalid={problem !== undefined}
          onChange={(e) => onType(e.currentTarget.value)}
        />
      )}
      {problem !== undefined && <span className="said bad">{problem}</span>}
    </>
  );
}

/** A prediction is a fact: it is logged, and the features are read at its event time. */
function AtNote({ at, stateAt }: { at: InputValue | undefined; stateAt: number | undefined }): ReactElement {
  if (stateAt === undefined) return <p className="xs t3">The answer is logged like any other.</p>;
  const ahead = (typeof at === 'number' ? at : Date.now()) - stateAt;
  if (ahead > farMs) {
    return (
      <div className="note warn">
        <span>
          This reads the features {duration(ahead)} after their newest event, and moves their clock there: later
          requests for an earlier time are refused.
        </span>
      </div>
    );
  }
  return <p className="xs t3">The answer is logged like any other; its features are read as of the event time.</p>;
}

function Answer({ answer, view }: { answer: Prediction; view: ViewState }): ReactElement {
  const logged = useAsk('predictions.get', { params: { prediction: answer.id } });
  const { shadow, latencyUs, isCanary } = logged.data ?? {};
  return (
    <div className="col" style={{ gap: 8 }} role="status">
      <div className="try-out">
        <div>
          <span className="sm">
            <ArmMark arm={isCanary === true ? 'challenger' : 'champion'} /> v{answer.version}
          </span>
          <br />
          <b>{decimals(answer.score)}</b> {answer.label !== undefined && <span className="sm t2">{answer.label}</span>}
        </div>
        {shadow !== undefined && (
          <div>
            <span className="sm">
              <ArmMark arm="reference" /> v{shadow.version} in the shadow
            </span>
            <br />
            <b>{decimals(shadow.score)}</b>
          </div>
        )}
      </div>
      <p className="sm t2">
        {latencyUs !== undefined && `${micros(latencyUs)} inside the server. `}
        <Link to={view.href({ open: answer.id })}>Its features</Link>
      </p>
    </div>
  );
}

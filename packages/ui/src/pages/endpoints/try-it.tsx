/** Tries the endpoint in a form made from what its version takes, or as JSON: every loaded version answers, nothing is logged. */
import type { Endpoint, PredictionRecord, SeenInput, TrainedOn, Trial } from '@slipway/contract';
import { useMutation } from '@tanstack/react-query';
import type { FormEvent, KeyboardEvent, ReactElement } from 'react';
import { useId, useState } from 'react';
import type { ApiError, Ask } from '../../api/client.ts';
import { ask } from '../../api/client.ts';
import { useAsk } from '../../api/queries.ts';
import { Panel } from '../../components/layout.tsx';
import { EmptyState, ErrorNote, Skeleton } from '../../components/states.tsx';
import { ArmMark } from '../../components/status.tsx';
import type { ViewState } from '../../components/use-view-state.ts';
import { Answer, AnswerBars } from './answer.tsx';
import { Cells } from './cells.tsx';
import type { InputField, InputValue } from './model-inputs.ts';
import { seenWords, trainedOf, typedOf, useModelInputs, valueOf, warningOf } from './model-inputs.ts';
import { figure } from '../../words.ts';
import { outsideTraining } from './outside-training.ts';
import { micros } from './predictions.tsx';

interface TryItProps {
  readonly endpoint: Endpoint;
  readonly view: ViewState;
  /** A logged prediction whose inputs can be taken over. */
  readonly sample: PredictionRecord | undefined;
}

export function TryIt({ endpoint, view, sample }: TryItProps): ReactElement {
  const { fields, from, stateAt, trained } = useModelInputs(endpoint);
  const seen = useAsk(
    'endpoints.inputs',
    { params: { endpoint: endpoint.name } },
    { enabled: endpoint.deployment !== undefined },
  );
  const form = view.get('form') === 'json' || fields?.length === 0 ? 'json' : 'form';
  const body = (): ReactElement => {
    if (endpoint.deployment === undefined) {
      return <EmptyState title="Nothing to ask yet">Deploy a version first; its inputs become a form here.</EmptyState>;
    }
    if (fields === undefined) return <Skeleton lines={6} />;
    const seenInputs = { rows: seen.data?.rows ?? 0, inputs: seen.data?.inputs ?? [], trained };
    return (
      <Form key={form} {...{ endpoint, view, sample, fields, stateAt }} seen={seenInputs} isJson={form === 'json'} />
    );
  };
  const caption = fields?.length === 0 ? 'no signature says what it takes' : from;
  return (
    <Panel
      title="Try it"
      caption={endpoint.deployment === undefined ? undefined : caption}
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

interface Seen {
  readonly rows: number;
  readonly inputs: readonly SeenInput[];
  readonly trained: ReadonlyMap<string, TrainedOn>;
}

interface FormProps extends TryItProps {
  readonly fields: readonly InputField[];
  readonly stateAt: number | undefined;
  readonly seen: Seen;
  readonly isJson: boolean;
}

/** Names come from models: any text may be one, so they are no keys of an object. */
type Typed = ReadonlyMap<string, string>;

/** A trial changes nothing, so nothing that is shown becomes stale by it. */
const useTrial = () =>
  useMutation<Trial, ApiError, Ask<'endpoints.try'>>({ mutationFn: (request) => ask('endpoints.try', request) });

function Form({ endpoint, view, sample, fields, stateAt, seen, isJson }: FormProps): ReactElement {
  const [typed, setTyped] = useState<Typed>(new Map());
  const [typedJson, setJson] = useState<string | undefined>(undefined);
  const json = typedJson ?? JSON.stringify(sample?.inputs ?? {}, null, 2);
  const [at, setAt] = useState('');
  const trial = useTrial();
  const checked = fields.map((field) => ({ field, ...valueOf(field, typed.get(field.name) ?? '') }));
  const parsed = isJson ? parseInputs(json) : undefined;
  const atValue = valueOf({ name: 'at', type: 'time' }, at);
  const hasProblem =
    atValue.problem !== undefined || (isJson ? parsed === undefined : checked.some((c) => c.problem !== undefined));
  const send = (): void => {
    if (hasProblem) return;
    // A feature service wants every input named; a model says itself which one it misses.
    const empty = (name: string): [string, null][] => (endpoint.spec.features === undefined ? [] : [[name, null]]);
    const inputs =
      parsed ??
      Object.fromEntries(
        checked.flatMap(({ field, value }) => (value === undefined ? empty(field.name) : [[field.name, value]])),
      );
    const body = { inputs, ...(typeof atValue.value === 'number' ? { at: atValue.value } : {}) };
    trial.mutate({ params: { endpoint: endpoint.name }, body });
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
    const logged = new Map(Object.entries(sample.inputs));
    setTyped(new Map(fields.map((f) => [f.name, typedOf(f, logged.get(f.name))])));
    setJson(JSON.stringify(sample.inputs, null, 2));
    if (stateAt !== undefined) setAt('');
  };
  return (
    <form className="stack" aria-label="Try it" onSubmit={onSubmit} onKeyDown={onKey}>
      {isJson ? (
        <label className="stack">
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
          {checked.map(({ field, value, problem }) => {
            const known = seen.inputs.find((one) => one.name === field.name);
            return (
              <Field
                key={field.name}
                field={field}
                typed={typed.get(field.name) ?? ''}
                problem={problem}
                // An empty form is not warned about before anything is typed.
                warning={
                  typed.size === 0
                    ? undefined
                    : warningOf(field, value, { trained: seen.trained.get(field.name), seen: known, rows: seen.rows })
                }
                seen={known}
                onType={(text) => setTyped(new Map(typed).set(field.name, text))}
              />
            );
          })}
        </div>
      )}
      <div className="try-form">
        <Field
          field={{ name: 'event time', type: 'time' }}
          typed={at}
          problem={atValue.problem}
          warning={undefined}
          seen={undefined}
          onType={setAt}
        />
      </div>
      <p className="xs t3">
        {stateAt === undefined
          ? 'Every loaded version scores it. Nothing is logged or counted.'
          : `Features are read as they stand at ${new Date(stateAt).toISOString()}, without moving them. Nothing is logged or counted.`}
      </p>
      <div className="row wrap">
        <button type="submit" className="btn" disabled={hasProblem || trial.isPending}>
          Try<kbd>Ctrl Enter</kbd>
        </button>
        {sample !== undefined && (
          <button type="button" className="btn ghost" onClick={takeOver}>
            {view.get('open') === sample.id ? 'Inputs of the opened one' : 'Inputs of a logged one'}
          </button>
        )}
      </div>
      {trial.error !== null && <ErrorNote error={trial.error} />}
      {trial.data !== undefined && trial.error === null && <Answers trial={trial.data} model={endpoint.spec.model} />}
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
  readonly warning: string | undefined;
  readonly seen: SeenInput | undefined;
  readonly onType: (text: string) => void;
}

function Field({ field, typed, problem, warning, seen, onType }: FieldProps): ReactElement {
  const id = useId();
  const isBool = field.type === 'bool' || field.type === 'boolean';
  const said = problem ?? warning;
  return (
    <>
      <label htmlFor={id} title={field.name}>
        {field.name}
      </label>
      {isBool ? (
        <select id={id} className="input" value={typed} onChange={(e) => onType(e.currentTarget.value)}>
          <option value="">not set</option>
          <option value="true">true</option>
          <option value="false">false</option>
        </select>
      ) : (
        <input
          id={id}
          className={`input ${problem !== undefined ? 'bad-in' : warning !== undefined ? 'warn-in' : ''}`}
          placeholder={seenWords(field, seen) ?? field.type}
          list={seen === undefined || seen.values.length === 0 ? undefined : `${id}-seen`}
          spellCheck={false}
          autoComplete="off"
          inputMode={/^(int|float|double|long)/.test(field.type) ? 'decimal' : 'text'}
          value={typed}
          aria-invalid={problem !== undefined}
          aria-describedby={said === undefined ? undefined : `${id}-said`}
          onChange={(e) => onType(e.currentTarget.value)}
        />
      )}
      {seen !== undefined && seen.values.length > 0 && (
        <datalist id={`${id}-seen`}>
          {seen.values.map(({ value }) => (
            <option key={String(value)} value={String(value)} />
          ))}
        </datalist>
      )}
      {said !== undefined && (
        <span id={`${id}-said`} className={`said ${problem === undefined ? 'warn' : 'bad'}`}>
          {said}
        </span>
      )}
    </>
  );
}

const roles: Readonly<Record<Trial['answers'][number]['role'], string>> = {
  incumbent: 'answers',
  candidate: 'candidate',
  shadow: 'in the shadow',
  traffic: 'answers',
};

function Answers({ trial, model }: { trial: Trial; model: string }): ReactElement {
  return (
    <div className="stack" role="status" aria-label="Answers">
      <div className="try-out">
        {trial.answers.map(({ version, role, percent, score, problem, features, ...detail }) => (
          <div key={version}>
            <span className="sm">
              <ArmMark arm={role === 'incumbent' ? 'champion' : role === 'candidate' ? 'challenger' : 'reference'} /> v
              {version} <span className="t3">{percent > 0 ? `${roles[role]} ${percent} %` : roles[role]}</span>
            </span>
            <br />
            {score === undefined ? <span className="sm bad">{problem}</span> : <Tried score={score} detail={detail} />}
            {score !== undefined && <Outside model={model} version={version} features={features} />}
            {score !== undefined && (
              <details className="sm">
                <summary>Features</summary>
                <Cells head="Feature" cells={Object.entries(features)} />
              </details>
            )}
          </div>
        ))}
      </div>
      <p className="sm t2">
        Not logged, not counted: {micros(trial.tookUs)} inside the server, event time {new Date(trial.at).toISOString()}
        .
      </p>
    </div>
  );
}

interface OutsideProps {
  readonly model: string;
  readonly version: number;
  readonly features: Trial['answers'][number]['features'];
}

/** Features outside of what this version was trained on: there its score is a guess. */
function Outside({ model, version, features }: OutsideProps): ReactElement | null {
  const inputs = useAsk('models.inputs', { params: { model, version: String(version) } });
  const trained = trainedOf(inputs.data);
  const known = Object.keys(features).filter((name) => trained.has(name)).length;
  const outside = Object.entries(features).flatMap(([name, value]) => {
    const how = outsideTraining(value, trained.get(name));
    return how === undefined ? [] : [{ name, value, how }];
  });
  if (known === 0) return null;
  if (outside.length === 0) return <p className="xs t3">{`All ${known} features lie within what training saw.`}</p>;
  return (
    <ul className="xs outside" aria-label={`Outside of what v${version} was trained on`}>
      {outside.map(({ name, value, how }) => (
        <li key={name}>
          <code>{name}</code> {typeof value === 'number' ? figure(value) : String(value)}
          <span className="t2">: {how.charAt(0).toLowerCase() + how.slice(1)}</span>
        </li>
      ))}
    </ul>
  );
}

function Tried({
  score,
  detail: { label, probabilities, quantiles },
}: {
  score: number;
  detail: Pick<Trial['answers'][number], 'label' | 'probabilities' | 'quantiles'>;
}): ReactElement {
  const said = { score, class: label, probabilities, quantiles };
  return (
    <>
      <Answer said={said} />
      <AnswerBars said={said} />
    </>
  );
}

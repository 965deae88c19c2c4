/**
 * Reads one vector, as a prediction would get it. The state only moves forward: a read at a later instant than it stands at
 * takes it there, so that is said before it is done.
 */
import type { FeatureSet, FeatureVector } from '@slipway/contract';
import type { FormEvent, ReactElement } from 'react';
import { useState } from 'react';
import type { Ask } from '../../api/client.ts';
import { useChange } from '../../api/queries.ts';
import { Icon } from '../../components/icon.tsx';
import { Panel } from '../../components/layout.tsx';
import { ErrorNote } from '../../components/states.tsx';
import type { Cell, Input } from './facts.ts';
import { cellOf, eventInstant, inputsOf, isoOf } from './facts.ts';

interface ReadFormProps {
  readonly set: FeatureSet;
  readonly service: string;
  readonly taken: (vector: FeatureVector) => void;
}

type Body = Ask<'featureSets.read'>['body'];

const examples: Readonly<Record<string, string>> = { time: '2013-04-02T13:00:00Z', bool: 'true' };

export function ReadForm({ set, service, taken }: ReadFormProps): ReactElement {
  const read = useChange('featureSets.read');
  const inputs = inputsOf(set);
  const { nowAt } = set.state;
  const [texts, setTexts] = useState<Readonly<Record<string, string>>>({});
  const [at, setAt] = useState(nowAt === undefined ? '' : isoOf(nowAt));
  const [isAgreed, setAgreed] = useState(false);
  const [isTried, setTried] = useState(false);
  const instant = at.trim() === '' ? Date.now() : Date.parse(at);
  const movesBy = nowAt === undefined || Number.isNaN(instant) ? 0 : instant - nowAt;
  const reads = inputs.map((input) => ({ input, result: cellOf(input, texts[input.name] ?? '') }));

  const onSubmit = (event: FormEvent): void => {
    event.preventDefault();
    setTried(true);
    if (Number.isNaN(instant) || (movesBy > 0 && !isAgreed)) return;
    if (reads.some(({ result }) => result !== undefined && 'problem' in result)) return;
    const pick = (isKey: boolean): Record<string, Cell> =>
      Object.fromEntries(
        reads.flatMap(({ input, result }) =>
          input.isKey === isKey && result !== undefined && 'value' in result ? [[input.name, result.value]] : [],
        ),
      );
    const body: Body = { keys: pick(true), request: pick(false), ...(at.trim() === '' ? {} : { at: instant }) };
    read.mutate({ params: { set: set.name, service }, body }, { onSuccess: taken });
  };

  return (
    <Panel title="Read one vector" caption={`of ${service}, as a prediction would get it`}>
      <form className="ft-form" onSubmit={onSubmit} noValidate>
        <div className="ft-inputs">
          {reads.map(({ input, result }) => (
            <InputField
              key={input.name}
              input={input}
              text={texts[input.name] ?? ''}
              problem={isTried && result !== undefined && 'problem' in result ? result.problem : undefined}
              change={(text) => setTexts({ ...texts, [input.name]: text })}
            />
          ))}
          <label>
            <span className="m sm">
              at <span className="t3">event time</span>
            </span>
            <input
              className={Number.isNaN(instant) ? 'input bad-in' : 'input'}
              value={at}
              placeholder="the server's clock"
              onChange={(event) => setAt(event.target.value)}
            />
          </label>
        </div>
        {movesBy > 0 && nowAt !== undefined && (
          <div className="note warn">
            <Icon name="warn" />
            <label className="row">
              <input type="checkbox" checked={isAgreed} onChange={(event) => setAgreed(event.target.checked)} />
              <span>
                This read takes the state from {eventInstant(nowAt)} to {eventInstant(instant)} for everybody, and it
                cannot go back. I want that.
              </span>
            </label>
          </div>
        )}
        {read.error !== null && <ErrorNote error={read.error} />}
        <div className="row">
          <span className="t3 xs grow">
            {read.data === undefined
              ? 'what is left empty is null'
              : `${read.data.values.filter((v) => v !== null).length} of ${read.data.values.length} have a value; they stand beside their features`}
          </span>
          <button
            type="submit"
            className="btn"
            disabled={read.isPending || set.state.status !== 'ready' || (movesBy > 0 && !isAgreed)}
          >
            Read vector
          </button>
        </div>
      </form>
    </Panel>
  );
}

interface InputFieldProps {
  readonly input: Input;
  readonly text: string;
  readonly problem: string | undefined;
  readonly change: (text: string) => void;
}

function InputField({ input, text, problem, change }: InputFieldProps): ReactElement {
  return (
    <label>
      <span className="m sm">
        {input.name}{' '}
        <span className="t3">
          {input.isKey ? 'key' : 'request'}, {input.type}
        </span>
      </span>
      <input
        className={problem === undefined ? 'input' : 'input bad-in'}
        value={text}
        placeholder={examples[input.type] ?? ''}
        aria-invalid={problem !== undefined}
        onChange={(event) => change(event.target.value)}
      />
      {problem !== undefined && (
        <span className="xs bad" role="alert">
          {problem}
        </span>
      )}
    </label>
  );
}

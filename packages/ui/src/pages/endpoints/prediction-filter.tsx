/** What of the logged predictions is shown: a form over the address, so that a view can be shared. */
import type { InputHTMLAttributes, ReactElement } from 'react';
import { useEffect, useState } from 'react';
import type { ViewState } from '../../components/use-view-state.ts';
import { Choice } from './arm-series.tsx';
import { ofField } from './event-time.ts';

const keys = ['arm', 'version', 'label', 'faults', 'smin', 'smax', 'lat', 'q', 'own', 'from', 'to'] as const;

const numberOf = (text: string | undefined): number | undefined => {
  const value = text === undefined || text.trim() === '' ? Number.NaN : Number(text);
  return Number.isFinite(value) ? value : undefined;
};

export interface PredictionQuery {
  readonly order: 'newest';
  readonly limit: number;
  readonly clock: 'received' | undefined;
  readonly arm: 'incumbent' | 'candidate' | undefined;
  readonly labelled: 'true' | 'false' | undefined;
  readonly fault: 'true' | undefined;
  readonly version: number | undefined;
  readonly scoreMin: number | undefined;
  readonly scoreMax: number | undefined;
  readonly latencyMinUs: number | undefined;
  readonly id: string | undefined;
  readonly text: string | undefined;
  readonly instanceId: string | undefined;
  readonly from: number | undefined;
  readonly to: number | undefined;
}

const wholeFrom = (min: number, value: number | undefined): number | undefined =>
  value === undefined || value < min ? undefined : Math.floor(value);

/** What of the address makes no sense is left out: the server would refuse it. */
export function predictionQuery(view: ViewState): PredictionQuery {
  const arm = view.get('arm');
  const label = view.get('label');
  const q = view.get('q')?.trim() ?? '';
  const own = view.get('own') ?? '';
  const isId = /^prd_[0-9a-hjkmnp-tv-z]{0,26}$/.test(q);
  return {
    order: 'newest',
    limit: 50,
    clock: view.get('clock') === 'received' ? 'received' : undefined,
    arm: arm === 'incumbent' || arm === 'candidate' ? arm : undefined,
    labelled: label === 'yes' ? 'true' : label === 'no' ? 'false' : undefined,
    fault: view.get('faults') === 'yes' ? 'true' : undefined,
    version: wholeFrom(1, numberOf(view.get('version'))),
    scoreMin: numberOf(view.get('smin')),
    scoreMax: numberOf(view.get('smax')),
    latencyMinUs: wholeFrom(0, numberOf(view.get('lat'))),
    id: isId ? q : undefined,
    text: isId || q === '' ? undefined : q.slice(0, 200),
    instanceId: own === '' ? undefined : own.slice(0, 200),
    from: wholeFrom(0, ofField(view.get('from'))),
    to: wholeFrom(0, ofField(view.get('to'))),
  };
}

export const isFiltered = (view: ViewState): boolean => keys.some((key) => view.get(key) !== undefined);

/** As the command line takes it. */
export function flagsOf(query: PredictionQuery): string {
  const flags: readonly (readonly [flag: string, value: string | number | undefined])[] = [
    ['--arm', query.arm],
    ['--version', query.version],
    ['--score-min', query.scoreMin],
    ['--score-max', query.scoreMax],
    ['--latency-min', query.latencyMinUs],
    ['--id', query.id],
    ['--text', query.text === undefined ? undefined : quoted(query.text)],
    ['--instance-id', query.instanceId === undefined ? undefined : quoted(query.instanceId)],
    ['--from', query.from === undefined ? undefined : new Date(query.from).toISOString()],
    ['--to', query.to === undefined ? undefined : new Date(query.to).toISOString()],
  ];
  const given = flags.flatMap(([flag, value]) => (value === undefined ? [] : [` ${flag} ${value}`]));
  const labels = query.labelled === 'true' ? ' --labelled' : query.labelled === 'false' ? ' --unlabelled' : '';
  return `${given.join('')}${labels}${query.fault === undefined ? '' : ' --faults'}${query.clock === undefined ? '' : ' --received'}`;
}

/** For a shell. */
export const quoted = (text: string): string => `'${text.replaceAll("'", "'\\''")}'`;

/** What is typed is asked for when the typing pauses: a search may look at much of the log. */
const pauseMs = 300;

interface TypedInputProps extends Omit<InputHTMLAttributes<HTMLInputElement>, 'value' | 'onChange'> {
  readonly value: string;
  readonly commit: (value: string) => void;
}

function TypedInput({ value, commit, ...rest }: TypedInputProps): ReactElement {
  const [typed, setTyped] = useState<string | undefined>(undefined);
  useEffect(() => {
    if (typed === undefined) return undefined;
    const timer = setTimeout(() => {
      commit(typed);
      setTyped(undefined);
    }, pauseMs);
    return () => clearTimeout(timer);
    // Only typing starts the pause anew.
  }, [typed]);
  return <input {...rest} value={typed ?? value} onChange={(event) => setTyped(event.currentTarget.value)} />;
}

export function PredictionFilter({ view, versions }: { view: ViewState; versions: readonly number[] }): ReactElement {
  const field = (key: (typeof keys)[number]) => ({
    className: 'input',
    spellCheck: false,
    autoComplete: 'off',
    value: view.get(key) ?? '',
    commit: (value: string) => view.set({ [key]: value === '' ? undefined : value }),
  });
  const choice = (key: 'arm' | 'label', all: string) => ({
    value: view.get(key) ?? all,
    choose: (value: string) => view.set({ [key]: value === all ? undefined : value }),
  });
  return (
    <div className="range filters" role="search" aria-label="Filter predictions">
      <TypedInput
        {...field('q')}
        className="input wide-in"
        data-filter=""
        type="search"
        aria-label="Prediction id or text of the inputs"
        placeholder="prd_… or text of the inputs"
      />
      <TypedInput
        {...field('own')}
        type="search"
        aria-label="Your id: the id that the request had"
        placeholder="your id"
        title="The id that the request had, whole"
      />
      <Choice
        label="Who answered"
        options={[
          ['all', 'All'],
          ['incumbent', 'Incumbent'],
          ['candidate', 'Candidate'],
        ]}
        {...choice('arm', 'all')}
      />
      <Choice
        label="Label"
        options={[
          ['any', 'Any'],
          ['yes', 'Labelled'],
          ['no', 'Not yet'],
        ]}
        {...choice('label', 'any')}
      />
      <label>
        Version
        <select
          className="input"
          value={view.get('version') ?? ''}
          onChange={(event) =>
            view.set({ version: event.currentTarget.value === '' ? undefined : event.currentTarget.value })
          }
        >
          <option value="">any</option>
          {versions.map((version) => (
            <option key={version} value={version}>
              v{version}
            </option>
          ))}
        </select>
      </label>
      <label>
        Score from
        <TypedInput {...field('smin')} className="input num-in" inputMode="decimal" />
      </label>
      <label>
        to
        <TypedInput {...field('smax')} className="input num-in" inputMode="decimal" aria-label="Score up to" />
      </label>
      <label>
        Slower than
        <TypedInput
          {...field('lat')}
          className="input num-in"
          inputMode="numeric"
          aria-label="Slower than, microseconds"
        />
        µs
      </label>
      <label>
        From
        <TypedInput {...field('from')} type="datetime-local" aria-label="From, UTC" />
      </label>
      <label>
        to
        <TypedInput {...field('to')} type="datetime-local" aria-label="To, UTC" />
      </label>
      <label className="check">
        <input
          type="checkbox"
          checked={view.get('faults') === 'yes'}
          onChange={(event) => view.set({ faults: event.currentTarget.checked ? 'yes' : undefined })}
        />
        Faults only
      </label>
      {isFiltered(view) && (
        <button
          type="button"
          className="btn sm ghost"
          onClick={() => view.set(Object.fromEntries(keys.map((key) => [key, undefined])))}
        >
          Clear
        </button>
      )}
    </div>
  );
}

/** What a request to an endpoint carries: keys and inputs of its feature service, else the signature of its version. */
import type { Endpoint, ModelVersion, SeenInput, TrainedOn, VersionInputs } from '@slipway/contract';
import { useAsk } from '../../api/queries.ts';
import { count } from '../../words.ts';
import { outsideTraining } from './outside-training.ts';

export interface InputField {
  readonly name: string;
  readonly type: string;
}

export interface ModelInputs {
  /** Undefined while it is asked for; empty when nothing says what the model takes. */
  readonly fields: readonly InputField[] | undefined;
  readonly from: string;
  /** The feature state stands here: a read before it is refused. */
  readonly stateAt: number | undefined;
  /** What training saw of the fields, where they are the inputs of the version themselves. */
  readonly trained: ReadonlyMap<string, TrainedOn>;
}

const nothing: ReadonlyMap<string, TrainedOn> = new Map();

/** What the training of a version saw, by input. */
export const trainedOf = (found: VersionInputs | undefined): ReadonlyMap<string, TrainedOn> =>
  new Map(found?.inputs.flatMap(({ name, seen }) => (seen === undefined ? [] : [[name, seen] as const])));

function ofSignature(version: ModelVersion | undefined): readonly InputField[] {
  return (version?.signature?.inputs ?? []).flatMap(({ name, type }) =>
    typeof name === 'string' ? [{ name, type: typeof type === 'string' ? type : 'float' }] : [],
  );
}

export function useModelInputs(endpoint: Endpoint): ModelInputs {
  const { model, features } = endpoint.spec;
  const number = endpoint.deployment?.traffic[0]?.version;
  const version = useAsk(
    'models.getVersion',
    { params: { model, version: String(number ?? '') } },
    { enabled: number !== undefined },
  );
  const setName = version.data?.lineage.featureService?.set ?? features?.set;
  const set = useAsk('featureSets.get', { params: { set: setName ?? '' } }, { enabled: setName !== undefined });
  const inputs = useAsk(
    'models.inputs',
    { params: { model, version: String(number ?? '') } },
    { enabled: version.data !== undefined && setName === undefined },
  );
  if (setName !== undefined) {
    return {
      fields: set.error === null ? set.data?.inputs : [],
      from: `from the features of ${setName}`,
      stateAt: set.data?.state.nowAt,
      trained: nothing,
    };
  }
  const isKnown = version.data !== undefined || version.error !== null;
  return {
    fields: isKnown ? ofSignature(version.data) : undefined,
    from: `from the signature of v${number ?? ''}`,
    stateAt: undefined,
    trained: trainedOf(inputs.data),
  };
}

export type InputValue = string | number | boolean | null;

const numeric = /^(int|float|double|long|integer|number)/;

/** What was typed as the type wants it; undefined when left empty, a text that says what is wrong when it does not fit. */
export function valueOf(field: InputField, typed: string): { readonly value?: InputValue; readonly problem?: string } {
  const text = typed.trim();
  if (text === '') return {};
  if (field.type === 'time') {
    const at = /^\d+$/.test(text) ? Number(text) : Date.parse(text);
    return Number.isNaN(at) ? { problem: 'An instant such as 2013-07-01T13:00:00Z' } : { value: at };
  }
  if (numeric.test(field.type)) {
    const number = Number(text);
    if (Number.isNaN(number)) return { problem: 'A number' };
    return field.type.startsWith('int') && !Number.isInteger(number)
      ? { problem: 'A whole number' }
      : { value: number };
  }
  if (field.type === 'bool' || field.type === 'boolean') return { value: text === 'true' };
  return { value: typed };
}

/** A logged value as the form shows it. */
export const typedOf = (field: InputField, value: InputValue | undefined): string =>
  value === undefined || value === null
    ? ''
    : field.type === 'time' && typeof value === 'number'
      ? new Date(value).toISOString()
      : String(value);

interface Known {
  readonly trained: TrainedOn | undefined;
  readonly seen: SeenInput | undefined;
  /** Logged requests that ranges were made from. */
  readonly rows: number;
}

/** What is unusual about a value beside the logged requests; it is sent all the same. */
export function warningOf(
  field: InputField,
  value: InputValue | undefined,
  { trained, seen, rows }: Known,
): string | undefined {
  const outside = field.type === 'time' ? undefined : outsideTraining(value ?? null, trained);
  if (outside !== undefined) return `${outside}. Sent all the same.`;
  if (seen === undefined) return undefined;
  const of = `of the last ${count(rows)} requests`;
  if (value === undefined || value === null) return seen.missing === 0 ? `Not set: each ${of} had it.` : undefined;
  // Time goes on: a later one is nothing unusual.
  if (field.type !== 'time' && typeof value === 'number' && seen.min !== undefined && seen.max !== undefined) {
    if (value < seen.min) return `Below ${seen.min}, the lowest ${of}. Sent all the same.`;
    if (value > seen.max) return `Above ${seen.max}, the highest ${of}. Sent all the same.`;
  }
  const isText = typeof value === 'string' || typeof value === 'boolean';
  if (isText && seen.isWhole && seen.values.length > 0 && !seen.values.some((known) => known.value === value))
    return `In none ${of}. Sent all the same.`;
  return undefined;
}

/** `31 to 84`, or a few of the texts. */
export function seenWords(field: InputField, seen: SeenInput | undefined): string | undefined {
  if (seen === undefined) return undefined;
  const { min, max, values } = seen;
  if (min !== undefined && max !== undefined)
    return field.type === 'time' ? new Date(max).toISOString() : `${min} to ${max}`;
  return values.length === 0
    ? undefined
    : values
        .slice(0, 4)
        .map(({ value }) => String(value))
        .join(', ');
}

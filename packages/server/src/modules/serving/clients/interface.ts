/** What an endpoint takes and answers, from what is loaded, what was registered with it, and what it was trained on. */
import type { EndpointInterface, FeatureSet, ModelVersion } from '@slipway/contract';
import { SlipwayError } from '@slipway/contract';
import { z } from 'zod';
import type { Arm } from '../endpoint-runtime.ts';
import { createScoringPort } from '../scoring-port.ts';
import type { Serving } from '../service.ts';

export type InputType = EndpointInterface['inputs'][number]['type'];
export type Sample = EndpointInterface['sample'];
type Cell = Sample['inputs'][string];

export interface InterfaceDeps {
  readonly serving: Pick<Serving, 'runtime' | 'predict' | 'settled' | 'predictions'>;
  readonly getVersion: (model: string, version: string) => Promise<ModelVersion>;
  readonly getFeatureSet: (set: string) => Promise<Pick<FeatureSet, 'inputs' | 'definition'>>;
  readonly now: () => number;
  /** The first rows of a dataset version; throws where it has no such columns. */
  readonly readRows: (
    dataset: string,
    version: string,
    columns: readonly string[],
  ) => Promise<readonly Readonly<Record<string, unknown>>[]>;
}

/** A state that was read or given rows so recently is in use. */
const liveMs = 3_600_000;

export interface InterfaceReader {
  /** Throws `not_found`, `endpoint_not_deployed`. `mayReadData`: a row of training data may be the sample. */
  read(endpoint: string, options: { readonly mayReadData: boolean }): Promise<EndpointInterface>;
}

export function createInterfaceReader(deps: InterfaceDeps): InterfaceReader {
  const { serving } = deps;
  const scoring = createScoringPort(serving);
  return {
    read: async (endpoint, { mayReadData }) => {
      const runtime = serving.runtime(endpoint);
      const { columns, usesFeatures, detailNames, versions, model } = scoring.inputs(endpoint);
      const [version] = versions;
      const arm = version === undefined ? undefined : runtime.arms.get(version);
      if (version === undefined || arm === undefined) throw new SlipwayError('endpoint_not_deployed', { endpoint });
      const registered = await deps.getVersion(model, String(version));
      const service = registered.lineage.featureService ?? runtime.spec.features;
      const set = usesFeatures && service !== undefined ? await deps.getFeatureSet(service.set) : undefined;
      const named = set?.inputs ?? [];
      const types = signatureTypes(registered);
      const inputs = [
        ...named.map(({ name, type }) => ({ name, type: featureType(type) })),
        ...columns
          .filter(({ name }) => !named.some((input) => input.name === name))
          .map(({ name, type, isDate }) => ({
            name,
            type: isDate === true ? ('instant' as const) : (types.get(name) ?? type),
          })),
      ];
      const logged = await newestInputs(serving, endpoint, inputs);
      const sample = logged ??
        (mayReadData
          ? await datasetRow(deps, registered, { inputs, columns: inputColumns(set, service?.service) })
          : undefined) ?? {
          inputs: byType(inputs),
          from: 'types',
        };
      const at = arm.features === undefined ? {} : sampleAt(arm.features.stateAt(), deps.now());
      return {
        endpoint,
        model,
        version,
        inputs,
        usesFeatures,
        answer: answerOf(arm, detailNames),
        sample: { ...sample, ...at },
      };
    },
  };
}

/** A state that follows the clock is asked as of now: by the time that somebody sends the row it has moved on. */
const sampleAt = (stateAt: number, now: number): { readonly at?: number } =>
  stateAt <= now && stateAt > now - liveMs ? {} : { at: stateAt };

/** What a registered signature says beyond number and text; a loaded column that is a number may be a boolean there. */
function signatureTypes({ signature }: ModelVersion): Map<string, InputType> {
  const types = new Map<string, InputType>();
  for (const { name, type } of signature?.inputs ?? []) {
    if (typeof name !== 'string' || typeof type !== 'string') continue;
    if (type === 'boolean') types.set(name, 'boolean');
    if (type === 'datetime') types.set(name, 'instant');
  }
  return types;
}

function featureType(type: string): InputType {
  if (type === 'time' || type === 'timestamp') return 'instant';
  if (type === 'bool' || type === 'boolean') return 'boolean';
  return /^(?:int|float|double|number)/.test(type) ? 'number' : 'text';
}

function answerOf({ scorer }: Arm, names: { readonly kind: string; readonly names: readonly string[] } | undefined) {
  if (names?.kind === 'classes') return { kind: 'classes' as const, classes: [...names.names] };
  if (names?.kind === 'quantiles') return { kind: 'quantiles' as const, levels: [...names.names] };
  if (scorer.isNumber) return { kind: 'number' as const };
  const of = scorer.classes?.[1];
  return { kind: 'probability' as const, ...(of === undefined ? {} : { of }) };
}

type Inputs = EndpointInterface['inputs'];

async function newestInputs(
  serving: Pick<Serving, 'predictions'>,
  endpoint: string,
  inputs: Inputs,
): Promise<Sample | undefined> {
  const newest = { clock: 'received', order: 'newest', from: 0, to: Infinity, filter: {}, limit: 1 } as const;
  const [logged] = (await serving.predictions(endpoint, newest)).items;
  // One of a version with other inputs is no sample of this one.
  if (logged === undefined || inputs.some(({ name }) => logged.inputs[name] === undefined)) return undefined;
  return {
    inputs: Object.fromEntries(inputs.map(({ name }) => [name, logged.inputs[name] ?? null])),
    from: 'prediction',
    source: logged.id,
  };
}

/** What is read of a definition: from which columns of their table a service's training rows have their inputs. */
const RowInputs = z.object({
  services: z.record(
    z.string(),
    z.object({
      rows: z.object({ keys: z.record(z.string(), z.string()), request: z.record(z.string(), z.string()) }).optional(),
    }),
  ),
});

/** By input, where the definition takes it from a column under another name as it is. */
function inputColumns(
  set: Pick<FeatureSet, 'definition'> | undefined,
  service: string | undefined,
): ReadonlyMap<string, string> {
  const rows = RowInputs.safeParse(set?.definition).data?.services[service ?? '']?.rows;
  const columns = new Map<string, string>();
  for (const [input, expression] of Object.entries({ ...rows?.keys, ...rows?.request })) {
    const [, quoted, bare] = /^(?:"([^"]+)"|([A-Za-z_]\w*))$/.exec(expression) ?? [];
    const column = quoted ?? bare;
    if (column !== undefined) columns.set(input, column);
  }
  return columns;
}

/** Of the first rows the one with the fewest missing values. */
async function datasetRow(
  deps: InterfaceDeps,
  version: ModelVersion,
  { inputs, columns }: { readonly inputs: Inputs; readonly columns: ReadonlyMap<string, string> },
): Promise<Sample | undefined> {
  const columnOf = (name: string): string => columns.get(name) ?? name;
  for (const { dataset, number } of version.lineage.datasetVersions ?? []) {
    let rows: readonly Readonly<Record<string, unknown>>[];
    try {
      rows = await deps.readRows(
        dataset,
        String(number),
        inputs.map(({ name }) => columnOf(name)),
      );
    } catch (error) {
      // A dataset that is gone, or has other columns than the model's inputs: it is no place to look for one.
      if (error instanceof SlipwayError && error.status < 500) continue;
      throw error;
    }
    let best: Sample['inputs'] | undefined;
    let fewest = Infinity;
    for (const row of rows) {
      const cells = Object.fromEntries(inputs.map(({ name, type }) => [name, cellOf(row[columnOf(name)], type)]));
      const missing = Object.values(cells).filter((cell) => cell === null).length;
      if (missing < fewest) [best, fewest] = [cells, missing];
    }
    if (best !== undefined) return { inputs: best, from: 'dataset', source: `${dataset}@${number}` };
  }
  return undefined;
}

/** Values of rows are JSON: nested ones are no input. */
function cellOf(value: unknown, type: InputType): Cell {
  if (value === '' || (typeof value !== 'string' && typeof value !== 'number' && typeof value !== 'boolean'))
    return null;
  switch (type) {
    case 'number': {
      const number = Number(value);
      return Number.isFinite(number) ? number : null;
    }
    case 'boolean':
      return typeof value === 'boolean' ? value : /^(?:true|1|yes)$/i.test(String(value));
    case 'instant':
      return typeof value === 'number' ? value : String(value);
    case 'text':
      return String(value).slice(0, textMax);
  }
}

/** As a request takes it. */
const textMax = 2000;
const byTypes: Readonly<Record<InputType, Cell>> = {
  number: 1,
  text: 'text',
  boolean: true,
  instant: '2024-01-01T00:00:00Z',
};

const byType = (inputs: Inputs): Sample['inputs'] =>
  Object.fromEntries(inputs.map(({ name, type }) => [name, byTypes[type]]));

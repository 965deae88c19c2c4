/** MLflow's names of things that can be searched and sorted, translated to ours. The grammar is the same. */
import type {
  Comparison,
  Filter,
  FilterLanguage,
  FilterTest,
  OrderKey,
} from '../../lib/search-filter/search-filter.ts';
import { filterError, parseFilter, parseOrderKey } from '../../lib/search-filter/search-filter.ts';
import { invalidParameter } from './errors.ts';
import { experimentIdFromWire, modelIdFromWire, runIdFromWire } from './ids.ts';

const attributeWords = { attributes: 'attribute', attribute: 'attribute', attr: 'attribute', run: 'attribute' };
const languages = {
  run: {
    entities: {
      ...attributeWords,
      metrics: 'metric',
      metric: 'metric',
      params: 'param',
      param: 'param',
      parameters: 'param',
      parameter: 'param',
      tags: 'tag',
      tag: 'tag',
      datasets: 'dataset',
      dataset: 'dataset',
    },
    defaultEntity: 'attribute',
  },
  named: { entities: { ...attributeWords, tags: 'tag', tag: 'tag' }, defaultEntity: 'attribute' },
} as const satisfies Record<string, FilterLanguage>;

/** One attribute: our name, and how its values are spelled here. */
interface Attribute {
  readonly key: string;
  readonly value?: (wire: string) => string;
}
type Attributes = Readonly<Record<string, Attribute>>;

// A value that is no id matches nothing: an id that is never given stands for it.
const none = '-';
const runId: Attribute = { key: 'id', value: (wire) => runIdFromWire(wire) ?? none };
const name: Attribute = { key: 'name' };

const runAttributes: Attributes = {
  run_id: runId,
  run_name: name,
  'run name': name,
  'Run name': name,
  'Run Name': name,
  user_id: { key: 'user' },
  status: { key: 'status', value: (wire) => wire.toLowerCase() },
  start_time: { key: 'startedAt' },
  created: { key: 'startedAt' },
  Created: { key: 'startedAt' },
  end_time: { key: 'endedAt' },
};
const experimentAttributes: Attributes = {
  name,
  experiment_id: { key: 'id', value: (wire) => experimentIdFromWire(wire) ?? none },
  creation_time: { key: 'createdAt' },
  last_update_time: { key: 'updatedAt' },
};
const modelAttributes: Attributes = { name };
const modelOrders: Attributes = { name, timestamp: { key: 'updatedAt' }, last_updated_timestamp: { key: 'updatedAt' } };
const versionAttributes: Attributes = {
  name,
  version_number: { key: 'number' },
  run_id: { key: 'runId', value: (wire) => runIdFromWire(wire) ?? none },
  source_path: { key: 'source' },
};
const versionOrders: Attributes = {
  name,
  version_number: { key: 'number' },
  creation_timestamp: { key: 'createdAt' },
  last_updated_timestamp: { key: 'updatedAt' },
};
const loggedModelAttributes: Attributes = {
  name,
  model_id: { key: 'id', value: (wire) => modelIdFromWire(wire) ?? none },
  model_type: { key: 'modelType' },
  source_run_id: { key: 'runId', value: (wire) => runIdFromWire(wire) ?? none },
  status: { key: 'status', value: (wire) => wire.toLowerCase().replace('upload_failed', 'failed') },
  creation_timestamp: { key: 'createdAt' },
  creation_time: { key: 'createdAt' },
  last_updated_timestamp: { key: 'updatedAt' },
};

function translateTest(test: FilterTest, translate: ((wire: string) => string) | undefined): FilterTest {
  const one = (value: string | number): string | number =>
    typeof value === 'string' && translate ? translate(value) : value;
  if ('values' in test) return { op: test.op, values: test.values.map(one) };
  return 'value' in test ? { op: test.op, value: one(test.value) } : test;
}

function translate(filter: Filter, text: string, attributes: Attributes): Filter {
  const one = (comparison: Comparison): Comparison => {
    if (comparison.entity === 'dataset' && comparison.key === 'context')
      return { ...comparison, key: 'tag.mlflow.data.context' };
    if (comparison.entity !== 'attribute') return comparison;
    const attribute = Object.hasOwn(attributes, comparison.key) ? attributes[comparison.key] : undefined;
    if (attribute === undefined) {
      throw filterError(
        text,
        comparison.position,
        `Invalid attribute key '${comparison.key}' specified. Valid keys are ${Object.keys(attributes).join(', ')}`,
      );
    }
    return { ...comparison, key: attribute.key, test: translateTest(comparison.test, attribute.value) };
  };
  const walk = (part: Filter): Filter => {
    if (part.kind === 'comparison') return one(part);
    if (part.kind === 'not') return { kind: 'not', part: walk(part.part) };
    return { kind: part.kind, parts: part.parts.map(walk) };
  };
  return walk(filter);
}

function translateOrder(text: string, language: FilterLanguage, attributes: Attributes): OrderKey {
  const order = parseOrderKey(text, language);
  if (order.entity !== 'attribute') return order;
  const attribute = Object.hasOwn(attributes, order.key) ? attributes[order.key] : undefined;
  if (attribute === undefined)
    throw invalidParameter(
      `Invalid order_by key '${order.key}' specified. Valid keys are ${Object.keys(attributes).join(', ')}`,
    );
  return { ...order, key: attribute.key };
}

const reader =
  (language: FilterLanguage, attributes: Attributes) =>
  (text: string): Filter | undefined => {
    const filter = parseFilter(text, language);
    return filter && translate(filter, text, attributes);
  };
const orderReader =
  (language: FilterLanguage, attributes: Attributes) =>
  (texts: readonly string[]): OrderKey[] =>
    texts.filter((text) => text.trim() !== '').map((text) => translateOrder(text, language, attributes));

export const runFilter = reader(languages.run, runAttributes);
export const runOrder = orderReader(languages.run, runAttributes);
export const experimentFilter = reader(languages.named, experimentAttributes);
export const experimentOrder = orderReader(languages.named, experimentAttributes);
export const modelFilter = reader(languages.named, modelAttributes);
export const modelOrder = orderReader(languages.named, modelOrders);
export const versionFilter = reader(languages.named, versionAttributes);
export const versionOrder = orderReader(languages.named, versionOrders);
export const loggedModelFilter = reader(languages.run, loggedModelAttributes);

const promptTag = 'mlflow.prompt.is_prompt';

const isPrompt: Comparison = {
  kind: 'comparison',
  entity: 'tag',
  key: promptTag,
  test: { op: '=', value: 'true' },
  position: 0,
};
const isNoPrompt: Filter = { kind: 'not', part: isPrompt };

/**
 * Prompts are registered models with a tag; they stay out of a search that does not ask for them. The client says so
 * itself with `!= 'true'`, which here, and nowhere else, includes what lacks the tag.
 */
export function withoutPrompts(filter: Filter | undefined): Filter {
  if (filter === undefined) return isNoPrompt;
  const replaced = replacePrompts(filter);
  return mentionsPrompts(filter) ? replaced : { kind: 'and', parts: [replaced, isNoPrompt] };
}

const isPromptTag = (filter: Filter): filter is Comparison =>
  filter.kind === 'comparison' && filter.entity === 'tag' && filter.key === promptTag;

function replacePrompts(filter: Filter): Filter {
  if (filter.kind === 'comparison') return isPromptTag(filter) && filter.test.op === '!=' ? isNoPrompt : filter;
  if (filter.kind === 'not') return { kind: 'not', part: replacePrompts(filter.part) };
  return { kind: filter.kind, parts: filter.parts.map(replacePrompts) };
}

function mentionsPrompts(filter: Filter): boolean {
  if (filter.kind === 'comparison') return isPromptTag(filter);
  return filter.kind === 'not' ? mentionsPrompts(filter.part) : filter.parts.some(mentionsPrompts);
}

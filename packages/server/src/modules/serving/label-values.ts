/** Labels as people say them, and as they are kept: a number, which for classes is the place among the model's. */
import type { PredictionRecord } from '@slipway/contract';
import { SlipwayError } from '@slipway/contract';
import type { EndpointRuntime } from './endpoint-runtime.ts';
import type { Label } from './label-store.ts';
import type { GivenLabel } from './label-targets.ts';
import { nameOfLabel } from './label-targets.ts';
import type { Scorer } from './scorer.ts';

/** Classes that a message names. */
const classesShown = 20;
const booleans: ReadonlyMap<string, string> = new Map([
  ['true', '1'],
  ['false', '0'],
]);

/**
 * By the version that takes traffic; versions of one endpoint have the same classes. Of two classes 0 and 1 stand for them too, 1
 * for the positive one. Throws `label_invalid`.
 */
export function labelValues(
  name: string,
  endpoint: Pick<EndpointRuntime, 'traffic' | 'arms'> | undefined,
  given: readonly GivenLabel[],
): GivenLabel<number>[] {
  const first = endpoint?.traffic[0]?.version;
  const scorer = first === undefined ? undefined : endpoint?.arms.get(first)?.scorer;
  return given.map((label) => {
    const found = valueOf(label.value, scorer);
    if (typeof found === 'number') return { ...label, value: found };
    throw new SlipwayError('label_invalid', { prediction: nameOfLabel(label), endpoint: name, problem: found.problem });
  });
}

/** A kept label as people read it: of classes the word, by the version that answered, or where that is gone by the one that takes traffic. */
export function labelRead(
  { arms, traffic }: Pick<EndpointRuntime, 'arms' | 'traffic'>,
  version: number,
  { value, at }: Label,
): NonNullable<PredictionRecord['label']> {
  const { scorer } = arms.get(version) ?? arms.get(traffic[0]?.version ?? 0) ?? {};
  const name = scorer?.classes?.[value];
  return { value, ...(name === undefined ? {} : { class: name }), at };
}

function valueOf(
  value: number | string,
  scorer: Pick<Scorer, 'classes' | 'isNumber'> | undefined,
): number | { readonly problem: string } {
  const { classes, isNumber = false } = scorer ?? {};
  if (classes === undefined) {
    if (typeof value === 'number') return value;
    const why = isNumber ? 'its model predicts numbers' : 'it has no model with named classes';
    return { problem: `it is the text "${value}", and ${why}. Give a number.` };
  }
  // A model that learnt from a column of booleans knows them as 0 and 1; files of outcomes have their words.
  const isBoolean = classes.length === 2 && classes.every((name) => String(name) === '0' || String(name) === '1');
  const word = (isBoolean ? booleans.get(String(value).toLowerCase()) : undefined) ?? String(value);
  const place = classes.findIndex((name) => String(name) === word);
  if (place >= 0) return place;
  if (classes.length === 2 && (value === 0 || value === 1)) return value;
  const known = classes.slice(0, classesShown).join(', ') + (classes.length > classesShown ? ', ...' : '');
  return { problem: `"${value}" is no class of its model; the classes are ${known}.` };
}

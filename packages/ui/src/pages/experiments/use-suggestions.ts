/** What may stand at the caret: keys from the experiment's catalogue, operators of the field, values that runs have. */
import { useAsk } from '../../api/queries.ts';
import type { Completion, FieldPart } from './completion.ts';
import { attributes, fieldPart, operatorsOf, quotedText, unquotedText } from './completion.ts';
import { fieldOf } from './values.ts';

export interface Suggestion {
  readonly label: string;
  readonly insert: string;
  readonly what: string;
}

const shownMax = 12;
const statuses = ['running', 'scheduled', 'finished', 'failed', 'killed'];
const nothing: Completion = { from: 0, typed: '', wants: 'connective' };

const word = (text: string, what: string): Suggestion => ({ label: text, insert: `${text} `, what });
const begins =
  (typed: string) =>
  (suggestion: Suggestion): boolean =>
    suggestion.label.toLowerCase().startsWith(typed.toLowerCase()) && suggestion.label !== typed;

export function useSuggestions(
  completion: Completion | undefined,
  experiment: string | undefined,
): readonly Suggestion[] {
  const { wants, typed, field } = completion ?? nothing;
  const keys = useKeys(wants === 'field' ? typed : undefined, experiment);
  const values = useValues(wants === 'value' ? field : undefined, typed, experiment);
  if (completion === undefined) return [];
  switch (wants) {
    case 'field': {
      const named = attributes.map(({ key }) => word(key, 'attribute')).filter(begins(typed));
      return [...(fieldPart(typed).kind === 'attribute' ? named : []), ...keys].slice(0, shownMax);
    }
    case 'operator':
      return operatorsOf(field)
        .map((operator) => word(operator, 'operator'))
        .filter(begins(typed));
    case 'value':
      return values.filter((s) => s.label !== typed).slice(0, shownMax);
    case 'connective':
      return typed === '' && completion.from === 0
        ? []
        : [word('and', 'both'), word('or', 'either')].filter(begins(typed));
  }
}

const kindsOf = (typed: string): FieldPart => fieldPart(typed);

/** Keys that begin as typed; where there are few, those that have it anywhere. */
function useKeys(typed: string | undefined, experiment: string | undefined): readonly Suggestion[] {
  const { kind, key } = kindsOf(typed ?? '');
  const of = {
    limit: shownMax,
    ...(experiment === undefined ? {} : { experiment }),
    ...(kind === 'attribute' ? {} : { kind }),
  };
  const enabled = typed !== undefined && !key.includes(',');
  const prefixed = useAsk(
    'runs.keys',
    { query: { ...of, ...(key === '' ? {} : { prefix: key }) } },
    { enabled, keep: true },
  );
  const isShort = (prefixed.data?.items.length ?? shownMax) < shownMax / 2;
  const within = useAsk(
    'runs.keys',
    { query: { ...of, contains: key } },
    { enabled: enabled && key !== '' && isShort, keep: true },
  );
  if (!enabled) return [];
  const items = [...(prefixed.data?.items ?? []), ...(isShort && key !== '' ? (within.data?.items ?? []) : [])];
  const fields = items
    .filter((item) => item.key.toLowerCase().includes(key.toLowerCase()))
    .map((item) => word(fieldOf(`${item.kind}s`, item.key), item.kind));
  return fields.filter((one, i) => one.label !== typed && fields.findIndex((other) => other.label === one.label) === i);
}

function useValues(field: FieldPart | undefined, typed: string, experiment: string | undefined): readonly Suggestion[] {
  const prefix = unquotedText(typed);
  const kind = field?.kind === 'tag' ? 'tag' : 'param';
  const isStored = field?.kind === 'tag' || field?.kind === 'param';
  const enabled = isStored && prefix.length <= 64;
  const found = useAsk(
    'runs.values',
    {
      query: {
        ...(experiment === undefined ? {} : { experiment }),
        kind,
        key: field?.key ?? '',
        prefix,
        limit: shownMax,
      },
    },
    { enabled, keep: true },
  );
  if (field?.kind === 'attribute' && field.key === 'status')
    return statuses.filter((s) => s.startsWith(prefix)).map((s) => word(quotedText(s), 'status'));
  if (!enabled) return [];
  return (found.data?.items ?? [])
    .filter((value) => value.startsWith(prefix))
    .map((value) => word(quotedText(value), `value of ${field.key}`));
}

/** What a version takes and gives: each input with its type and what training saw of it. */
import type { ModelVersion, VersionInput, VersionInputs } from '@slipway/contract';
import type { ReactElement, ReactNode } from 'react';
import { Link } from 'react-router';
import { useAsk } from '../../api/queries.ts';
import { Panel } from '../../components/layout.tsx';
import { EmptyState, Loaded } from '../../components/states.tsx';
import { to } from '../../frame/places.ts';
import { count, figure, fullInstant, percent, plural } from '../../words.ts';
import { spokenExpression } from '../features/facts.ts';

export function Signature({ version }: { version: ModelVersion }): ReactElement {
  const inputs = useAsk('models.inputs', {
    params: { model: version.model, version: String(version.number) },
  });
  return (
    <Panel title="Signature" caption={captionOf(version, inputs.data)} flush actions={<Service version={version} />}>
      <Loaded query={inputs} lines={6}>
        {(found) => <Fields version={version} found={found} />}
      </Loaded>
    </Panel>
  );
}

function captionOf({ signature }: ModelVersion, found: VersionInputs | undefined): string | undefined {
  if (found === undefined) return undefined;
  const outputs = signature?.outputs?.length ?? 0;
  const sides = `${count(found.inputs.length)} in${outputs === 0 ? '' : `, ${outputs} out`}`;
  return found.rows === undefined ? sides : `${sides}; seen in ${plural(found.rows, 'training row')}`;
}

function Service({ version: { lineage } }: { version: ModelVersion }): ReactNode {
  const { featureService } = lineage;
  if (featureService === undefined) return null;
  const { set, service } = featureService;
  return (
    <Link to={to.featureSet(set)}>
      {set}/{service}
    </Link>
  );
}

type Field = NonNullable<NonNullable<ModelVersion['signature']>['inputs']>[number];

function Fields({ version, found }: { version: ModelVersion; found: VersionInputs }): ReactElement {
  const { inputs: signed = [], outputs = [], params = [] } = version.signature ?? {};
  // Tensors without a name stand in the signature alone.
  const unnamed = signed.filter((field) => typeof field['name'] !== 'string');
  const others = [
    ...unnamed.map((field) => ({ side: 'in', field })),
    ...outputs.map((field) => ({ side: 'out', field })),
    ...params.map((field) => ({ side: 'param', field })),
  ];
  if (found.inputs.length === 0 && others.length === 0) {
    return (
      <EmptyState title="No signature">
        It was registered without one; an MLmodel file would bring it along, and a training step that names its
        features.
      </EmptyState>
    );
  }
  const hasExpressions = found.inputs.some((input) => input.expression !== undefined);
  return (
    <div className="scroll signature" tabIndex={0} role="region" aria-label="Fields of the signature">
      <table className="tbl top0" aria-label="Signature">
        <thead>
          <tr>
            <th scope="col">Input</th>
            <th scope="col">Type</th>
            <th scope="col">Seen in training</th>
            <th scope="col" className="num">
              Missing
            </th>
            {hasExpressions && <th scope="col">Made by</th>}
          </tr>
        </thead>
        <tbody>
          {found.inputs.map((input) => (
            <tr key={input.name}>
              <td className="mono">{input.name}</td>
              <td className="mono t2">{inputType(input)}</td>
              <td>{seenOf(input)}</td>
              <td className="num t2">{missingOf(input, found.rows)}</td>
              {hasExpressions && (
                <td className="mono t2">{input.expression === undefined ? '' : spokenExpression(input.expression)}</td>
              )}
            </tr>
          ))}
          {others.map(({ side, field }, i) => (
            <tr key={`${side} ${i}`}>
              <td className="mono">
                {textOf(field['name']) ?? <span className="t3">no name</span>} <span className="t3">{side}</span>
              </td>
              <td className="mono t2">{typeOf(field)}</td>
              <td />
              <td />
              {hasExpressions && <td />}
            </tr>
          ))}
        </tbody>
      </table>
    </div>
  );
}

/** `double?` where it was missing in training, or may be left out. */
const inputType = ({ type, isRequired, seen }: VersionInput): string =>
  `${type ?? 'not set'}${isRequired === false || (seen?.missing ?? 0) > 0 ? '?' : ''}`;

function seenOf({ seen, type = '' }: VersionInput): ReactNode {
  if (seen === undefined) return <span className="t3">not kept</span>;
  const { min, max, distinct, values = [] } = seen;
  if (min !== undefined && max !== undefined) {
    const write = /^(timestamp|date)/.test(type) ? fullInstant : figure;
    return `${write(min)} to ${write(max)}`;
  }
  if (distinct === undefined) return <span className="t3">never set</span>;
  const named = values.join(', ');
  return distinct <= values.length ? named : `${count(distinct)} values: ${named} …`;
}

function missingOf({ seen }: VersionInput, rows: number | undefined): ReactNode {
  if (seen === undefined || rows === undefined || rows === 0) return '';
  if (seen.missing === 0) return '0';
  const share = seen.missing / rows;
  return share < 0.001 ? 'under 0.1 %' : percent(share, 1);
}

const textOf = (value: unknown): string | undefined => (typeof value === 'string' ? value : undefined);

/** `double`, `long?` where it may be missing, `float32 [-1, 1]` of a tensor. */
function typeOf(field: Field): string {
  const tensor = field['tensor-spec'];
  if (typeof tensor === 'object' && tensor !== null && !Array.isArray(tensor)) {
    return `${textOf(tensor['dtype']) ?? 'tensor'} ${JSON.stringify(tensor['shape'] ?? [])}`;
  }
  return `${textOf(field['type']) ?? 'not set'}${field['required'] === false ? '?' : ''}`;
}

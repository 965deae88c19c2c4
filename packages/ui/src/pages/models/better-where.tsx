/** Where this version ranks better than the other: the gain for all pairs and for each value of a text of the requests. */
import type { Endpoint, VersionSegments } from '@slipway/contract';
import type { ReactElement } from 'react';
import { useAsk } from '../../api/queries.ts';
import { Panel } from '../../components/layout.tsx';
import { EmptyState, Loaded } from '../../components/states.tsx';
import type { Arm } from '../../components/status.tsx';
import type { ViewState } from '../../components/use-view-state.ts';
import { count, percent, signed } from '../../words.ts';
import { pairsOf } from './against-choice.ts';

interface BetterWhereProps {
  readonly endpoint: Endpoint;
  readonly subject: number;
  readonly other: number;
  readonly arms: { readonly subject: Arm; readonly other: Arm };
  readonly view: ViewState;
}

export function BetterWhere({ endpoint, subject, other, arms, view }: BetterWhereProps): ReactElement {
  const by = view.get('segment');
  const { params, query } = pairsOf(endpoint, { champion: other, challenger: subject });
  const segments = useAsk(
    'monitoring.segments',
    { params, query: { ...query, ...(by === undefined ? {} : { by }) } },
    { keep: true },
  );
  const columns = segments.data?.columns ?? [];
  const body =
    segments.error !== null && segments.error.status < 500 ? (
      <EmptyState title="Not measured">{segments.error.message}</EmptyState>
    ) : (
      <Loaded query={segments} lines={5}>
        {(found) => <Forest found={found} arm={arms.subject} />}
      </Loaded>
    );
  return (
    <Panel
      title="Better where?"
      caption={`AUC gain over v${other}`}
      flush
      actions={
        columns.length > 1 && (
          <select
            className="input against"
            aria-label="Segments by"
            value={segments.data?.by ?? ''}
            onChange={(event) => view.set({ segment: event.target.value })}
          >
            {columns.map((column) => (
              <option key={column} value={column}>
                by {column}
              </option>
            ))}
          </select>
        )
      }
    >
      {body}
    </Panel>
  );
}

type Gain = NonNullable<VersionSegments['all']['dAuc']>;

interface Scale {
  readonly low: number;
  readonly high: number;
}

/** Holds zero and every interval. */
function scaleOf(gains: readonly Gain[]): Scale {
  const ends = gains.flatMap(({ value, low, high }) => [value, low ?? value, high ?? value]);
  const [low, high] = [Math.min(0, ...ends), Math.max(0, ...ends)];
  const pad = (high - low || 0.01) * 0.06;
  return { low: low - pad, high: high + pad };
}

function Forest({ found, arm }: { found: VersionSegments; arm: Arm }): ReactElement {
  const { all, segments, by, otherCount } = found;
  const gains = [all, ...segments].flatMap(({ dAuc }) => (dAuc === undefined ? [] : [dAuc]));
  const scale = scaleOf(gains);
  const looks = segments.filter((one) => one.dAuc !== undefined).length;
  return (
    <>
      <p className="padded sm">{sentenceOf(found)}</p>
      <div className="scroll" tabIndex={0} role="region" aria-label="Gain by segment">
        <table className="tbl top0 forest-table" aria-label={`AUC gain by ${by ?? 'segment'}`}>
          <thead>
            <tr>
              <th scope="col">{by ?? 'Segment'}</th>
              <th scope="col" className="num">
                Pairs
              </th>
              <th scope="col">
                <span className="sr">Drawn</span>
              </th>
              <th scope="col" className="num">
                Gain, 95 % interval
              </th>
            </tr>
          </thead>
          <tbody>
            <Row name={<b>All of them</b>} count={all.count} gain={all.dAuc} scale={scale} arm={arm} />
            {segments.map((one) => (
              <Row
                key={one.value ?? ''}
                name={one.value ?? <span className="t3">not set</span>}
                count={one.count}
                gain={one.dAuc}
                scale={scale}
                arm={arm}
              />
            ))}
          </tbody>
        </table>
      </div>
      <p className="padded xs t3">
        {looks > 1 && `Intervals of the ${looks} segments hold together (each ${percent(found.level, 1)}). `}
        Paired by prediction, days kept together.{' '}
        {found.minimumDetectableAuc !== null &&
          `The smallest gain that these ${count(all.count)} pairs show: ${found.minimumDetectableAuc.toFixed(3)}.`}
        {otherCount > 0 && ` ${count(otherCount)} pairs have other values.`}
      </p>
    </>
  );
}

const isAbove = ({ low }: Gain): boolean => (low ?? 0) > 0;
const isBelow = ({ high }: Gain): boolean => (high ?? 0) < 0;

function sentenceOf({ all, segments, challenger, champion, by }: VersionSegments): string {
  if (all.dAuc === undefined) return `Too few pairs of both outcomes to say: ${count(all.count)}.`;
  const { dAuc } = all;
  const whole = isAbove(dAuc)
    ? `v${challenger} ranks better than v${champion}`
    : isBelow(dAuc)
      ? `v${challenger} ranks worse than v${champion}`
      : `v${challenger} is not shown to rank otherwise than v${champion}`;
  const judged = segments.filter((one) => one.dAuc !== undefined);
  if (by === undefined || judged.length === 0) return `${whole}.`;
  const names = (of: (gain: Gain) => boolean): string =>
    judged.flatMap(({ value, dAuc: gain }) => (gain !== undefined && of(gain) ? [value ?? 'not set'] : [])).join(', ');
  const [better, worse] = [names(isAbove), names(isBelow)];
  const parts = [
    ...(better === '' ? [] : [`better for ${better}`]),
    ...(worse === '' ? [] : [`worse for ${worse}`]),
    ...(better === '' && worse === '' ? ['not proved for any of them alone'] : []),
  ];
  return `${whole}; by ${by}, ${parts.join(', ')}.`;
}

interface RowProps {
  readonly name: ReactElement | string;
  readonly count: number;
  readonly gain: Gain | undefined;
  readonly scale: Scale;
  readonly arm: Arm;
}

function Row({ name, count: pairs, gain, scale, arm }: RowProps): ReactElement {
  return (
    <tr>
      <td>{name}</td>
      <td className="num t2">{count(pairs)}</td>
      <td className="plot-cell">{gain !== undefined && <Interval gain={gain} scale={scale} arm={arm} />}</td>
      <td className="num">
        {gain === undefined ? (
          <span className="t3">too few rows</span>
        ) : (
          <>
            {signed(gain.value, 3)}{' '}
            <span className="t2">
              {gain.low === null || gain.high === null
                ? 'no interval'
                : `(${signed(gain.low, 3)}, ${signed(gain.high, 3)})`}
            </span>
          </>
        )}
      </td>
    </tr>
  );
}

/** All rows share one scale, so that they can be read against each other; grey where zero is within. */
function Interval({ gain, scale, arm }: { gain: Gain; scale: Scale; arm: Arm }): ReactElement {
  const at = (v: number): string => `${(100 * (v - scale.low)) / (scale.high - scale.low)}%`;
  const { value, low, high } = gain;
  const tone = isAbove(gain) ? 'proved' : isBelow(gain) ? 'harm' : 'open';
  return (
    <svg className={`forest ${tone} ${arm}`} aria-hidden="true">
      <rect className="gain" x={at(0)} width={`${(100 * scale.high) / (scale.high - scale.low)}%`} y="0" height="26" />
      <line className="zero" x1={at(0)} x2={at(0)} y1="0" y2="26" />
      {low !== null && high !== null && <line className="span" x1={at(low)} x2={at(high)} y1="13" y2="13" />}
      <svg x={at(value)} y="13" overflow="visible">
        {arm === 'champion' ? (
          <circle className="point" r="4.5" />
        ) : (
          <rect className="point" x="-4" y="-4" width="8" height="8" transform="rotate(45)" />
        )}
      </svg>
    </svg>
  );
}

/** The version that answers and the one in its shadow, on the labelled predictions of the range that both of them scored. */
import type { PredictionRecord, VersionComparison } from '@slipway/contract';
import type { ReactElement } from 'react';
import { useAsk } from '../../api/queries.ts';
import { Icon } from '../../components/icon.tsx';
import { Panel } from '../../components/layout.tsx';
import { Loaded } from '../../components/states.tsx';
import { ArmMark } from '../../components/status.tsx';
import { count, decimals, plural, signed } from '../../words.ts';
import type { PredictionRange } from './prediction-range.ts';

/** Fewer labelled pairs say nothing. */
const pairsMin = 50;

interface Pair {
  readonly answers: number;
  readonly shadow: number;
}

/** The pair of versions that most of the labelled predictions have in common. */
function pairOf(items: readonly PredictionRecord[]): Pair | undefined {
  const counts = new Map<string, { readonly pair: Pair; rows: number }>();
  for (const { version, shadow, label } of items) {
    if (shadow === undefined || label === undefined || shadow.version === version) continue;
    const key = `${version}/${shadow.version}`;
    const known = counts.get(key);
    if (known === undefined) counts.set(key, { pair: { answers: version, shadow: shadow.version }, rows: 1 });
    else known.rows++;
  }
  const best = [...counts.values()].toSorted((a, b) => b.rows - a.rows)[0];
  return best === undefined || best.rows < pairsMin ? undefined : best.pair;
}

export function Compared({ endpoint, range }: { endpoint: string; range: PredictionRange }): ReactElement | null {
  const items = range.answer.data?.items ?? [];
  const pair = pairOf(items);
  const last = items.at(-1);
  if (pair === undefined || last === undefined) return null;
  return <Comparison endpoint={endpoint} pair={pair} from={range.from} to={last.at + 1} />;
}

interface ComparisonProps {
  readonly endpoint: string;
  readonly pair: Pair;
  readonly from: number;
  readonly to: number;
}

function Comparison({ endpoint, pair, from, to }: ComparisonProps): ReactElement {
  const comparison = useAsk(
    'monitoring.compare',
    { params: { endpoint }, query: { champion: pair.answers, challenger: pair.shadow, from, to } },
    { keep: true },
  );
  return (
    <Panel title={`v${pair.answers} and v${pair.shadow} compared`} caption="on what both scored in the range">
      <Loaded query={comparison}>{(data) => <Figures comparison={data} />}</Loaded>
    </Panel>
  );
}

function Figures({ comparison }: { comparison: VersionComparison }): ReactElement {
  const { champion, challenger, scores, dAucByDay, dLogLossByDay, warnings, sentence } = comparison;
  const rows = [
    { name: 'AUC', key: 'auc', difference: dAucByDay },
    { name: 'Log loss', key: 'logLoss', difference: dLogLossByDay },
    { name: 'Calibration error', key: 'ece', difference: undefined },
    { name: 'Mean score', key: 'meanScore', difference: undefined },
  ] as const;
  return (
    <>
      <p className="sm">
        Of v{challenger}, in the shadow: {sentence}
      </p>
      <div className="scroll compared" tabIndex={0}>
        <table className="tbl" aria-label="Both versions on the same predictions">
          <thead>
            <tr>
              <th scope="col">{plural(comparison.count, 'pair')}</th>
              <th scope="col" className="num">
                <ArmMark arm="champion" /> v{champion}
              </th>
              <th scope="col" className="num">
                <ArmMark arm="reference" /> v{challenger}
              </th>
              <th scope="col" className="num">
                Difference, 95 % by days
              </th>
            </tr>
          </thead>
          <tbody>
            {rows.map(({ name, key, difference }) => (
              <tr key={key}>
                <td>{name}</td>
                <td className="num">{decimals(scores.champion[key])}</td>
                <td className="num">{decimals(scores.challenger[key])}</td>
                <td className="num">
                  {signed(difference?.value ?? scores.challenger[key] - scores.champion[key])}
                  {difference !== undefined && (
                    <div className="t3">
                      {difference.low === null
                        ? 'too few days'
                        : `${signed(difference.low)} to ${signed(difference.high)}`}
                    </div>
                  )}
                </td>
              </tr>
            ))}
          </tbody>
        </table>
      </div>
      <p className="xs t3">
        {count(comparison.positives)} of {count(comparison.count)} outcomes are positive.
      </p>
      {warnings.length > 0 && (
        <ul className="xs t2">
          {warnings.map((warning) => (
            <li key={warning}>
              <Icon name="info" small /> {warning}
            </li>
          ))}
        </ul>
      )}
    </>
  );
}

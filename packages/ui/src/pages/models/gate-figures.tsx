/** The figures of two versions' gates beside each other: each on the rows of its own gate, so no proof of a difference. */
import type { Gate, ModelVersion } from '@slipway/contract';
import type { ReactElement } from 'react';
import { useAsk } from '../../api/queries.ts';
import { count, decimals, signed } from '../../words.ts';

export function GateFigures({ version, other }: { version: ModelVersion; other: number }): ReactElement | null {
  const params = { model: version.model, version: String(other) };
  const against = useAsk('models.getVersion', { params });
  const theirGate = against.data?.gate?.id;
  const own = useAsk(
    'gates.get',
    { params: { gate: version.gate?.id ?? '' } },
    { enabled: version.gate !== undefined },
  );
  const theirs = useAsk('gates.get', { params: { gate: theirGate ?? '' } }, { enabled: theirGate !== undefined });
  if (own.data === undefined || theirs.data === undefined) return null;
  return <Figures own={own.data} theirs={theirs.data} number={version.number} other={other} />;
}

const rowsOf = ({ evidence }: Gate): number | undefined =>
  Object.values(evidence.metrics).find((metric) => metric.n !== undefined)?.n;

function Figures({
  own,
  theirs,
  number,
  other,
}: {
  own: Gate;
  theirs: Gate;
  number: number;
  other: number;
}): ReactElement {
  const metrics = [...new Set([...Object.keys(own.evidence.metrics), ...Object.keys(theirs.evidence.metrics)])];
  const [rows, theirRows] = [rowsOf(own), rowsOf(theirs)];
  return (
    <>
      <div className="padded">
        <p className="xs t3">
          Figures of their gates, each on rows of its own
          {rows === undefined || theirRows === undefined ? '' : ` (${count(rows)} and ${count(theirRows)})`}: the months
          differ too, not only the versions.
        </p>
      </div>
      <div className="scroll" tabIndex={0}>
        <table className="tbl" aria-label="Figures of both gates">
          <thead>
            <tr>
              <th scope="col">Metric</th>
              <th scope="col" className="num">
                v{number}
              </th>
              <th scope="col" className="num">
                v{other}
              </th>
              <th scope="col" className="num">
                Difference
              </th>
            </tr>
          </thead>
          <tbody>
            {metrics.map((metric) => {
              const [ours, past] = [own.evidence.metrics[metric]?.value, theirs.evidence.metrics[metric]?.value];
              return (
                <tr key={metric}>
                  <td>{metric}</td>
                  <td className="num m">{decimals(ours, 4)}</td>
                  <td className="num t2">{decimals(past, 4)}</td>
                  <td className="num">
                    {signed(ours === undefined || past === undefined ? undefined : ours - past, 4)}
                  </td>
                </tr>
              );
            })}
          </tbody>
        </table>
      </div>
    </>
  );
}

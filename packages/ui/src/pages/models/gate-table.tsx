/** The checks of a judged gate: what was measured, against which bound, and how much room was left. */
import type { GateCheck, GateEvidence } from '@slipway/contract';
import type { ReactElement } from 'react';
import { ArmMark, StatusBadge } from '../../components/status.tsx';
import { decimals, signed } from '../../words.ts';
import { checkWords, intervalOf, mustBe, roomOf } from './bounds.ts';
import { figuresOf } from './gate-values.ts';

interface GateTableProps {
  readonly checks: readonly GateCheck[];
  /** Of the judgement: intervals, and the figures of the champion and of simpler models. */
  readonly evidence: GateEvidence | undefined;
}

export function GateTable({ checks, evidence }: GateTableProps): ReactElement {
  const champion = evidence?.paired?.champion;
  return (
    <div className="scroll" tabIndex={0}>
      <table className="tbl top0 gate-table" aria-label="Checks of the gate">
        <thead>
          <tr>
            <th scope="col">Check</th>
            <th scope="col">Must be</th>
            <th scope="col" className="num">
              <ArmMark arm="challenger" /> This one
            </th>
            <th scope="col" className="num">
              {champion === undefined ? (
                'Champion'
              ) : (
                <>
                  <ArmMark arm="champion" /> v{champion} then
                </>
              )}
            </th>
            <th scope="col" className="num">
              Simpler
            </th>
            <th scope="col">Room to the line</th>
            <th scope="col">Result</th>
          </tr>
        </thead>
        <tbody>
          {checks.map((check) => (
            <Row key={check.name} check={check} evidence={evidence} />
          ))}
        </tbody>
      </table>
    </div>
  );
}

function Row({ check, evidence }: { check: GateCheck; evidence: GateEvidence | undefined }): ReactElement {
  const room = roomOf(check);
  const { own, champion, simpler } = figuresOf(check, evidence);
  const interval = intervalOf(check.name, evidence);
  return (
    <tr title={check.sentence}>
      <td className="m">{checkWords(check.name).what}</td>
      <td className="t2">{mustBe(check)}</td>
      <td className="num m">
        {own === undefined ? <Missing /> : withMinus(decimals(own.value, 4))}
        {interval !== undefined && (
          <small className="t3 interval">
            {check.name.startsWith('champion.') ? 'by ' : ''}
            {withMinus(`${decimals(interval.low, 4)} to ${decimals(interval.high, 4)}`)}
          </small>
        )}
      </td>
      <td className="num t2">{champion === undefined ? <Missing /> : withMinus(decimals(champion, 4))}</td>
      <td className="num t2">
        {simpler === undefined ? (
          <Missing />
        ) : (
          <>
            {withMinus(decimals(simpler.value, 4))}
            <small className="t3 interval">{simpler.name}</small>
          </>
        )}
      </td>
      <td>
        {room === undefined ? (
          <span className="t3">nothing to compare</span>
        ) : (
          <span className="row">
            <Room check={check} />
            <span className={room < 0 ? 'bad' : 't2'}>{signed(room, 4)}</span>
          </span>
        )}
      </td>
      <td>
        <StatusBadge plain state={check.passed ? 'passed' : 'failed'} />
      </td>
    </tr>
  );
}

const Missing = (): ReactElement => <span className="t3">not set</span>;

const withMinus = (text: string): string => text.replaceAll('-', '\u2212');

const width = 68;
const height = 16;
const mid = height / 2;
const mark = 7;

/** Green is the side of the line that passes; each check has a scale of its own around its bound. */
function Room({ check }: { check: GateCheck }): ReactElement | null {
  const { observed, bound } = check;
  if (observed === undefined || bound === undefined) return null;
  const half = Math.max(Math.abs(observed - bound) * 1.3, Math.abs(bound) * 0.1, Number.EPSILON);
  const at = (value: number): number => width / 2 + ((value - bound) / half) * (width / 2);
  const isMin = checkWords(check.name).direction === 'min';
  const x = at(observed);
  return (
    <svg className="room" width={width} height={height} aria-hidden="true">
      <rect className="pass" x={isMin ? width / 2 : 0} y={mid - 3} width={width / 2} height="6" rx="1" />
      <rect className="fail" x={isMin ? 0 : width / 2} y={mid - 3} width={width / 2} height="6" rx="1" />
      <line className="line" x1={width / 2} x2={width / 2} y1="1" y2={height - 1} />
      <rect
        className={check.passed ? 'mark' : 'mark bad'}
        x={x - mark / 2}
        y={mid - mark / 2}
        width={mark}
        height={mark}
        transform={`rotate(45 ${x} ${mid})`}
      />
    </svg>
  );
}

/** The check with the least room for the size of its bound: what would have failed first. */
export function closestOf(checks: readonly GateCheck[]): GateCheck | undefined {
  const share = (check: GateCheck): number => (roomOf(check) ?? Infinity) / Math.max(Math.abs(check.bound ?? 0), 1e-9);
  return checks.filter((c) => roomOf(c) !== undefined).toSorted((a, b) => share(a) - share(b))[0];
}

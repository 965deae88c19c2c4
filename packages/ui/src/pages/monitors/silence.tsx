/** Silencing a monitor or one alert for a while, with a reason; and ending a silence early. */
import type { Silence } from '@slipway/contract';
import { useQueryClient } from '@tanstack/react-query';
import type { ReactElement } from 'react';
import { useState } from 'react';
import { useChange } from '../../api/queries.ts';
import { Confirm } from '../../components/confirm.tsx';
import { useUndo } from '../../components/undo.tsx';
import { fullInstant, instant } from '../../words.ts';

const hourMs = 3_600_000;
const lengths = [
  { word: '1 hour', ms: hourMs },
  { word: '8 hours', ms: 8 * hourMs },
  { word: '1 day', ms: 24 * hourMs },
  { word: '3 days', ms: 72 * hourMs },
  { word: '1 week', ms: 168 * hourMs },
  { word: '4 weeks', ms: 672 * hourMs },
] as const;
const reasonMaxChars = 2000;

/** Monitors and alerts say whether they are silent, so they are asked again. */
function useRefresh(): () => void {
  const client = useQueryClient();
  return () =>
    void client.invalidateQueries({
      predicate: ({ queryKey: [key] }) => /^(monitors|alerts|silences)\./.test(String(key)),
    });
}

interface SilenceProps {
  readonly monitor: string;
  readonly alert?: string;
  readonly small?: boolean;
}

export function SilenceButton({ monitor, alert, small = false }: SilenceProps): ReactElement {
  const [isOpen, setOpen] = useState(false);
  const [length, setLength] = useState<number>(8 * hourMs);
  const silence = useChange('silences.create');
  const end = useChange('silences.end');
  const { offer } = useUndo();
  const refresh = useRefresh();
  const close = (): void => {
    setOpen(false);
    silence.reset();
  };
  const what = alert === undefined ? `monitor ${monitor}` : 'the alert';
  return (
    <>
      <button type="button" className={small ? 'btn sm' : 'btn'} onClick={() => setOpen(true)}>
        Silence
      </button>
      {isOpen && (
        <Confirm
          title={`Silence ${what}`}
          verb={`Silence ${what}`}
          keep="Let it speak"
          change={silence}
          reason={{
            label: 'Reason, for the ledger',
            placeholder: 'what is known about it',
            maxChars: reasonMaxChars,
            isRequired: true,
          }}
          close={close}
          confirm={(reason = '') =>
            silence.mutate(
              {
                params: { monitor },
                body: { until: Date.now() + length, reason, ...(alert === undefined ? {} : { alert }) },
              },
              {
                onSuccess: ({ id }) => {
                  refresh();
                  close();
                  const undo = async (): Promise<void> => {
                    await end.mutateAsync({ params: { silence: id } });
                    refresh();
                  };
                  offer({ text: `Silenced ${what}`, undo });
                },
              },
            )
          }
        >
          <p>
            Windows are judged and alerts recorded as always, but they trigger no policy: nothing is retrained or rolled
            out because of them. It ends by itself; the first bad window after it tells the policies.
          </p>
          <label className="stack">
            <span className="sm">For how long</span>
            <select className="input" value={length} onChange={(e) => setLength(Number(e.currentTarget.value))}>
              {lengths.map(({ word, ms }) => (
                <option key={ms} value={ms}>
                  {word}
                </option>
              ))}
            </select>
          </label>
        </Confirm>
      )}
    </>
  );
}

/** Says that it is silent, by whom and why, with the way to end it. */
export function SilenceNote({ silence }: { silence: Silence }): ReactElement {
  const [isOpen, setOpen] = useState(false);
  const end = useChange('silences.end');
  const refresh = useRefresh();
  const close = (): void => setOpen(false);
  return (
    <div className="note silenced" role="status">
      <span>
        Silent until <time title={fullInstant(silence.until)}>{instant(silence.until)}</time>, by {silence.createdBy}:{' '}
        <bdi>{silence.reason}</bdi>. Alerts are recorded and trigger no policy.
      </span>
      <button type="button" className="btn sm" onClick={() => setOpen(true)}>
        End the silence
      </button>
      {isOpen && (
        <Confirm
          title="End the silence"
          verb="End the silence"
          keep="Keep it silent"
          change={end}
          close={close}
          confirm={() =>
            end.mutate(
              { params: { silence: silence.id } },
              {
                onSuccess: () => {
                  refresh();
                  close();
                },
              },
            )
          }
        >
          <p>
            The next bad window of {silence.monitor} triggers its policies, also for an alert that fired in silence.
          </p>
        </Confirm>
      )}
    </div>
  );
}

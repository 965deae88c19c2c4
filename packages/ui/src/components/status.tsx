/** States as icon and word, and the marks of versions: champion is blue and round, challenger orange and a diamond. */
import type { ReactElement } from 'react';
import type { IconName } from './icon.tsx';
import { Icon } from './icon.tsx';

export type Tone = 'ok' | 'warn' | 'bad' | 'run' | 'wait' | 'idle';

const toneIcons: Readonly<Record<Tone, IconName>> = {
  ok: 'ok',
  warn: 'warn',
  bad: 'bad',
  run: 'run',
  wait: 'hold',
  idle: 'skip',
};

export interface Status {
  readonly tone: Tone;
  readonly word: string;
  readonly icon?: IconName;
}

/** The fixed list of words: what the API calls a state, and what the console says. */
const words: Readonly<Record<string, Status>> = {
  retrying: { tone: 'wait', word: 'Retrying' },
  running: { tone: 'run', word: 'Running' },
  queued: { tone: 'wait', word: 'Waiting' },
  waiting: { tone: 'wait', word: 'Waiting' },
  pending: { tone: 'wait', word: 'Waiting' },
  ready: { tone: 'wait', word: 'Waiting' },
  succeeded: { tone: 'ok', word: 'Succeeded' },
  finished: { tone: 'ok', word: 'Succeeded' },
  reused: { tone: 'ok', word: 'Cached', icon: 'cache' },
  failed: { tone: 'bad', word: 'Failed' },
  skipped: { tone: 'idle', word: 'Skipped' },
  cancelled: { tone: 'idle', word: 'Cancelled' },
  cancelling: { tone: 'wait', word: 'Cancelling' },
  killed: { tone: 'bad', word: 'Killed' },
  promoted: { tone: 'ok', word: 'Promoted' },
  rejected: { tone: 'warn', word: 'Rejected' },
  'rolled-back': { tone: 'bad', word: 'Rolled back', icon: 'undo' },
  approved: { tone: 'ok', word: 'Approved' },
  lapsed: { tone: 'idle', word: 'Lapsed', icon: 'clock' },
  withdrawn: { tone: 'idle', word: 'Withdrawn', icon: 'undo' },
  held: { tone: 'wait', word: 'Undecided', icon: 'wait' },
  'on-hold': { tone: 'wait', word: 'On hold' },
  resumed: { tone: 'run', word: 'Resumed' },
  advanced: { tone: 'ok', word: 'Advanced' },
  started: { tone: 'run', word: 'Started' },
  ok: { tone: 'ok', word: 'Healthy' },
  warning: { tone: 'warn', word: 'Watch' },
  alert: { tone: 'bad', word: 'Alert', icon: 'bell' },
  'too-few-labels': { tone: 'idle', word: 'Too few' },
  'too-few-rows': { tone: 'idle', word: 'Too few' },
  'no-reference': { tone: 'idle', word: 'No reference' },
  ordinary: { tone: 'ok', word: 'Usual' },
  season: { tone: 'idle', word: 'Season' },
  drift: { tone: 'warn', word: 'Drifted' },
  open: { tone: 'bad', word: 'Open', icon: 'bell' },
  acknowledged: { tone: 'wait', word: 'Acknowledged' },
  resolved: { tone: 'ok', word: 'Resolved' },
  done: { tone: 'ok', word: 'Done' },
  acting: { tone: 'run', word: 'Acting' },
  passed: { tone: 'ok', word: 'Passed' },
};

/** An unknown state shows its own name: nothing is ever shown as something that it is not. */
export const statusOf = (state: string): Status => words[state] ?? { tone: 'idle', word: state };

export function StatusBadge({ state, plain = false }: { state: string | Status; plain?: boolean }): ReactElement {
  const { tone, word, icon } = typeof state === 'string' ? statusOf(state) : state;
  return (
    <span className={`bdg ${tone}${plain ? ' plain' : ''}`}>
      <Icon name={icon ?? toneIcons[tone]} spin={tone === 'run'} />
      {word}
    </span>
  );
}

export type Arm = 'champion' | 'challenger' | 'reference';

export function ArmMark({ arm }: { arm: Arm }): ReactElement {
  const shape = arm === 'champion' ? 'ch' : arm === 'challenger' ? 'cl' : 'rf';
  return <i className={`arm ${shape}`} role="img" aria-label={arm} />;
}

export function AliasBadge({ alias }: { alias: string }): ReactElement {
  const shape = alias === 'champion' ? 'ch' : alias === 'challenger' ? 'cl' : '';
  return (
    <span className={`alias ${shape}`}>
      {shape !== '' && <i className="sh" aria-hidden="true" />}
      {alias}
    </span>
  );
}

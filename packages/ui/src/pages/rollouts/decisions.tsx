/** A rollout as its plan and as what the judge decided: shared by the page of a rollout and that of its endpoint. */
import type { Rollout, RolloutDecision } from '@slipway/contract';
import type { ReactElement } from 'react';
import type { IconName } from '../../components/icon.tsx';
import { Icon } from '../../components/icon.tsx';
import { Pairs } from '../../components/layout.tsx';
import { statusOf } from '../../components/status.tsx';
import { count, fullInstant, instant } from '../../words.ts';
import type { StageFact, StageState } from './judge-words.ts';
import { factsOf, stagesOf } from './judge-words.ts';
import './rollout.css';

const marks: Readonly<Record<StageState, readonly [tone: string, icon: IconName]>> = {
  done: ['ok', 'ok'],
  now: ['run', 'run'],
  stopped: ['bad', 'undo'],
  left: ['idle', 'x'],
  ahead: ['idle', 'wait'],
};

/** The plan in one line: each stage with its share, when it began and how long it took. */
export function Stages({ rollout }: { rollout: Rollout }): ReactElement {
  const isPromoted = rollout.state === 'promoted';
  return (
    <ol className="steps" aria-label="Stages of the rollout">
      {stagesOf(rollout).map((stage) => (
        <Stage key={stage.name} stage={stage} />
      ))}
      <li>
        <span className={`bdg plain ${isPromoted ? 'ok' : 'idle'}`}>
          <Icon name={isPromoted ? 'ok' : 'wait'} />
          {rollout.plan.alias}
        </span>
        <span className="t3">
          {isPromoted && rollout.finishedAt !== undefined ? instant(rollout.finishedAt) : 'not reached'}
        </span>
      </li>
    </ol>
  );
}

function Stage({ stage }: { stage: StageFact }): ReactElement {
  const [tone, icon] = marks[stage.state];
  return (
    <li aria-current={stage.state === 'now' ? 'step' : undefined}>
      <span className={`bdg plain ${tone}`}>
        <Icon name={icon} spin={stage.state === 'now'} />
        {stage.percent === 0 ? 'Shadow' : `${stage.percent} %`}
      </span>
      <span className="t3">
        {stage.startedAt === undefined
          ? `after ${stage.needs}`
          : `${instant(stage.startedAt)}${stage.took === undefined ? ', still here' : `, ${stage.took}`}`}
      </span>
    </li>
  );
}

export function Decisions({ rollout, isOpen = false }: { rollout: Rollout; isOpen?: boolean }): ReactElement {
  return (
    <ol className="decisions" aria-label="Decisions of the judge, newest first">
      {rollout.decisions.toReversed().map((decision, i) => (
        <Decision key={`${decision.at}-${decision.verdict}`} decision={decision} isOpen={isOpen && i === 0} />
      ))}
    </ol>
  );
}

const icons: Readonly<Record<RolloutDecision['verdict'], IconName>> = {
  started: 'play',
  advanced: 'arrow',
  held: 'wait',
  'on-hold': 'hold',
  resumed: 'play',
  promoted: 'ok',
  rejected: 'bad',
  'rolled-back': 'undo',
  cancelled: 'x',
};

function Decision({ decision, isOpen }: { decision: RolloutDecision; isOpen: boolean }): ReactElement {
  const { at, stage, verdict, sentence, requests, canaryRequests, labelledPairs } = decision;
  const { tone, word } = statusOf(verdict);
  const evidence = factsOf(decision.evidence);
  return (
    <li>
      <span className={`at ${tone}`}>
        <Icon name={icons[verdict]} small />
      </span>
      <div className="head">
        <b className={tone}>{word}</b>
        <span className="t2">in {stage}</span>
        <time className="t3" dateTime={new Date(at).toISOString()} title={fullInstant(at)}>
          {instant(at)}
        </time>
        {requests > 0 && (
          <span className="t3">
            {count(requests)} requests, {count(canaryRequests)} answered by the candidate, {count(labelledPairs)}{' '}
            labelled pairs
          </span>
        )}
      </div>
      <p className="said">{capital(sentence)}</p>
      {evidence.length > 0 && (
        <details open={isOpen}>
          <summary>Evidence</summary>
          <Pairs pairs={evidence} />
        </details>
      )}
    </li>
  );
}

const capital = (text: string): string => text.charAt(0).toUpperCase() + text.slice(1);

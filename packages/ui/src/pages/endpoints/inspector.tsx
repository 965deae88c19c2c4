/** One prediction: what was asked, what each version said, what happened, and every feature as the model saw it. */
import type { PredictionRecord } from '@slipway/contract';
import type { ReactElement } from 'react';
import { useEffect, useRef } from 'react';
import { Link } from 'react-router';
import { useAsk } from '../../api/queries.ts';
import { Icon } from '../../components/icon.tsx';
import { Pairs } from '../../components/layout.tsx';
import { Loaded } from '../../components/states.tsx';
import { ArmMark } from '../../components/status.tsx';
import { to } from '../../frame/places.ts';
import { figure, fullInstant, instant, short } from '../../words.ts';
import { Answer, AnswerBars, intervalOf } from './answer.tsx';
import { Cells } from './cells.tsx';
import { CopyButton } from './copy-button.tsx';
import { micros } from './predictions.tsx';
import { curlOf } from './snippets.tsx';
import type { ViewState } from '../../components/use-view-state.ts';

/** Below this width the inspector covers the page and takes the focus. */
const drawer = '(max-width: 1100px)';

export function Inspector({ id, view }: { id: string; view: ViewState }): ReactElement {
  const prediction = useAsk('predictions.get', { params: { prediction: id } });
  const close = useRef<HTMLButtonElement>(null);
  const { set } = view;
  useEffect(() => {
    if (matchMedia(drawer).matches) close.current?.focus();
    const onKey = (event: KeyboardEvent): void => {
      if (event.key === 'Escape') set({ open: undefined });
    };
    addEventListener('keydown', onKey);
    return () => removeEventListener('keydown', onKey);
  }, [id, set]);
  return (
    <section className="panel inspector" aria-label={`Prediction ${id}`}>
      <header className="rule">
        <h2>Prediction</h2>
        <code className="cap el" title={id}>
          {short(id)}
        </code>
        <span className="acts">
          <Link to={to.why('prediction', id)}>Why</Link>
          <button
            type="button"
            className="btn sm ghost icon"
            ref={close}
            aria-label="Close the inspector"
            onClick={() => set({ open: undefined })}
          >
            <Icon name="x" small />
          </button>
        </span>
      </header>
      <Loaded query={prediction} lines={8}>
        {(data) => (
          <>
            <Shown prediction={data} />
            <div className="tf">
              <CopyButton text={curlOf(data.endpoint, data.inputs)} word="Copy as curl" />
            </div>
          </>
        )}
      </Loaded>
    </section>
  );
}

function Shown({ prediction }: { prediction: PredictionRecord }): ReactElement {
  const { at, servedAt, shadow, fault, label, instanceId, inputs, features, model, version, deployment } = prediction;
  return (
    <>
      <div className="padded">
        <Pairs
          pairs={[
            {
              name: 'Answer',
              value: (
                <>
                  <Answer said={prediction} /> by <ArmMark arm={prediction.isCanary ? 'challenger' : 'champion'} />{' '}
                  <Link to={to.version(model, version)}>v{version}</Link>
                </>
              ),
            },
            {
              name: 'Shadow',
              value:
                shadow === undefined ? (
                  <span className={fault === undefined ? 't3' : 'bad'}>
                    {fault === undefined ? 'none' : `the ${fault} could not score this`}
                  </span>
                ) : (
                  <>
                    <Answer said={shadow} /> by <Link to={to.version(model, shadow.version)}>v{shadow.version}</Link>
                  </>
                ),
            },
            {
              name: 'Label',
              value:
                label === undefined ? (
                  <span className="t3">not known yet</span>
                ) : (
                  `${label.class ?? figure(label.value)}, known ${fullInstant(label.at)}`
                ),
            },
            {
              name: 'Your id',
              value:
                instanceId === undefined ? <span className="t3">the request had none</span> : <code>{instanceId}</code>,
            },
            { name: 'Event time', value: fullInstant(at) },
            { name: 'Answered', value: <time title={fullInstant(servedAt)}>{instant(servedAt)}</time> },
            { name: 'Latency', value: micros(prediction.latencyUs) },
            { name: 'Deployment', value: deployment },
          ]}
        />
      </div>
      <Beyond prediction={prediction} />
      <Cells head="Input" cells={Object.entries(inputs)} />
      <div className="scroll features" tabIndex={0} role="region" aria-label="Features">
        <Cells head="Feature" cells={Object.entries(features)} />
      </div>
    </>
  );
}

/** Of classes and intervals: what each version said, under each other, with what came. */
function Beyond({ prediction }: { prediction: PredictionRecord }): ReactElement | null {
  const { shadow, label, version } = prediction;
  if (prediction.probabilities === undefined && intervalOf(prediction) === undefined) return null;
  const outcome = label?.class ?? label?.value;
  return (
    <div className="padded stack">
      <h3 className="sm">v{version}</h3>
      <AnswerBars said={prediction} outcome={outcome} />
      {shadow !== undefined && (
        <>
          <h3 className="sm">v{shadow.version}, in the shadow</h3>
          <AnswerBars said={shadow} outcome={outcome} />
        </>
      )}
    </div>
  );
}

/** The loop as a ring of ten stages; the arrows are drawn under them and redrawn with the layout. */
import type { ReactElement, ReactNode } from 'react';
import { useLayoutEffect, useRef, useState } from 'react';
import { Link } from 'react-router';
import { Icon } from '../../components/icon.tsx';
import { StatusBadge } from '../../components/status.tsx';
import type { Stage } from './loop.ts';
import './loop-map.css';

type Side = 'right' | 'left' | 'around-right' | 'around-left';

/** In the order of the loop: each stage leads to the next, the last to the first. */
const edges: readonly (readonly [from: string, to: string, side: Side])[] = [
  ['data', 'validate', 'right'],
  ['validate', 'features', 'right'],
  ['features', 'train', 'right'],
  ['train', 'gate', 'right'],
  ['gate', 'register', 'around-right'],
  ['register', 'rollout', 'left'],
  ['rollout', 'serve', 'left'],
  ['serve', 'monitor', 'left'],
  ['monitor', 'policy', 'left'],
  ['policy', 'data', 'around-left'],
];
const bulge = 26;

interface Path {
  readonly key: string;
  readonly d: string;
  readonly isDone: boolean;
}

export function LoopMap({ stages, middle }: { stages: readonly Stage[]; middle: ReactNode }): ReactElement {
  const box = useRef<HTMLDivElement>(null);
  const [paths, setPaths] = useState<readonly Path[]>([]);
  useLayoutEffect(() => {
    const element = box.current;
    if (element === null) return undefined;
    const draw = (): void => setPaths(drawEdges(element, stages));
    draw();
    const observer = new ResizeObserver(draw);
    observer.observe(element);
    return () => observer.disconnect();
  }, [stages]);
  return (
    <div className="loop" ref={box}>
      <svg className="edges" aria-hidden="true">
        <defs>
          <marker
            id="tip"
            viewBox="0 0 8 8"
            refX="7"
            refY="4"
            markerWidth="7"
            markerHeight="7"
            orient="auto-start-reverse"
          >
            <path d="M1 1 7 4 1 7" fill="none" stroke="context-stroke" strokeWidth="1.4" />
          </marker>
        </defs>
        {paths.map(({ key, d, isDone }) => (
          <path key={key} d={d} className={isDone ? 'done' : 'open'} markerEnd="url(#tip)" />
        ))}
      </svg>
      <div className="mid hide-s">
        <span>{middle}</span>
      </div>
      {stages.map((stage) => (
        <StageCard key={stage.key} stage={stage} />
      ))}
    </div>
  );
}

function StageCard({ stage }: { stage: Stage }): ReactElement {
  const { fact } = stage;
  const tone =
    fact === undefined
      ? 'off'
      : fact.status.tone === 'run'
        ? 'now'
        : fact.status.tone === 'bad' || fact.status.tone === 'warn'
          ? 'att'
          : '';
  return (
    <Link className={`stage ${tone}`} data-stage={stage.key} to={stage.path}>
      <h3>
        <Icon name={stage.icon} />
        {stage.word}
        <StatusBadge plain state={fact?.status ?? { tone: 'idle', word: 'Empty' }} />
      </h3>
      <p>
        {fact === undefined ? (
          stage.hint
        ) : (
          <>
            <b>{fact.lead}</b>
            {fact.rest}
          </>
        )}
      </p>
      <p className={fact === undefined ? 'mono xs' : ''}>{fact?.below ?? stage.command}</p>
    </Link>
  );
}

function drawEdges(box: HTMLElement, stages: readonly Stage[]): Path[] {
  const origin = box.getBoundingClientRect();
  const rectOf = (key: string): DOMRect | undefined =>
    box.querySelector(`[data-stage="${key}"]`)?.getBoundingClientRect();
  return edges.flatMap(([from, to, side]) => {
    const a = rectOf(from);
    const b = rectOf(to);
    if (a === undefined || b === undefined) return [];
    const isDone = [from, to].every((key) => stages.find((s) => s.key === key)?.fact !== undefined);
    const y = (r: DOMRect): number => r.top - origin.top + r.height / 2;
    const left = (r: DOMRect): number => r.left - origin.left;
    const right = (r: DOMRect): number => r.right - origin.left;
    const d =
      side === 'right'
        ? `M${right(a) + 2} ${y(a)}H${left(b) - 3}`
        : side === 'left'
          ? `M${left(a) - 2} ${y(a)}H${right(b) + 3}`
          : side === 'around-right'
            ? `M${right(a) + 2} ${y(a)}C${right(a) + bulge} ${y(a)} ${right(b) + bulge} ${y(b)} ${right(b) + 3} ${y(b)}`
            : `M${left(a) - 2} ${y(a)}C${left(a) - bulge} ${y(a)} ${left(b) - bulge} ${y(b)} ${left(b) - 3} ${y(b)}`;
    return [{ key: `${from}-${to}`, d, isDone }];
  });
}

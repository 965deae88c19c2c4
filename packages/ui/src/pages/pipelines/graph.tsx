/** The steps of a pipeline and what each waits for, drawn from left to right. A chunk of its own: it carries the layout. */
import { graphlib, layout } from '@dagrejs/dagre';
import type { PipelineGraph, StepRun } from '@slipway/contract';
import type { Edge, Node, NodeProps, ReactFlowInstance } from '@xyflow/react';
import { Handle, MarkerType, Position, ReactFlow } from '@xyflow/react';
import '@xyflow/react/dist/base.css';
import type { ReactElement } from 'react';
import { useEffect, useMemo, useRef, useState } from 'react';
import { Link } from 'react-router';
import { Icon } from '../../components/icon.tsx';
import type { Tone } from '../../components/status.tsx';
import { StatusBadge } from '../../components/status.tsx';
import { useViewState } from '../../components/use-view-state.ts';
import { useWidth } from '../../components/use-width.ts';
import { duration, plural } from '../../words.ts';
import { criticalPathOf } from './critical-path.ts';
import { needsOf, stepStatus } from './facts.ts';
import { layeredLayout } from './layered-layout.ts';
import './graph.css';

interface GraphProps {
  readonly graph: PipelineGraph;
  /** Without a run the graph is shown as declared. */
  readonly steps?: readonly StepRun[] | undefined;
  readonly selected?: string | undefined;
  /** The step to keep in view where the whole does not fit. */
  readonly focus?: string | undefined;
  readonly linkTo: (step: string) => string;
}

const nodeWidth = 146;
const nodeHeight = 44;
/** Below this width of the box the graph runs from top to bottom. */
const narrowPx = 620;
const zoomMin = 0.76;
const pad = 14;
const heightMax = 440;
/** Above, the fine layout takes seconds. */
const finelyLaidMax = 150;
/** Above, only what is in view is drawn. */
const drawnMax = 200;

interface StepData extends Record<string, unknown> {
  readonly id: string;
  readonly note: string;
  readonly step: StepRun | undefined;
  readonly isSelected: boolean;
  readonly isDown: boolean;
  readonly isCritical: boolean;
  readonly href: string;
}
type StepNode = Node<StepData, 'step'>;

interface Drawing {
  readonly nodes: StepNode[];
  readonly edges: Edge[];
  readonly width: number;
  readonly height: number;
}

export function Graph(props: GraphProps): ReactElement {
  const box = useRef<HTMLDivElement>(null);
  const width = useWidth(box);
  const [flow, setFlow] = useState<ReactFlowInstance<StepNode>>();
  // Ranks of a large graph run to the right at any width: it is moved by hand.
  const isDown = width < narrowPx && props.graph.nodes.length <= finelyLaidMax;
  const { graph, steps, selected, linkTo } = props;
  const plan = useMemo(() => planOf(graph, isDown), [graph, isDown]);
  const address = useViewState();
  const path = useMemo(
    () => criticalPathOf(new Map(graph.nodes.map((node) => [node.id, needsOf(node)])), steps ?? []),
    [graph, steps],
  );
  const isPathShown = address.get('path') === 'critical' && path !== undefined;
  const drawing = useMemo(
    () => draw(plan, { graph, steps, selected, linkTo }, { isDown, critical: isPathShown ? path.steps : [] }),
    // Links differ by the step alone while the address stays, which a new selection or the path changes.
    [plan, graph, steps, selected, isDown, isPathShown, path],
  );
  const view = viewOf(drawing, width, props.selected ?? props.focus);
  const { x, y, zoom, height, wide, scroll } = view;
  useEffect(() => {
    void flow?.setViewport({ x, y, zoom });
  }, [flow, x, y, zoom]);
  useEffect(() => {
    box.current?.scrollTo({ left: scroll });
  }, [scroll, wide]);
  return (
    <div ref={box} className="pl-graph" style={{ height }}>
      <div style={{ width: wide, height }}>
        {width > 0 && (
          <ReactFlow<StepNode>
            nodes={drawing.nodes}
            edges={drawing.edges}
            nodeTypes={nodeTypes}
            onInit={setFlow}
            defaultViewport={{ x, y, zoom }}
            minZoom={0.2}
            maxZoom={1.6}
            nodesDraggable={false}
            nodesConnectable={false}
            nodesFocusable={false}
            edgesFocusable={false}
            elementsSelectable={false}
            onlyRenderVisibleElements={drawing.nodes.length > drawnMax}
            zoomOnScroll={false}
            zoomOnDoubleClick={false}
            preventScrolling={false}
            panOnDrag={!isDown}
          />
        )}
      </div>
      {!isDown && (
        <div className="row pl-zoom">
          <button type="button" className="btn sm icon" aria-label="Zoom in" onClick={() => void flow?.zoomIn()}>
            <Icon name="plus" small />
          </button>
          <button type="button" className="btn sm" onClick={() => void flow?.fitView({ maxZoom: 1, padding: 0.05 })}>
            Fit
          </button>
          {path !== undefined && (
            <button
              type="button"
              className="btn sm"
              aria-pressed={isPathShown}
              onClick={() => address.set({ path: isPathShown ? undefined : 'critical' })}
            >
              Critical path
            </button>
          )}
          {isPathShown && (
            <span className="sm t2 pl-said" role="status" title="Each of them was waited for by the next">
              {plural(path.steps.length, 'step')} ran {duration(path.ranMs)}
            </span>
          )}
        </div>
      )}
    </div>
  );
}

function StepBox({ data }: NodeProps<StepNode>): ReactElement {
  const { id, note, step, isSelected, isDown, isCritical, href } = data;
  const tone = step === undefined ? 'plain' : step.state === 'reused' ? 'cached' : stepStatus(step.state).tone;
  const share = step?.state === 'running' ? step.progress?.fraction : undefined;
  return (
    <Link
      to={href}
      preventScrollReset
      className={`pl-node ${tone}${isSelected ? ' sel' : ''}${isCritical ? ' critical' : ''}`}
      aria-current={isSelected ? 'true' : undefined}
      title={id}
    >
      <Handle type="target" position={isDown ? Position.Top : Position.Left} isConnectable={false} />
      <b className="el">{id}</b>
      {step === undefined ? (
        <span className="xs t3 el">{note}</span>
      ) : (
        <span className="row">
          <StatusBadge plain state={stepStatus(step.state)} />
          <span className="xs t3 nw">{timeOf(step)}</span>
        </span>
      )}
      {share !== undefined && <i className="share" style={{ width: `${Math.round(share * 100)}%` }} />}
      <Handle type="source" position={isDown ? Position.Bottom : Position.Right} isConnectable={false} />
    </Link>
  );
}
const nodeTypes = { step: StepBox };

function timeOf({ state, startedAt, finishedAt }: StepRun): string {
  return state === 'reused' || startedAt === undefined || finishedAt === undefined
    ? ''
    : duration(finishedAt - startedAt);
}

interface Plan {
  readonly places: ReadonlyMap<string, { readonly x: number; readonly y: number }>;
  readonly links: readonly (readonly [from: string, to: string])[];
}

/** Where each step stands. Made again only when the graph is another one, not with each state of its steps. */
function planOf(graph: PipelineGraph, isDown: boolean): Plan {
  const links = graph.nodes.flatMap((node) => needsOf(node).map((need) => [need, node.id] as const));
  if (graph.nodes.length > finelyLaidMax) {
    const size = { width: nodeWidth, height: nodeHeight, rankGap: 40, gap: 16 };
    const ids = graph.nodes.map((node) => node.id);
    return { places: layeredLayout(ids, links, size), links };
  }
  const plan = new graphlib.Graph();
  plan.setGraph({ rankdir: isDown ? 'TB' : 'LR', nodesep: 16, ranksep: isDown ? 22 : 24, marginx: 0, marginy: 0 });
  plan.setDefaultEdgeLabel(() => ({}));
  for (const node of graph.nodes) plan.setNode(node.id, { width: nodeWidth, height: nodeHeight });
  for (const [from, to] of links) plan.setEdge(from, to);
  layout(plan);
  const places = new Map(
    graph.nodes.map((node) => {
      const { x, y } = plan.node(node.id) as { x: number; y: number };
      return [node.id, { x: x - nodeWidth / 2, y: y - nodeHeight / 2 }];
    }),
  );
  return { places, links };
}

interface Look {
  readonly isDown: boolean;
  /** Steps of the path that is shown. */
  readonly critical: readonly string[];
}

function draw({ places, links }: Plan, { graph, steps, selected, linkTo }: GraphProps, look: Look): Drawing {
  const { isDown, critical } = look;
  const stateOf = new Map(steps?.map((s) => [s.step, s]));
  const nodes = graph.nodes.map((node): StepNode => ({
    id: node.id,
    type: 'step',
    position: places.get(node.id) ?? { x: 0, y: 0 },
    width: nodeWidth,
    height: nodeHeight,
    data: {
      id: node.id,
      note: node.cache === 'never' ? 'always runs' : 'reused if unchanged',
      step: stateOf.get(node.id),
      isSelected: node.id === selected,
      isDown,
      isCritical: critical.includes(node.id),
      href: linkTo(node.id),
    },
  }));
  const edges = links.map(([from, to]) => {
    const place = critical.indexOf(to);
    return place > 0 && critical[place - 1] === from ? criticalEdge(from, to) : edgeOf(from, to, stateOf.get(to));
  });
  const right = nodes.reduce((far, n) => Math.max(far, n.position.x + nodeWidth), 0);
  const bottom = nodes.reduce((far, n) => Math.max(far, n.position.y + nodeHeight), 0);
  return { nodes, edges, width: right, height: bottom };
}

const edgeColors: Readonly<Partial<Record<Tone, string>>> = {
  run: 'var(--run-solid)',
  wait: 'var(--wait-solid)',
  bad: 'var(--bad-solid)',
  warn: 'var(--warn-solid)',
};

/** An edge looks as what it leads to: still waited for is dashed, running is blue, failed is red. */
function edgeOf(source: string, target: string, step: StepRun | undefined): Edge {
  const tone = step === undefined ? 'idle' : stepStatus(step.state).tone;
  const color = edgeColors[tone] ?? 'var(--line-ctl)';
  const isOpen = step !== undefined && (tone === 'wait' || step.state === 'skipped');
  return {
    id: `${source}>${target}`,
    source,
    target,
    focusable: false,
    style: { stroke: color, strokeWidth: 1.4, ...(isOpen ? { strokeDasharray: '4 3' } : {}) },
    markerEnd: { type: MarkerType.Arrow, color, width: 14, height: 14, strokeWidth: 1.4 },
  };
}

const criticalEdge = (source: string, target: string): Edge => ({
  ...edgeOf(source, target, undefined),
  style: { stroke: 'var(--accent)', strokeWidth: 2.6 },
  markerEnd: { type: MarkerType.Arrow, color: 'var(--accent)', width: 12, height: 12, strokeWidth: 1.4 },
  zIndex: 1,
});

interface View {
  readonly x: number;
  readonly y: number;
  readonly zoom: number;
  readonly height: number;
  /** Of the drawing's own box: on narrow screens it is as wide as it must be and scrolls, elsewhere it is moved by hand. */
  readonly wide: number | string;
  readonly scroll: number;
}

/** All of it where it fits at a readable size, else the part around the step in focus. */
function viewOf(drawing: Drawing, width: number, focus: string | undefined): View {
  const room = Math.max(1, width - 2 * pad);
  const zoom = Math.max(Math.min(1, room / drawing.width), zoomMin);
  const drawn = drawing.width * zoom;
  const tall = drawing.height * zoom;
  const node = drawing.nodes.find((n) => n.id === focus);
  const center = node === undefined ? 0 : (node.position.x + nodeWidth / 2) * zoom;
  const hidden = Math.min(Math.max(0, center - room / 2), Math.max(0, drawn - room));
  const x = drawn <= room ? pad + (room - drawn) / 2 : pad;
  if (width < narrowPx && drawing.nodes.length <= finelyLaidMax) {
    const wide = Math.max(width, drawn + 2 * pad);
    return { x, y: pad, zoom, height: tall + 2 * pad, wide, scroll: hidden };
  }
  const height = Math.min(heightMax, Math.max(120, tall + 2 * pad));
  const middle = node === undefined ? 0 : (node.position.y + nodeHeight / 2) * zoom;
  const below = tall + 2 * pad - height;
  const y = below <= 0 ? (height - tall) / 2 : pad - Math.min(Math.max(0, middle - height / 2), below);
  return { x: x - hidden, y, zoom, height, wide: '100%', scroll: 0 };
}

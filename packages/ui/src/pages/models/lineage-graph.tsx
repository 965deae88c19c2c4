/** From the data to the traffic, drawn from left to right. A chunk of its own: it carries the layout. */
import { graphlib, layout } from '@dagrejs/dagre';
import type { VersionLineage } from '@slipway/contract';
import type { Edge, Node, NodeProps } from '@xyflow/react';
import { Handle, MarkerType, Position, ReactFlow } from '@xyflow/react';
import '@xyflow/react/dist/base.css';
import type { ReactElement } from 'react';
import { useMemo, useRef } from 'react';
import { Link } from 'react-router';
import { useWidth } from '../../components/use-width.ts';
import type { LineageBox } from './lineage-boxes.ts';
import { boxOf } from './lineage-boxes.ts';

const nodeWidth = 158;
const nodeHeight = 58;
const pad = 12;
/** Below the boxes, where the drawing library has its name. */
const creditHeight = 16;
/** Smaller than this nothing can be read: the drawing then scrolls in its box. */
const zoomMin = 0.72;

type BoxNode = Node<LineageBox & Record<string, unknown>, 'box'>;

export function LineageGraph({ lineage }: { lineage: VersionLineage }): ReactElement {
  const box = useRef<HTMLDivElement>(null);
  const width = useWidth(box);
  const drawn = useMemo(() => draw(lineage), [lineage]);
  const zoom = Math.max(zoomMin, Math.min(1, (width - 2 * pad) / drawn.width));
  const height = drawn.height * zoom + 2 * pad + creditHeight;
  const wide = Math.max(width, drawn.width * zoom + 2 * pad);
  return (
    // Focusable, so that it can be scrolled with the keys.
    <div ref={box} className="lineage-graph" tabIndex={0}>
      <div style={{ width: wide, height }}>
        {width > 0 && (
          <ReactFlow<BoxNode>
            // The view follows the width: a new one is a new drawing.
            key={zoom}
            nodes={drawn.nodes}
            edges={drawn.edges}
            nodeTypes={nodeTypes}
            defaultViewport={{ x: pad, y: pad, zoom }}
            minZoom={zoom}
            maxZoom={zoom}
            nodesDraggable={false}
            nodesConnectable={false}
            nodesFocusable={false}
            edgesFocusable={false}
            elementsSelectable={false}
            zoomOnScroll={false}
            zoomOnDoubleClick={false}
            zoomOnPinch={false}
            panOnDrag={false}
            preventScrolling={false}
          />
        )}
      </div>
    </div>
  );
}

function BoxShape({ data }: NodeProps<BoxNode>): ReactElement {
  const { kind, name, below, href, isHere } = data;
  const inside = (
    <>
      <Handle type="target" position={Position.Left} isConnectable={false} />
      <span>{kind}</span>
      <b className="el">{name}</b>
      <span className="mono el">{below}</span>
      <Handle type="source" position={Position.Right} isConnectable={false} />
    </>
  );
  if (href !== undefined)
    return (
      <Link className="lineage-box" to={href} title={name}>
        {inside}
      </Link>
    );
  return (
    <div
      className={isHere ? 'lineage-box here' : 'lineage-box'}
      title={name}
      aria-current={isHere ? 'page' : undefined}
    >
      {inside}
    </div>
  );
}
const nodeTypes = { box: BoxShape };

function draw({ nodes, edges }: VersionLineage): { nodes: BoxNode[]; edges: Edge[]; width: number; height: number } {
  const plan = new graphlib.Graph();
  plan.setGraph({ rankdir: 'LR', nodesep: 12, ranksep: 26, marginx: 0, marginy: 0 });
  plan.setDefaultEdgeLabel(() => ({}));
  for (const { id } of nodes) plan.setNode(id, { width: nodeWidth, height: nodeHeight });
  for (const { from, to } of edges) plan.setEdge(from, to);
  layout(plan);
  const boxes = nodes.map((node): BoxNode => {
    const { x, y } = plan.node(node.id) as { x: number; y: number };
    return {
      id: node.id,
      type: 'box',
      position: { x: x - nodeWidth / 2, y: y - nodeHeight / 2 },
      width: nodeWidth,
      height: nodeHeight,
      data: { ...boxOf(node) },
    };
  });
  const color = 'var(--line-ctl)';
  return {
    nodes: boxes,
    edges: edges.map(({ from, to }) => ({
      id: `${from}>${to}`,
      source: from,
      target: to,
      focusable: false,
      style: { stroke: color, strokeWidth: 1.4 },
      markerEnd: { type: MarkerType.Arrow, color, width: 14, height: 14, strokeWidth: 1.4 },
    })),
    width: Math.max(...boxes.map((b) => b.position.x + nodeWidth)),
    height: Math.max(...boxes.map((b) => b.position.y + nodeHeight)),
  };
}

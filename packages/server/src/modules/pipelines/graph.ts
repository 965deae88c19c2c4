/** Graphs as data: what makes one sound, which steps wait for which, and how a run's parameters are checked. Pure. */
import type { GraphNode, GraphPort, GraphSource, PipelineGraph } from '@slipway/contract';
import { SlipwayError } from '@slipway/contract';
import { z } from 'zod';

/** Every source of a node's inputs, those inside lists too. */
export function sourcesOf(node: GraphNode): GraphSource[] {
  return Object.values(node.inputs).flatMap((source) => ('list' in source ? [...source.list] : [source]));
}

/** Steps that must succeed before this one. */
export function stepsBefore(node: GraphNode): Set<string> {
  return new Set([...sourcesOf(node).flatMap((source) => ('step' in source ? [source.step] : [])), ...node.after]);
}

/** Dataset references of the whole graph, each once. */
export function datasetRefs(graph: PipelineGraph): string[] {
  const refs = graph.nodes.flatMap((node) => sourcesOf(node).flatMap((s) => ('dataset' in s ? [s.dataset] : [])));
  return [...new Set(refs)];
}

/** The given steps and everything that waits for them, directly or not. */
export function withDependents(graph: PipelineGraph, from: Iterable<string>): Set<string> {
  const chosen = new Set(from);
  for (const node of graph.nodes) {
    for (const before of stepsBefore(node)) if (chosen.has(before)) chosen.add(node.id);
  }
  return chosen;
}

/**
 * Refuses a graph that could not run: names used twice, sources that do not exist or come later, ports that do not match.
 * Nodes stand in running order, so a cycle is a source that comes later.
 */
export function checkGraph(graph: PipelineGraph): void {
  const refuse = (problem: string): never => {
    throw new SlipwayError('pipeline_invalid', { pipeline: graph.id, problem });
  };
  const params = parameterNames(graph);
  const earlier = new Map<string, GraphNode>();
  for (const node of graph.nodes) {
    if (earlier.has(node.id)) refuse(`two steps are named "${node.id}"`);
    for (const before of node.after) {
      if (!earlier.has(before)) refuse(`step "${node.id}" waits for "${before}", which does not come before it`);
    }
    for (const [name, source] of Object.entries(node.inputs)) {
      const port = node.inputPorts[name];
      const problem = port === undefined ? 'is not one of its ports' : problemOf(source, port, { params, earlier });
      if (problem !== undefined) refuse(`input "${name}" of step "${node.id}" ${problem}`);
    }
    if ((node.kind === 'shell' || node.kind === 'python') && (node.argv ?? []).length === 0) {
      refuse(`step "${node.id}" names no program`);
    }
    earlier.set(node.id, node);
  }
}

interface Known {
  readonly params: ReadonlySet<string>;
  readonly earlier: ReadonlyMap<string, GraphNode>;
}

function problemOf(source: GraphSource, port: GraphPort, known: Known): string | undefined {
  if ('list' in source) {
    if (port.port !== 'list') return 'takes one value, not a list';
    const item: GraphPort = { port: 'artifact', kind: port.kind };
    return source.list.map((s) => problemOf(s, item, known)).find((problem) => problem !== undefined);
  }
  if ('value' in source) return port.port === 'parameter' ? undefined : 'is an artifact and cannot be a plain value';
  if ('parameter' in source) {
    if (!known.params.has(source.parameter)) return `uses the parameter "${source.parameter}", which is not declared`;
    return port.port === 'parameter' ? undefined : 'is an artifact and cannot be a parameter';
  }
  if ('dataset' in source)
    return port.port === 'artifact' && port.kind === 'dataset' ? undefined : 'cannot be a dataset';
  const output = known.earlier.get(source.step)?.outputs[source.output];
  if (output === undefined) return `uses "${source.output}" of step "${source.step}", which does not come before it`;
  if (output.port !== port.port)
    return `is a ${port.port}, but "${source.output}" of "${source.step}" is a ${output.port}`;
  if (output.port === 'artifact' && port.port === 'artifact' && output.kind !== port.kind) {
    return `is a ${port.kind}, but "${source.output}" of "${source.step}" is a ${output.kind}`;
  }
  return undefined;
}

function parameterNames(graph: PipelineGraph): Set<string> {
  const properties = z.record(z.string(), z.unknown()).safeParse(graph.params['properties']);
  return new Set(Object.keys(properties.data ?? {}));
}

/** The parameters of a run with defaults filled in. Throws `pipeline_params_invalid` naming the parameter. */
export function parseParams(graph: PipelineGraph, params: unknown): Record<string, z.core.util.JSONType> {
  const known = parameterNames(graph);
  const unknown = Object.keys(params ?? {}).filter((name) => !known.has(name));
  if (unknown.length > 0) {
    const problem = `there is no parameter "${unknown.join('", "')}". It has: ${[...known].join(', ') || 'none'}.`;
    throw new SlipwayError('pipeline_params_invalid', { pipeline: graph.id, problem });
  }
  // The graph's schema is JSON Schema made by the SDK; its words are those that this reads.
  const parsed = z.fromJSONSchema(graph.params as Parameters<typeof z.fromJSONSchema>[0]).safeParse(params);
  if (!parsed.success) {
    throw new SlipwayError('pipeline_params_invalid', { pipeline: graph.id, problem: z.prettifyError(parsed.error) });
  }
  return z.record(z.string(), z.json()).parse(parsed.data);
}

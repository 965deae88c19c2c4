/** A pipeline as plain JSON, for the server, for plans and for people; no step is run. */
import type { GraphNode, GraphPort, GraphSource, PipelineGraph } from '@slipway/contract';
import { PipelineGraph as GraphSchema } from '@slipway/contract';
import { z } from 'zod';
import type { BuiltNode, PipelineDefinition } from './pipeline.ts';
import { isRef } from './pipeline.ts';
import type { Port } from './ports.ts';

/** Stands in `code` for the files of the project that the pipeline file imports; the server puts their digest there. */
export const projectCode = 'project';

/**
 * The graph. The same definition gives the same JSON, key for key, so its digest is its identity.
 *
 * @throws Error when a plain value does not fit its parameter, naming the step and the input.
 */
export function describe(definition: PipelineDefinition): PipelineGraph {
  const schema = z.object(
    Object.fromEntries(
      Object.entries(definition.params).flatMap(([name, port]) =>
        port.port === 'parameter' ? [[name, port.schema]] : [],
      ),
    ),
  );
  return GraphSchema.parse({
    id: definition.id,
    ...(definition.description === undefined ? {} : { description: definition.description }),
    params: z.toJSONSchema(schema, { io: 'input' }),
    nodes: definition.nodes.map(describeNode),
  });
}

function describeNode(node: BuiltNode): GraphNode {
  const { definition } = node;
  const inputs = Object.entries(definition.inputs).flatMap(([name, port]): [string, GraphSource][] => {
    const source = sourceOf(node, name, port);
    return source === undefined ? [] : [[name, source]];
  });
  return {
    id: node.id,
    step: definition.id,
    kind: definition.kind,
    inputs: Object.fromEntries(inputs),
    inputPorts: describePorts(definition.inputs),
    outputs: describePorts(definition.outputs),
    after: [...node.after],
    cache: definition.cache,
    retry: definition.retry,
    timeoutMs: definition.timeoutMs,
    code: definition.code ?? projectCode,
    ...(definition.argv === undefined ? {} : { argv: [...definition.argv] }),
  };
}

function sourceOf(node: BuiltNode, name: string, port: Port): GraphSource | undefined {
  const value = node.inputs[name];
  if (isRef(value)) return value.ref;
  if (port.port === 'list') {
    const items = Array.isArray(value) ? value : [];
    return { list: items.filter(isRef).map((item) => item.ref) };
  }
  if (port.port === 'artifact') throw new Error(`step "${node.id}": input "${name}" needs the output of a step`);
  const parsed = port.schema.safeParse(value);
  if (!parsed.success)
    throw new Error(`step "${node.id}": input "${name}" does not fit: ${z.prettifyError(parsed.error)}`);
  // What is not JSON is dropped or refused by the graph's own schema.
  return parsed.data === undefined ? undefined : { value: z.json().parse(parsed.data) };
}

function describePorts(ports: Readonly<Record<string, Port>>): Record<string, GraphPort> {
  return Object.fromEntries(
    Object.entries(ports).map(([name, port]): [string, GraphPort] => [
      name,
      port.port === 'parameter'
        ? {
            port: 'parameter',
            schema: z.record(z.string(), z.json()).parse(z.toJSONSchema(port.schema, { io: 'input' })),
          }
        : port,
    ]),
  );
}

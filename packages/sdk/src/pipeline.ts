/**
 * Pipelines: a graph of steps, written as a function that runs once, without I/O, when the pipeline is described.
 * Inside it, `run(step, inputs)` adds a node and returns references to its outputs; the inputs are references or plain
 * values, checked by the compiler. A reference exists only after its node, so a cycle cannot be written.
 */
import type { Artifact, ArtifactPort, ListPort, ParameterPort, Port, Ports, ValueOf } from './ports.ts';
import type { StepDefinition } from './step.ts';

declare const carries: unique symbol;

/** A value that will exist when the pipeline runs. */
export interface Ref<V> {
  readonly ref: RefSource;
  /** Only in the type: what the reference stands for. */
  readonly [carries]: V;
}

export type RefSource =
  | { readonly parameter: string }
  | { readonly dataset: string }
  | { readonly step: string; readonly output: string };

/** What may be given for a port. */
export type ArgumentOf<P extends Port> =
  P extends ParameterPort<infer T, infer In>
    ? Ref<T> | In
    : P extends ArtifactPort<infer K>
      ? Ref<Artifact<K>>
      : P extends ListPort<infer K>
        ? readonly Ref<Artifact<K>>[]
        : never;

type OptionalNames<I extends Ports> = {
  [N in keyof I]: I[N] extends ParameterPort<unknown, infer In> ? (undefined extends In ? N : never) : never;
}[keyof I];

export type ArgumentsOf<I extends Ports> = { readonly [N in Exclude<keyof I, OptionalNames<I>>]: ArgumentOf<I[N]> } & {
  readonly [N in OptionalNames<I>]?: ArgumentOf<I[N]>;
};

export type RefsOf<O extends Ports> = { readonly [N in keyof O]: Ref<ValueOf<O[N]>> };

export interface NodeOptions {
  /** Name of the node; the step's own id unless said. */
  readonly id?: string;
  /** Nodes that must have succeeded first although no value of theirs is used. */
  readonly after?: readonly Added[];
}

/** What `run` returns: the outputs, and the node itself for `after`. */
export type Added<O extends Ports = Record<never, never>> = RefsOf<O> & { readonly [node]: string };
export const node: unique symbol = Symbol('node');

export interface Builder {
  /** Adds a step. */
  <I extends Ports, O extends Ports>(
    step: StepDefinition<I, O>,
    inputs: ArgumentsOf<NoInfer<I>>,
    options?: NodeOptions,
  ): Added<O>;
  /** Adds a step once per item; the nodes are named `<step>-<key>` and run in parallel. */
  map<I extends Ports, O extends Ports, const T, K extends string>(
    step: StepDefinition<I, O>,
    items: Readonly<Record<K, T>>,
    inputs: (item: T, key: K) => ArgumentsOf<NoInfer<I>>,
  ): { readonly [N in keyof O]: readonly Ref<ValueOf<O[N]>>[] } & { readonly [node]: string };
  /** A dataset version: `name`, `name@3`, `name@3/file`. `latest` becomes a fixed version when a run starts. */
  dataset(ref: string): Ref<Artifact<'dataset'>>;
}

export interface BuiltNode {
  readonly id: string;
  readonly definition: StepDefinition;
  readonly inputs: Readonly<Record<string, unknown>>;
  readonly after: readonly string[];
}

export interface PipelineDefinition<P extends Ports = Ports> {
  readonly pipeline: true;
  readonly id: string;
  readonly description: string | undefined;
  readonly params: P;
  /** In the order in which they were added, which is an order in which they can run. */
  readonly nodes: readonly BuiltNode[];
}

type ParameterPorts = Readonly<Record<string, ParameterPort>>;

/**
 * @example
 * export default pipeline({ id: 'greet', params: { word: parameter(z.string()) } }, (p, run) => {
 *   const { loud } = run(shout, { word: p.word });
 *   run(print, { text: loud });
 * });
 */
export function pipeline<const P extends ParameterPorts>(
  options: { readonly id: string; readonly description?: string; readonly params?: P },
  build: (params: { readonly [N in keyof P]: Ref<ValueOf<P[N]>> }, run: Builder) => void,
): PipelineDefinition<P> {
  const params = options.params ?? ({} as P);
  const nodes: BuiltNode[] = [];
  const refs = Object.fromEntries(Object.keys(params).map((name) => [name, refTo({ parameter: name })]));
  // One entry per declared name, each with the type of its own port.
  build(refs as { readonly [N in keyof P]: Ref<ValueOf<P[N]>> }, createBuilder(options.id, nodes));
  return { pipeline: true, id: options.id, description: options.description, params, nodes };
}

function refTo<V>(source: RefSource): Ref<V> {
  // The carried type exists for the compiler only.
  return { ref: source } as Ref<V>;
}

export function isRef(value: unknown): value is Ref<unknown> {
  return typeof value === 'object' && value !== null && 'ref' in value && typeof value.ref === 'object';
}

function createBuilder(pipelineId: string, nodes: BuiltNode[]): Builder {
  const add = <I extends Ports, O extends Ports>(
    definition: StepDefinition<I, O>,
    inputs: ArgumentsOf<I>,
    options: NodeOptions = {},
  ): Added<O> => {
    const id = options.id ?? definition.id;
    if (nodes.some((n) => n.id === id)) {
      throw new Error(
        `pipeline "${pipelineId}" has two steps named "${id}": give one of them another name with { id }`,
      );
    }
    nodes.push({
      id,
      // The list holds definitions of any ports; each node's inputs were checked against its own here.
      definition: definition as unknown as StepDefinition,
      inputs,
      after: (options.after ?? []).flatMap((n) => n[node].split('\n')),
    });
    const outputs = Object.keys(definition.outputs).map((output) => [output, refTo({ step: id, output })]);
    return Object.assign(Object.fromEntries(outputs), { [node]: id }) as Added<O>;
  };
  const map: Builder['map'] = (definition, items, inputs) => {
    const added = (Object.keys(items) as (keyof typeof items)[]).map((key) =>
      add(definition, inputs(items[key], key), { id: `${definition.id}-${key}` }),
    );
    const outputs = Object.keys(definition.outputs).map((output) => [
      output,
      added.map((a) => refTo({ step: a[node], output })),
    ]);
    return Object.assign(Object.fromEntries(outputs), { [node]: added.map((a) => a[node]).join('\n') }) as ReturnType<
      Builder['map']
    > as never;
  };
  return Object.assign(add, { map, dataset: (ref: string) => refTo<Artifact<'dataset'>>({ dataset: ref }) }) as Builder;
}

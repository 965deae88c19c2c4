/** Steps: a typed function with its ports, its cache rule, its retries and its time limit. A step is an exported value, not a registration. */
import type { RetryPolicy, StepKind } from '@slipway/contract';
import { SlipwayError } from '@slipway/contract';
import type { StepContext } from './context.ts';
import type { Ports, ValuesOf } from './ports.ts';

const minuteMs = 60_000;
const defaultTimeoutMs = 60 * minuteMs;

/**
 * `content`: the result is a function of the code, the inputs and nothing else; an equal earlier result is reused.
 * `never`: the step does something to the world, or reads what its inputs do not name.
 */
export type CacheRule = 'content' | 'never';

export interface StepDefinition<I extends Ports = Ports, O extends Ports = Ports> {
  readonly id: string;
  readonly kind: StepKind;
  readonly inputs: I;
  readonly outputs: O;
  readonly cache: CacheRule;
  readonly retry: RetryPolicy;
  readonly timeoutMs: number;
  /** Names the code when it does not live in the project: ready-made steps with their settings. */
  readonly code: string | undefined;
  readonly argv: readonly string[] | undefined;
  // A method, so that a definition with narrower ports still fits where any definition is accepted.
  run(context: StepContext, inputs: ValuesOf<I>): Promise<ValuesOf<O>>;
}

interface StepOptions<I extends Ports, O extends Ports> {
  /** Names the step in graphs, logs and caches; a node may be given another name when it is added. */
  readonly id: string;
  readonly inputs?: I;
  readonly outputs?: O;
  readonly cache?: CacheRule;
  readonly retry?: Partial<RetryPolicy>;
  readonly timeoutMs?: number;
}

export interface FunctionStepOptions<I extends Ports, O extends Ports> extends StepOptions<I, O> {
  readonly code?: string;
  readonly run: (context: StepContext, inputs: ValuesOf<I>) => Promise<ValuesOf<O>>;
}

export interface CommandStepOptions<I extends Ports, O extends Ports> extends StepOptions<I, O> {
  /**
   * The program and its arguments, never a shell string. `{name}` stands for a parameter's value or the local path of an
   * input artifact, `{out:name}` for the path where the step must leave that output. Parameters come out as JSON files.
   */
  readonly argv: readonly string[];
}

export interface PythonStepOptions<I extends Ports, O extends Ports> extends StepOptions<I, O> {
  /** A module of the project, run as `python -m module`. Tracking variables are set, so that `mlflow` logs to this step's run. */
  readonly module: string;
  readonly args?: readonly string[];
  /** The interpreter: that of the server (SLIPWAY_PYTHON, else `python3`) unless one is named. */
  readonly python?: string;
}

const noPorts: Readonly<Record<never, never>> = {};

function common<I extends Ports, O extends Ports>(options: StepOptions<I, O>) {
  return {
    id: options.id,
    // Without ports I and O are inferred as the empty record.
    inputs: options.inputs ?? (noPorts as I),
    outputs: options.outputs ?? (noPorts as O),
    cache: options.cache ?? ('content' as const),
    retry: { attempts: 1, delayMs: 1000, delayMaxMs: minuteMs, ...options.retry },
    timeoutMs: options.timeoutMs ?? defaultTimeoutMs,
  };
}

/**
 * A step in TypeScript. `run` is an ordinary function: a test may call it directly.
 *
 * @example
 * export const shout = step({
 *   id: 'shout',
 *   inputs: { word: parameter(z.string()) },
 *   outputs: { loud: parameter(z.string()) },
 *   run: async (_, { word }) => ({ loud: word.toUpperCase() }),
 * });
 */
export function step<const I extends Ports = Record<never, never>, const O extends Ports = Record<never, never>>(
  options: FunctionStepOptions<I, O>,
): StepDefinition<I, O> {
  return { ...common(options), kind: 'function', code: options.code, argv: undefined, run: options.run };
}

/** A step that runs a program. It succeeds when the program exits with 0 and every output file is there. */
export function shellStep<const I extends Ports = Record<never, never>, const O extends Ports = Record<never, never>>(
  options: CommandStepOptions<I, O>,
): StepDefinition<I, O> {
  return { ...common(options), kind: 'shell', code: undefined, argv: options.argv, run: notCallable(options.id) };
}

/** A step that runs a Python module of the project. */
export function pythonStep<const I extends Ports = Record<never, never>, const O extends Ports = Record<never, never>>(
  options: PythonStepOptions<I, O>,
): StepDefinition<I, O> {
  const argv = [options.python ?? '{python}', '-m', options.module, ...(options.args ?? [])];
  return { ...common(options), kind: 'python', code: undefined, argv, run: notCallable(options.id) };
}

/** A step that does nothing, inside the server: what the durable machinery costs, measured. */
export function noopStep(id: string): StepDefinition<Record<never, never>, Record<never, never>> {
  const options = { id, inputs: {}, outputs: {}, cache: 'never' as const };
  return { ...common(options), kind: 'noop', code: undefined, argv: undefined, run: async () => ({}) };
}

/** A failure that another attempt would meet again: the step is not retried, whatever its policy says. */
export function stepFailed(stepId: string, problem: string): SlipwayError {
  return new SlipwayError('step_failed', { step: stepId, problem }, { message: problem });
}

/** The step did its work, and the answer is no: a gate, a validation. The command line ends with its own exit code for that. */
export function stepSaidNo(stepId: string, problem: string): SlipwayError {
  return new SlipwayError('step_said_no', { step: stepId, problem }, { message: problem });
}

function notCallable(id: string): () => Promise<never> {
  return () =>
    Promise.reject(new Error(`step "${id}" is a program: the server runs it, it cannot be called as a function`));
}

/**
 * The process of one TypeScript step: `node step-runner.ts <attempt folder>`.
 *
 * Reads the task, imports the project's pipeline file (the names `slipway`, `@slipway/*` and `zod` resolve to this server's
 * own copies, wherever the project lies), runs the step, and leaves a result file. Exit code 0 says that there is one.
 */
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import type { SlipwayError } from '@slipway/contract';
import type { PipelineDefinition, StepDefinition } from 'slipway';
import { resolveOwnImports } from '../../platform/own-imports.ts';
import { createStepContext } from './step-context.ts';
import { StepTask, taskFile, writeResult } from './step-task.ts';
import type { StepResult } from './step-task.ts';

resolveOwnImports();

const folder = process.argv[2];
if (folder === undefined) throw new Error('usage: step-runner.ts <attempt folder>');
const task = StepTask.parse(JSON.parse(readFileSync(join(folder, taskFile), 'utf8')));

const stop = new AbortController();
process.on('SIGTERM', () => stop.abort(new Error('the step was asked to stop')));

const { context, close } = createStepContext({
  task,
  folder,
  signal: stop.signal,
  token: process.env['SLIPWAY_TOKEN'],
});

let result: StepResult;
try {
  const definition = await loadStep(task);
  // The graph was checked against the ports when it was applied, and the values against the graph.
  const outputs = await definition.run(context, await valuesOf(definition));
  await context.run.flush();
  result = { outputs: outputsOf(definition, outputs) };
} catch (error) {
  const message = error instanceof Error ? error.message : String(error);
  // A refusal says all there is to say; anything else needs the place where it came from.
  const refusal = isRefusal(error) ? error : undefined;
  context.log(error instanceof Error && refusal === undefined ? (error.stack ?? message) : message);
  const stack = error instanceof Error && error.stack !== undefined ? { stack: error.stack } : {};
  const code = refusal === undefined ? {} : { code: refusal.code };
  result = { error: { message, ...code, ...stack, isRetryable: refusal?.retryable ?? true } };
}
const trackingRun = await close(!('error' in result));
await writeResult(folder, trackingRun === undefined ? result : { ...result, trackingRun });
// Whatever the step left open must not keep its process alive.
process.exit('error' in result ? 1 : 0);

/** By its shape: the project's code may carry another copy of the class. */
function isRefusal(error: unknown): error is SlipwayError {
  return error instanceof Error && error.name === 'SlipwayError' && 'retryable' in error;
}

async function loadStep(wanted: StepTask): Promise<StepDefinition> {
  const exported = (await import(pathToFileURL(wanted.file).href)) as Record<string, unknown>;
  const pipelines = Object.values(exported).filter(isPipeline);
  const pipeline = pipelines.find((p) => p.id === wanted.pipeline);
  const node = pipeline?.nodes.find((n) => n.id === wanted.step);
  if (!node) throw new Error(`${wanted.file} exports no pipeline "${wanted.pipeline}" with a step "${wanted.step}"`);
  return node.definition;
}

function isPipeline(value: unknown): value is PipelineDefinition {
  return typeof value === 'object' && value !== null && 'pipeline' in value && value.pipeline === true;
}

async function valuesOf(definition: StepDefinition): Promise<Record<string, never>> {
  const values: Record<string, unknown> = {};
  for (const [name, port] of Object.entries(definition.inputs)) {
    const input = task.inputs[name];
    if (port.port === 'parameter') {
      // Parsed again here: a schema may turn JSON into something richer.
      const given = input !== undefined && 'value' in input && input.value !== null ? input.value : undefined;
      values[name] = await port.schema.parseAsync(given);
    } else if (input !== undefined && 'list' in input) {
      values[name] = input.list.flatMap((item) => ('artifact' in item ? [item.artifact] : []));
    } else if (input !== undefined && 'artifact' in input) {
      values[name] = input.artifact;
    }
  }
  return values as Record<string, never>;
}

function outputsOf(
  definition: StepDefinition,
  outputs: Readonly<Record<string, unknown>>,
): Extract<StepResult, { outputs: unknown }>['outputs'] {
  return Object.fromEntries(
    Object.entries(definition.outputs).flatMap(([name, port]) => {
      const value = outputs[name];
      if (value === undefined) return [];
      // Ports say which it is; a wrong value is named by the server when it checks them.
      return [[name, (port.port === 'parameter' ? { value } : { artifact: value }) as never]];
    }),
  );
}

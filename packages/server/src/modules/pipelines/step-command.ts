/** The program, its arguments and its environment for one attempt of a step. */
import { fileURLToPath } from 'node:url';
import type { GraphNode } from '@slipway/contract';
import { SlipwayError } from '@slipway/contract';
import { datasetRef } from 'slipway';
import { entryFile } from '../../platform/entry.ts';
import type { InputValue } from './cache-key.ts';
import { programOutputPath } from './step-outputs.ts';
import type { StepTask } from './step-task.ts';

export interface CommandContext {
  readonly task: StepTask;
  readonly folder: string;
  readonly project: string;
  readonly token: string;
  readonly trackingRunHex: string | undefined;
  /** What `{python}` stands for. */
  readonly python: string;
  /** Folder where Node and Python keep compiled code: saves most of a step's start. Projects are not written to. */
  readonly compileCache: string;
}

export interface Command {
  readonly argv: readonly string[];
  readonly cwd: string;
  readonly env: Readonly<Record<string, string>>;
}

// What programs commonly need from their surroundings; everything else a step has to name, so that runs are repeatable.
const passedOn = ['PATH', 'HOME', 'LANG', 'LC_ALL', 'TMPDIR', 'TZ', 'SSL_CERT_FILE', 'NODE_EXTRA_CA_CERTS'] as const;

export function commandOf(node: GraphNode, context: CommandContext): Command {
  const env = environment(context);
  const { folder } = context;
  if (node.kind === 'function') {
    const runner = fileURLToPath(entryFile(import.meta.url, './step-runner'));
    return {
      argv: [process.execPath, '--no-warnings', runner, folder],
      cwd: folder,
      env: { ...env, NODE_COMPILE_CACHE: context.compileCache },
    };
  }
  const argv = (node.argv ?? []).map((word) => expand(node, word, context));
  if (node.kind !== 'python') return { argv, cwd: folder, env };
  const python = { PYTHONPATH: context.project, PYTHONUNBUFFERED: '1', PYTHONPYCACHEPREFIX: context.compileCache };
  return { argv, cwd: folder, env: { ...env, ...python } };
}

function environment(context: CommandContext): Record<string, string> {
  const { task } = context;
  const env: Record<string, string> = {};
  for (const name of passedOn) {
    // The process's own surroundings are handed to the programs that it starts.
    const value = process.env[name];
    if (value !== undefined) env[name] = value;
  }
  return {
    ...env,
    SLIPWAY_URL: task.url,
    SLIPWAY_TOKEN: context.token,
    SLIPWAY_PIPELINE: task.pipeline,
    SLIPWAY_PIPELINE_RUN: task.run,
    SLIPWAY_STEP: task.step,
    SLIPWAY_PROJECT: context.project,
    SLIPWAY_WORKDIR: context.folder,
    MLFLOW_TRACKING_URI: task.url,
    MLFLOW_TRACKING_TOKEN: context.token,
    MLFLOW_EXPERIMENT_NAME: task.pipeline,
    ...(context.trackingRunHex === undefined ? {} : { MLFLOW_RUN_ID: context.trackingRunHex }),
  };
}

function expand(node: GraphNode, word: string, context: CommandContext): string {
  return word.replace(/\{(out:)?([A-Za-z_]\w*)\}/g, (whole, out: string | undefined, name: string) => {
    if (out !== undefined) {
      if (node.outputs[name] === undefined) throw unknown(node, whole);
      return programOutputPath(context.folder, name);
    }
    if (name === 'project') return context.project;
    if (name === 'workdir') return context.folder;
    if (name === 'python') return context.python;
    const value = context.task.inputs[name];
    if (value === undefined) throw unknown(node, whole);
    return textOf(value, context.task);
  });
}

function unknown(node: GraphNode, whole: string): SlipwayError {
  return new SlipwayError('step_failed', {
    step: node.id,
    problem: `its command names ${whole}, which is not one of its ports`,
  });
}

function textOf(value: InputValue, task: StepTask): string {
  if ('list' in value) return value.list.map((item) => textOf(item, task)).join(',');
  if ('value' in value) return typeof value.value === 'string' ? value.value : JSON.stringify(value.value);
  if (value.artifact.kind !== 'dataset') return task.files[value.artifact.digest] ?? '';
  return (task.datasets[datasetRef(value.artifact)]?.paths ?? []).join(',');
}

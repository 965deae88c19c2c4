/** What a step left behind, checked against its ports and taken into the object store before its success is recorded. */
import { readFile, stat } from 'node:fs/promises';
import { join } from 'node:path';
import type { GraphNode, GraphPort, StepOutput } from '@slipway/contract';
import { SlipwayError } from '@slipway/contract';
import type { Objects } from '../../platform/objects/objects.ts';
import { artifactsFolder } from './step-task.ts';

type Outputs = Record<string, StepOutput>;

/** Outputs of a TypeScript step: artifacts that it made lie in its folder, others were handed on from an input. */
export async function publishOutputs(
  node: GraphNode,
  outputs: Readonly<Outputs>,
  from: { readonly folder: string; readonly objects: Objects },
): Promise<Outputs> {
  const published: Outputs = {};
  for (const [name, port] of Object.entries(node.outputs)) {
    const output = outputs[name];
    const problem = output === undefined ? 'the step did not return it' : mismatch(output, port);
    if (output === undefined || problem !== undefined) {
      throw new SlipwayError('step_output_invalid', { step: node.id, output: name, problem });
    }
    if ('artifact' in output && output.artifact.kind !== 'dataset') await store(node, name, output, from);
    published[name] = output;
  }
  return published;
}

function mismatch(output: StepOutput, port: GraphPort): string | undefined {
  if (port.port === 'parameter')
    return 'value' in output ? undefined : 'it is an artifact, but the port is a parameter';
  if (!('artifact' in output)) return 'it is a plain value, but the port is an artifact';
  return output.artifact.kind === port.kind
    ? undefined
    : `it is a ${output.artifact.kind}, but the port is a ${port.kind}`;
}

async function store(
  node: GraphNode,
  name: string,
  output: Extract<StepOutput, { artifact: unknown }>,
  from: { readonly folder: string; readonly objects: Objects },
): Promise<void> {
  const { digest } = output.artifact;
  const made = join(from.folder, artifactsFolder, digest.replace('sha256:', ''));
  const isMade = (await stat(made).catch(() => undefined)) !== undefined;
  const stored = isMade ? await from.objects.putFile(made) : await from.objects.find(digest);
  if (stored === undefined) {
    const problem = `its bytes (${digest}) are nowhere: make it with ctx.writeArtifact`;
    throw new SlipwayError('step_output_invalid', { step: node.id, output: name, problem });
  }
  if (stored.digest !== digest) {
    const problem = `its file changed after it was made (${digest} became ${stored.digest})`;
    throw new SlipwayError('step_output_invalid', { step: node.id, output: name, problem });
  }
}

/** Where a program has to leave an output. */
export function programOutputPath(folder: string, name: string): string {
  return join(folder, 'outputs', name);
}

/** Outputs of a program: one file each; a parameter is a file of JSON. */
export async function collectProgramOutputs(
  node: GraphNode,
  from: { readonly folder: string; readonly objects: Objects },
): Promise<Outputs> {
  const outputs: Outputs = {};
  for (const [name, port] of Object.entries(node.outputs)) {
    const path = programOutputPath(from.folder, name);
    const refuse = (problem: string): never => {
      throw new SlipwayError('step_output_invalid', { step: node.id, output: name, problem });
    };
    if ((await stat(path).catch(() => undefined))?.isFile() !== true)
      return refuse(
        `the program ended well, but left no file at the path that {out:${name}} stood for in its arguments`,
      );
    if (port.port === 'list') return refuse('a list cannot be an output');
    if (port.port === 'artifact') {
      const { digest, sizeBytes } = await from.objects.putFile(path);
      outputs[name] = { artifact: { kind: port.kind, name, digest, sizeBytes } };
      continue;
    }
    try {
      outputs[name] = { value: JSON.parse(await readFile(path, 'utf8')) };
    } catch (error) {
      return refuse(`its file is not JSON: ${String(error)}`);
    }
  }
  return outputs;
}

/** The step that made a version, and what is known of it alone. */
import type { ModelVersion, PipelineRunDetail } from '@slipway/contract';
import { SlipwayError } from '@slipway/contract';

export async function orUndefined<T>(find: Promise<T>): Promise<T | undefined> {
  try {
    return await find;
  } catch (error) {
    if (error instanceof SlipwayError && error.status === 404) return undefined;
    throw error;
  }
}

export const makerOf = ({ onnx, artifactDigest }: ModelVersion, pipelineRun: PipelineRunDetail | undefined) =>
  pipelineRun?.steps.find((step) =>
    Object.values(step.outputs).some(
      (output) =>
        'artifact' in output && (output.artifact.digest === onnx?.digest || output.artifact.digest === artifactDigest),
    ),
  );

/** Inputs of the signature, else what the step that made the file says that it takes. */
export function featureNames(version: ModelVersion, pipelineRun: PipelineRunDetail | undefined): string[] {
  const named = (version.signature?.inputs ?? []).flatMap(({ name }) => (typeof name === 'string' ? [name] : []));
  if (named.length > 0) return named;
  const outputs = Object.values(makerOf(version, pipelineRun)?.outputs ?? {});
  const said = outputs.map((output) => ('artifact' in output ? output.artifact.meta?.['features'] : undefined));
  return said.flatMap((names) => (Array.isArray(names) ? names.filter((name) => typeof name === 'string') : []));
}

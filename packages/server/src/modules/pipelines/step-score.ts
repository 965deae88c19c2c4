/** Scoring inside a step: ONNX Runtime over whole columns, in batches. Loaded by the first use. */
import type { StepContext } from 'slipway';

const batchRows = 8192;

/** Probability of the last class for a classifier, the prediction for a regression. Columns are cast to float32, as in serving. */
export const scoreColumns: StepContext['score'] = async ({ file }, columns) => {
  const { InferenceSession, Tensor } = await import('onnxruntime-node');
  const session = await InferenceSession.create(file, {
    intraOpNumThreads: 1,
    interOpNumThreads: 1,
    logSeverityLevel: 3,
  });
  try {
    const [input] = session.inputNames;
    if (input === undefined || session.inputNames.length !== 1) {
      throw new Error(
        `the model has the inputs ${session.inputNames.join(', ')}; one input of all features was expected`,
      );
    }
    const output = session.outputNames.includes('probabilities') ? 'probabilities' : session.outputNames.at(-1);
    const rows = columns[0]?.length ?? 0;
    const scores = new Float64Array(rows);
    for (let start = 0; start < rows; start += batchRows) {
      const count = Math.min(batchRows, rows - start);
      const values = new Float32Array(count * columns.length);
      for (const [f, column] of columns.entries()) {
        for (let i = 0; i < count; i++) values[i * columns.length + f] = column[start + i] ?? NaN;
      }
      const answer = await session.run({ [input]: new Tensor('float32', values, [count, columns.length]) }, [
        output ?? '',
      ]);
      // A classifier or regression of floats answers with floats.
      const data = answer[output ?? '']?.data as Float32Array | undefined;
      const width = (data?.length ?? 0) / count;
      for (let i = 0; i < count; i++) scores[start + i] = data?.[i * width + width - 1] ?? NaN;
    }
    return scores;
  } finally {
    await session.release();
  }
};

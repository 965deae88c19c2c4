/** Why a file or a model was refused: `limit` is a documented bound of this package, `format` a broken or foreign file. */
export type OnnxProblem = 'format' | 'limit' | 'model';

/**
 * The one error of this package. `problem` is 'format' when the bytes are not a well-formed ONNX file, 'limit' when a
 * bound was passed, 'model' when a model handed to a writer cannot be written.
 */
export class OnnxError extends Error {
  readonly problem: OnnxProblem;
  constructor(problem: OnnxProblem, message: string) {
    super(message);
    this.name = 'OnnxError';
    this.problem = problem;
  }
}

/** Inference requests before the framework: the route's own parsing and answers, behind a loop for the usual body. */
import type { HotProtocol, ScoringPort } from '../../modules/serving/index.ts';
import { findHeader } from '../../platform/http/raw-header.ts';
import { inferError } from './errors.ts';
import type { InferRequest } from './infer.ts';
import { answerInfer, parseInfer } from './infer.ts';
import { mustInputs, readJsonLength, scoringBodyLimitBytes } from './routes.ts';

/** The head is the length of the JSON part, where binary tensors follow it. */
export function createInferPath(scoring: ScoringPort): HotProtocol<number | undefined, InferRequest> {
  return {
    operation: 'infer',
    before: '/v2/models/',
    after: '/infer',
    isEndpoint: (name) => /^[\w.-]+$/.test(name),
    bodyLimitBytes: scoringBodyLimitBytes,
    readHead: (request) => readJsonLength((name) => findHeader(request, name)),
    parse: (bytes, jsonLength, endpoint) => parseInfer({ bytes, jsonLength }, mustInputs(scoring, endpoint)),
    answer: answerInfer,
    error: inferError,
  };
}

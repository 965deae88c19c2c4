/**
 * The least that a Node server can do with a prediction request: read the body, parse it, answer a body of the same form as
 * Slipway's. It scores, checks, logs and counts nothing.
 */
import { createServer } from 'node:http';

const score = 0.7684183207511902;
const predictionId = 'prd_01k9zv3m5qf8s7c2x4a6b8d0eg';

interface V2Request {
  readonly id?: string;
}

const answerV2 = ({ id }: V2Request): unknown => ({
  model_name: 'bench',
  model_version: '1',
  id,
  outputs: [
    { name: 'score', datatype: 'FP32', shape: [1], data: [score] },
    { name: 'prediction_id', datatype: 'BYTES', shape: [1], data: [predictionId] },
    { name: 'model_version', datatype: 'INT64', shape: [1], data: [1] },
  ],
});

const answerOwn = (): unknown => ({ predictions: [{ id: predictionId, score, version: 1 }] });

const server = createServer((request, response) => {
  const isV2 = request.url === '/v2/models/bench/infer';
  const chunks: Buffer[] = [];
  request.on('data', (chunk: Buffer) => chunks.push(chunk));
  request.on('end', () => {
    // The load generator sends one object per request.
    const body = JSON.parse(Buffer.concat(chunks).toString()) as V2Request;
    const text = JSON.stringify(isV2 ? answerV2(body) : answerOwn());
    response.writeHead(200, { 'content-type': 'application/json', 'content-length': Buffer.byteLength(text) });
    response.end(text);
  });
});
server.listen(0, '127.0.0.1', () => {
  const address = server.address();
  const port = typeof address === 'object' ? address?.port : undefined;
  process.stdout.write(`listening at http://127.0.0.1:${port}\n`);
});
process.on('SIGTERM', () => server.close(() => process.exit(0)));

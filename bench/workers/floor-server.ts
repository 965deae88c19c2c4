/** The least that a Node server can do with an inference request: read the body, parse it, answer JSON. */
import { createServer } from 'node:http';

const server = createServer((request, response) => {
  const chunks: Buffer[] = [];
  request.on('data', (chunk: Buffer) => chunks.push(chunk));
  request.on('end', () => {
    // The load generator sends one object per request.
    const body = JSON.parse(Buffer.concat(chunks).toString()) as { readonly id?: string };
    const text = JSON.stringify({
      id: body.id,
      outputs: [{ name: 'score', shape: [1, 1], datatype: 'FP32', data: [0.5] }],
    });
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

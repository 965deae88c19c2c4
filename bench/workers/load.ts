/**
 * A closed-loop load generator over raw sockets: every connection sends its next request when the answer to the last is
 * complete. Reads one JSON job from standard input and prints requests per second and latencies.
 */
import { connect } from 'node:net';
import { text } from 'node:stream/consumers';

interface Job {
  readonly url: string;
  readonly connections: number;
  readonly requests: number;
  /** Request bodies, taken in turn. */
  readonly bodies: readonly string[];
  /** The Authorization header of every request. */
  readonly authorization: string;
}

// Written by predict.ts.
const job = JSON.parse(await text(process.stdin)) as Job;
const url = new URL(job.url);
const messages = job.bodies.map((body) =>
  Buffer.from(
    `POST ${url.pathname} HTTP/1.1\r\nHost: ${url.host}\r\nContent-Type: application/json\r\nAuthorization: ${job.authorization}\r\nContent-Length: ${Buffer.byteLength(body)}\r\n\r\n${body}`,
  ),
);
const latenciesMs: number[] = [];
let sent = 0;
let failures = 0;
let failure = '';

/** Length of the first complete answer in the text, or undefined while it is not complete. */
function answerLength(received: string): number | undefined {
  const end = received.indexOf('\r\n\r\n');
  if (end < 0) return undefined;
  const head = received.slice(0, end);
  const length = Number(/content-length: *(\d+)/i.exec(head)?.[1] ?? 0);
  return received.length >= end + 4 + length ? end + 4 + length : undefined;
}

function runConnection(): Promise<void> {
  return new Promise((resolve, reject) => {
    const socket = connect({ host: url.hostname, port: Number(url.port), noDelay: true });
    let received = '';
    let sentAt = 0;
    const next = (): void => {
      if (sent >= job.requests) return void socket.end();
      const message = messages[sent % messages.length] ?? Buffer.alloc(0);
      sent += 1;
      sentAt = performance.now();
      socket.write(message);
    };
    socket.on('connect', next);
    socket.on('data', (data: Buffer) => {
      received += data.toString('latin1');
      const length = answerLength(received);
      if (length === undefined) return;
      latenciesMs.push(performance.now() - sentAt);
      if (!received.startsWith('HTTP/1.1 200')) {
        failures += 1;
        failure = received.slice(0, 1000);
      }
      received = received.slice(length);
      next();
    });
    socket.on('close', () => resolve());
    socket.on('error', reject);
  });
}

const before = performance.now();
await Promise.all(Array.from({ length: job.connections }, runConnection));
const wallS = (performance.now() - before) / 1000;
latenciesMs.sort((a, b) => a - b);
const quantile = (share: number): number => latenciesMs[Math.floor((latenciesMs.length - 1) * share)] ?? 0;
if (failures > 0) process.stderr.write(`${failures} of ${job.requests} requests failed, such as: ${failure}\n`);
const figures = { requestsPerS: latenciesMs.length / wallS, p50Ms: quantile(0.5), p99Ms: quantile(0.99), failures };
process.stdout.write(`${JSON.stringify(figures)}\n`);

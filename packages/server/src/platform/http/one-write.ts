/**
 * Answers with one write to the socket.
 *
 * `response.end(text)` hands the socket two pieces, the answer and an empty one that carries its callback, and checks and
 * joins headers that are the same every time: about 1.2 us of the 18 that a small prediction takes. Here head and body are
 * one text, and the response is told that it is finished, which frees the connection for the next request.
 *
 * That the server waits for nothing but the response's `finish` is how Node 24 works, not what it promises: other majors,
 * and every case that is not the usual one, go through `response.end`. one-write.test.ts holds both to the same answers.
 */
import type { IncomingMessage, ServerResponse } from 'node:http';
import { keepAliveHint } from './idle-connections.ts';

const knownMajors: ReadonlySet<string> = new Set(['24']);
const isKnownNode = knownMajors.has(process.versions.node.split('.', 1)[0] ?? '');

export interface TextAnswer {
  readonly headers: Readonly<Record<string, string>>;
  /** ASCII only. */
  readonly body: string;
}

export interface OneWrite {
  /** The time for the Date headers of the answers that follow, milliseconds since 1970. */
  tell(nowMs: number): void;
  /** Answers 200 and says true, or leaves the response alone. */
  answer(request: IncomingMessage, response: ServerResponse, answer: TextAnswer): boolean;
}

/** The time-out is the server's. */
export function createOneWrite(keepAliveTimeoutMs: number): OneWrite {
  // Of constants of the protocols, so as many as there are.
  const heads = new Map<TextAnswer['headers'], string>();
  const keepAlive = `connection: keep-alive\r\nkeep-alive: ${keepAliveHint(keepAliveTimeoutMs)}\r\n\r\n`;
  let second = 0;
  let tail = '';
  return {
    tell: (nowMs) => {
      if (nowMs < second + 1000 && nowMs >= second) return;
      second = nowMs - (nowMs % 1000);
      tail = `date: ${new Date(second).toUTCString()}\r\n${keepAlive}`;
    },
    answer: (request, response, { headers, body }) => {
      const { socket, shouldKeepAlive } = response;
      const isUsual = isKnownNode && shouldKeepAlive && request.httpVersionMinor === 1 && request.complete;
      // Without a socket the response waits behind an earlier one; with a backlog order is the stream's business.
      if (!isUsual || socket === null || socket.writableLength > 0 || response.headersSent) return false;
      let head = heads.get(headers);
      if (head === undefined) heads.set(headers, (head = headOf(headers)));
      socket.write(`${head}content-length: ${body.length}\r\n${tail}${body}`, 'latin1');
      response.finished = true;
      response.emit('finish');
      return true;
    },
  };
}

function headOf(headers: TextAnswer['headers']): string {
  let head = 'HTTP/1.1 200 OK\r\nx-content-type-options: nosniff\r\n';
  for (const name in headers) head += `${name}: ${headers[name] ?? ''}\r\n`;
  return head;
}

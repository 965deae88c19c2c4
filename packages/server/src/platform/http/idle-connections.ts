/**
 * Closes connections that have asked nothing for a while.
 *
 * Node's own limit (`keepAliveTimeout`) sets a timer after every answer and clears it at the next request, which costs a lone
 * caller more than the trees that score his row. Here a sweep looks now and then whether a connection has moved any byte, and
 * a request costs nothing. With Node's limit off, nothing tells callers of it either: whoever answers does (`keepAliveHint`).
 */
import type { Server, ServerResponse } from 'node:http';
import type { Socket } from 'node:net';
import type { Clock } from '../clock.ts';

export interface IdleConnections {
  /** The connection is not idle until this answer is over, however long it takes and however silent it is. */
  hold(response: ServerResponse): void;
}

export interface IdleLimit {
  readonly clock: Clock;
  /** A silent connection is closed after this time, and at most a quarter of it later. */
  readonly limitMs: number;
}

interface Silence {
  bytes: number;
  sinceMs: number;
}

/** The value of the header `keep-alive`, which tells a caller how long he may wait with his next request. */
export const keepAliveHint = (limitMs: number): string => `timeout=${Math.floor(limitMs / 1000)}`;

/** Sweeps until the server is closed. */
export function closeIdleConnections(server: Server, { clock, limitMs }: IdleLimit): IdleConnections {
  const connections = new Map<Socket, Silence>();
  const held = new Map<Socket, number>();
  const count = (socket: Socket, change: number): void => {
    const answers = (held.get(socket) ?? 0) + change;
    if (answers > 0) held.set(socket, answers);
    else held.delete(socket);
  };
  server.on('connection', (socket) => {
    connections.set(socket, { bytes: 0, sinceMs: clock.monotonic() });
    socket.once('close', () => connections.delete(socket));
  });
  const sweep = (): void => {
    const nowMs = clock.monotonic();
    for (const [socket, silence] of connections) {
      const bytes = socket.bytesRead + socket.bytesWritten;
      if (bytes !== silence.bytes || held.has(socket)) {
        silence.bytes = bytes;
        silence.sinceMs = nowMs;
      } else if (nowMs - silence.sinceMs >= limitMs) socket.destroy();
    }
  };
  let cancel = (): void => undefined;
  const wait = (): void => {
    cancel = clock.after(limitMs / 4, () => {
      sweep();
      wait();
    });
  };
  wait();
  server.once('close', () => cancel());
  return {
    hold: (response) => {
      const { socket } = response.req;
      count(socket, 1);
      response.once('close', () => count(socket, -1));
    },
  };
}

/**
 * A request whose body can be kept instead of streamed.
 *
 * A small body lies behind its head in one piece of the connection. A stream of it costs a list of buffers, deferred events
 * and a destruction: about 1 of the 15 us that a small prediction takes. Kept, it is one reference. Whoever does not ask
 * for that has an ordinary stream.
 */
import { IncomingMessage } from 'node:http';

const noBytes = Buffer.alloc(0);

type Keeping = 'no' | 'yes' | 'dropped';

export class BodyRequest extends IncomingMessage {
  #keeping: Keeping = 'no';
  #sizeBytes = 0;
  #first: Buffer = noBytes;
  /** What follows the first. */
  #others: Buffer[] | undefined;
  #listener: ((sizeBytes: number) => void) | undefined;

  /** The body is kept from now on. Only in the turn in which the request came: before any of its body did. */
  keepBody(): void {
    this.#keeping = 'yes';
    // The server throws away what nobody has begun to read when it answers.
    this.read(0);
  }

  /** The body, handed over once: it is not kept any longer. Undefined while it is not complete. */
  takeBody(): Buffer | undefined {
    if (!this.complete) return undefined;
    const [first, others] = [this.#first, this.#others];
    this.#first = noBytes;
    this.#others = undefined;
    return others === undefined ? first : Buffer.concat([first, ...others]);
  }

  /** Told the size so far: now, for each piece that is still to come, and when the body is complete. */
  onBody(listener: (sizeBytes: number) => void): void {
    this.#listener = listener;
    listener(this.#sizeBytes);
  }

  /** Throws away what was kept, and what still comes. */
  dropBody(): void {
    this.#keeping = 'dropped';
    this.#first = noBytes;
    this.#others = undefined;
    this.#listener = undefined;
  }

  /** How the server hands over a piece of the body; null at its end, when the request is complete. */
  override push(piece: unknown, encoding?: BufferEncoding): boolean {
    if (this.#keeping === 'no') return super.push(piece, encoding);
    if (this.#keeping === 'yes' && Buffer.isBuffer(piece)) {
      if (this.#sizeBytes === 0) this.#first = piece;
      else (this.#others ??= []).push(piece);
      this.#sizeBytes += piece.length;
    }
    this.#listener?.(this.#sizeBytes);
    return true;
  }
}

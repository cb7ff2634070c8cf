import { ZooKeeperError } from './errors.js';
import { protocolError } from './jute.js';

/**
 * Cuts a stream of bytes into frames: each is a length of four bytes and as many bytes. A frame is handed out as a part
 * of the chunk it came in; only frames that come in pieces are put together.
 */
export class FrameReader {
  #pieces: Buffer[] = [];
  #held = 0;
  /** Bytes that are needed before anything can be handed out. */
  #needed = 4;

  constructor(private readonly maxBytes: number) {}

  /**
   * Takes a chunk and calls `onFrame` for each frame that is complete: the bytes from `start` to `end` of `buffer`, valid
   * during the call. Throws a `ZooKeeperError` for an impossible length (`PROTOCOL`) or a frame that is too large
   * (`ANSWER_TOO_LARGE`); nothing of the stream can be used then.
   */
  push(chunk: Buffer, onFrame: (buffer: Buffer, start: number, end: number) => void): void {
    this.#held += chunk.length;
    if (this.#pieces.length > 0 && this.#held < this.#needed) {
      this.#pieces.push(chunk);
      return;
    }
    const buffer = this.#pieces.length === 0 ? chunk : Buffer.concat([...this.#pieces, chunk]);
    let at = 0;
    this.#needed = 4;
    while (buffer.length - at >= 4) {
      const length = buffer.readInt32BE(at);
      this.#check(length);
      if (buffer.length - at - 4 < length) {
        this.#needed = 4 + length;
        break;
      }
      onFrame(buffer, at + 4, at + 4 + length);
      at += 4 + length;
    }
    this.#held = buffer.length - at;
    this.#pieces = this.#held === 0 ? [] : [buffer.subarray(at)];
  }

  #check(length: number): void {
    if (length < 0) throw protocolError(`a frame of ${length} bytes`);
    if (length <= this.maxBytes) return;
    const message = `an answer of ${length} bytes is refused: maxAnswerBytes is ${this.maxBytes}`;
    throw new ZooKeeperError('ANSWER_TOO_LARGE', message);
  }
}

import { ZooKeeperError } from './errors.js';

/**
 * Writes jute, ZooKeeper's serialization: big-endian numbers, strings and buffers behind their length in bytes.
 *
 * Frames follow one another in large chunks; a chunk that was handed out is never written to again, so that nothing is
 * copied on the way to the socket.
 */
export class JuteWriter {
  #buffer = Buffer.allocUnsafe(CHUNK_BYTES);
  /** What lies before has been handed out. */
  #taken = 0;
  #end = 0;
  #frame = 0;

  /** Whether everything written has been taken. */
  get isEmpty(): boolean {
    return this.#end === this.#taken;
  }

  /** Begins a frame, leaving place for its length. */
  beginFrame(): void {
    this.#reserve(4);
    this.#frame = this.#end;
    this.#end += 4;
  }

  /** Ends the frame. Returns its length in bytes without the length itself. */
  endFrame(): number {
    const length = this.#end - this.#frame - 4;
    this.#buffer.writeInt32BE(length, this.#frame);
    return length;
  }

  /** Takes back what was written since the frame began. */
  dropFrame(): void {
    this.#end = this.#frame;
    // What was refused for its size is not to keep its place for as long as the connection lasts.
    if (this.#buffer.length > CHUNK_BYTES) this.#renew(0);
  }

  /** Everything written and not taken yet. */
  take(): Buffer {
    return this.#takeTo(this.#end);
  }

  /** The same, but so many frames at most. */
  takeFrames(most: number): { readonly bytes: Buffer; readonly frames: number } {
    let [at, frames] = [this.#taken, 0];
    for (; frames < most && at < this.#end; frames++) at += 4 + this.#buffer.readInt32BE(at);
    return { bytes: this.#takeTo(at), frames };
  }

  #takeTo(at: number): Buffer {
    const bytes = this.#buffer.subarray(this.#taken, at);
    this.#taken = at;
    if (this.#buffer.length - this.#end < MIN_REST_BYTES) this.#renew(0);
    return bytes;
  }

  int(value: number): void {
    this.#reserve(4);
    this.#buffer.writeInt32BE(value, this.#end);
    this.#end += 4;
  }

  long(value: bigint): void {
    this.#reserve(8);
    this.#buffer.writeBigInt64BE(value, this.#end);
    this.#end += 8;
  }

  boolean(value: boolean): void {
    this.#reserve(1);
    this.#buffer[this.#end] = value ? 1 : 0;
    this.#end += 1;
  }

  string(value: string): void {
    // In UTF-8 a unit of UTF-16 takes three bytes at the most.
    this.#reserve(4 + value.length * 3);
    const bytes = this.#buffer.write(value, this.#end + 4);
    this.#buffer.writeInt32BE(bytes, this.#end);
    this.#end += 4 + bytes;
  }

  buffer(value: Buffer): void {
    this.#reserve(4 + value.length);
    this.#buffer.writeInt32BE(value.length, this.#end);
    value.copy(this.#buffer, this.#end + 4);
    this.#end += 4 + value.length;
  }

  /** A string or a buffer: their form is the same. */
  data(value: string | Buffer): void {
    if (typeof value === 'string') this.string(value);
    else this.buffer(value);
  }

  strings(values: readonly string[]): void {
    this.int(values.length);
    for (const value of values) this.string(value);
  }

  #reserve(bytes: number): void {
    if (this.#buffer.length - this.#end < bytes) this.#renew(bytes);
  }

  /** Goes on in a new chunk, with what has not been taken from the present one. */
  #renew(bytes: number): void {
    const rest = this.#buffer.subarray(this.#taken, this.#end);
    const next = Buffer.allocUnsafe(Math.max(CHUNK_BYTES, (rest.length + bytes) * 2));
    rest.copy(next);
    this.#frame -= this.#taken;
    this.#end = rest.length;
    this.#taken = 0;
    this.#buffer = next;
  }
}

const CHUNK_BYTES = 64 * 1024;

/** A chunk with less room than this is not begun again. */
const MIN_REST_BYTES = 1024;

/** Reads jute. Whatever the bytes are, it reads within its frame or throws a `ZooKeeperError` of code `PROTOCOL`. */
export class JuteReader {
  #at: number;

  constructor(
    private buffer: Buffer,
    start = 0,
    private end = buffer.length,
  ) {
    this.#at = start;
  }

  /** Goes on with other bytes. */
  reset(buffer: Buffer, start: number, end: number): this {
    this.buffer = buffer;
    this.#at = start;
    this.end = end;
    return this;
  }

  get rest(): number {
    return this.end - this.#at;
  }

  int(): number {
    return this.buffer.readInt32BE(this.#advance(4));
  }

  long(): bigint {
    return this.buffer.readBigInt64BE(this.#advance(8));
  }

  /** A long that is read as a number: a time in milliseconds, exact up to 2^53. */
  milliseconds(): number {
    const at = this.#advance(8);
    return this.buffer.readInt32BE(at) * 0x1_0000_0000 + this.buffer.readUInt32BE(at + 4);
  }

  boolean(): boolean {
    return this.buffer[this.#advance(1)] !== 0;
  }

  string(): string {
    const length = this.#length();
    const at = this.#advance(length);
    return this.buffer.toString('utf8', at, at + length);
  }

  /** A copy: the frame belongs to a chunk of the socket that is not to be kept. An absent buffer is empty. */
  data(): Buffer {
    const length = this.#length();
    const at = this.#advance(length);
    return Buffer.from(this.buffer.subarray(at, at + length));
  }

  strings(): string[] {
    return this.list(() => this.string());
  }

  /** A vector; each element takes at least one byte, so that no length can ask for more than there is. */
  list<T>(read: () => T): T[] {
    const length = this.#length();
    if (length > this.rest) throw protocolError(`a list of ${length} elements in ${this.rest} bytes`);
    // Not longer than that in memory either: lists are kept.
    return Array.from({ length }, () => read());
  }

  /** A length; -1 is how jute writes that there is nothing. */
  #length(): number {
    const length = this.int();
    if (length < -1) throw protocolError(`the length ${length}`);
    return Math.max(0, length);
  }

  #advance(bytes: number): number {
    const at = this.#at;
    if (bytes > this.end - at) throw protocolError(`${bytes} bytes announced where ${this.end - at} are left`);
    this.#at = at + bytes;
    return at;
  }
}

/** The error about bytes that are no answer of a ZooKeeper server. */
export function protocolError(seen: string): ZooKeeperError {
  return new ZooKeeperError('PROTOCOL', `not an answer of a ZooKeeper server: ${seen}`);
}

import { type ClientRequest, request as httpRequest, type IncomingMessage } from 'node:http';
import { request as httpsRequest } from 'node:https';
import { StringDecoder } from 'node:string_decoder';
import { onAbort } from '../foundation/abort.js';
import type { Clock, Timer } from '../foundation/clock.js';
import { type Deferred, deferred } from '../foundation/deferred.js';
import { messageOf } from '../foundation/errors.js';

/** What is kept of an answer's body, for messages. */
const KEPT_BODY_BYTES = 8 * 1024;
/** What an answer may have at most; the rest of it is not read. */
const MAX_BODY_BYTES = 16 * 1024 * 1024;

/** One request of http or https. */
export interface HttpRequest {
  readonly url: URL;
  readonly method: string;
  readonly headers: Readonly<Record<string, string>>;
  /** `''`: none. */
  readonly body: string;
  /** Until the connection stands, its encryption included, milliseconds; 0 = as long as the system tries. */
  readonly connectTimeoutMs: number;
  /** How long the other side may say nothing once it is connected, milliseconds; 0 = for ever. */
  readonly readTimeoutMs: number;
  /** Ends the request. */
  readonly signal: AbortSignal;
}

/** What came back. */
export interface HttpAnswer {
  readonly status: number;
  /** Where a redirect points to, as the server wrote it. */
  readonly location: string | undefined;
  /** The beginning of the body. */
  readonly body: string;
}

/**
 * Sends a request on a connection of its own and reads the answer to its end. Nothing is followed, repeated or kept open.
 *
 * Rejects with the signal's reason when that aborts, and otherwise with an error whose message says what went wrong and
 * names neither address nor body: not connected in time, silent for too long, refused, cut off, too much.
 */
export async function exchange(request: HttpRequest, clock: Clock): Promise<HttpAnswer> {
  request.signal.throwIfAborted();
  const answer = deferred<HttpAnswer>();
  const sent = open(request);
  const watch = new Watch(clock, (problem) => answer.reject(new Error(problem)));
  followConnection(sent, request, watch);
  followAnswer(sent, request, watch, answer);
  const undo = onAbort(request.signal, (reason) => answer.reject(reason));
  sent.end(request.body);
  try {
    return await answer.promise;
  } finally {
    undo();
    watch.cancel();
    sent.destroy();
  }
}

function open({ url, method, headers, body }: HttpRequest): ClientRequest {
  const request = url.protocol === 'https:' ? httpsRequest : httpRequest;
  // By hand, since Node leaves it out of a DELETE.
  const length = body === '' ? {} : { 'Content-Length': String(Buffer.byteLength(body)) };
  // A connection that is used again may be closed by the other side at that very moment, and what was sent be lost.
  return request(url, { method, headers: { ...headers, ...length }, agent: false });
}

function followConnection(sent: ClientRequest, request: HttpRequest, watch: Watch): void {
  const { url, connectTimeoutMs, readTimeoutMs } = request;
  watch.expect(connectTimeoutMs, `not connected within ${connectTimeoutMs} ms (connect timeout)`);
  sent.once('socket', (socket) => {
    socket.once(url.protocol === 'https:' ? 'secureConnect' : 'connect', () =>
      watch.expect(readTimeoutMs, silence(request)),
    );
  });
}

function followAnswer(sent: ClientRequest, request: HttpRequest, watch: Watch, answer: Deferred<HttpAnswer>): void {
  const fail = (error: unknown): void => answer.reject(new Error(problemOf(error), { cause: error }));
  // Also after the end: what a destroyed request still has to say must not be an unhandled error.
  sent.on('error', fail);
  // Without a listener Node closes the connection and says nothing to anybody.
  sent.once('upgrade', (response, socket) => {
    socket.destroy();
    answer.resolve(answerOf(response, ''));
  });
  sent.once('response', (response) => {
    const body = new KeptBody();
    response.on('error', fail);
    response.on('data', (piece: Buffer) => {
      watch.expect(request.readTimeoutMs, silence(request));
      if (!body.add(piece)) answer.reject(new Error(`the answer has more than ${MAX_BODY_BYTES} bytes`));
    });
    response.once('end', () => answer.resolve(answerOf(response, body.text)));
  });
}

function silence({ readTimeoutMs }: HttpRequest): string {
  return `no answer for ${readTimeoutMs} ms (read timeout)`;
}

function answerOf({ statusCode = 0, headers }: IncomingMessage, body: string): HttpAnswer {
  return { status: statusCode, location: headers.location, body };
}

function problemOf(error: unknown): string {
  // A name with several addresses fails with one error for each, and without a message.
  if (error instanceof AggregateError) return error.errors.map(messageOf).join('; ');
  // Node's words for an answer that broke off, and for none.
  const message = messageOf(error);
  if (message === 'aborted') return 'the connection was closed before the answer had ended';
  return message === 'socket hang up' ? 'the connection was closed without an answer' : message;
}

/** The beginning of a body, and how much there was in all. */
class KeptBody {
  readonly #decoder = new StringDecoder('utf8');
  #bytes = 0;
  text = '';

  /** Whether it may go on. */
  add(piece: Buffer): boolean {
    const room = Math.max(0, KEPT_BODY_BYTES - this.#bytes);
    // What the decoder keeps back is a character that was cut in two.
    this.text += this.#decoder.write(piece.subarray(0, room));
    this.#bytes += piece.length;
    return this.#bytes <= MAX_BODY_BYTES;
  }
}

/** Says so when what is expected does not come in time. */
class Watch {
  #timer: Timer | null = null;

  constructor(
    private readonly clock: Clock,
    private readonly onLate: (problem: string) => void,
  ) {}

  /** Something came; from now on the next thing is waited for. 0 waits for ever. */
  expect(ms: number, problem: string): void {
    this.cancel();
    if (ms > 0) this.#timer = this.clock.setTimer(ms, () => this.onLate(problem));
  }

  cancel(): void {
    this.#timer?.cancel();
    this.#timer = null;
  }
}

import { StringDecoder } from 'node:string_decoder';
import { describeFailure, ElasticJobError, messageOf } from '../foundation/errors.js';

/** How much of a failure's stack traces goes out, characters. */
const MAX_TRACE = 16_000;
/** Bytes of the ellipsis that stands for what was cut off. */
const ELLIPSIS_BYTES = 3;

/** A failure as it is told to somebody outside. */
export interface Notice {
  readonly jobName: string;
  /** `undefined` if a listener failed. */
  readonly item: number | undefined;
  readonly instanceId: string;
  /** When it was noticed, epoch milliseconds. */
  readonly at: number;
  /** How many failures of the job before this one were not told, because there were too many. */
  readonly omitted: number;
  readonly error: {
    readonly name: string;
    readonly message: string;
    /** Of an error of this project. */
    readonly code: string | undefined;
    /** Stack trace with causes, cut to a length that can be sent. */
    readonly trace: string;
  };
}

/** What can be told of anything that was thrown, with its texts as `shown` shows them, before they are cut. */
export function errorOf(error: unknown, shown: (text: string) => string = (text) => text): Notice['error'] {
  return {
    name: error instanceof Error ? error.name : typeof error,
    message: shown(messageOf(error)),
    code: ElasticJobError.is(error) ? error.code : undefined,
    trace: cutTo(MAX_TRACE, shown(describeFailure(error))),
  };
}

/** The text in at most so many characters, and an ellipsis if it was cut. */
export function cutTo(most: number, text: string): string {
  return text.length > most ? `${text.slice(0, most)}…` : text;
}

/** The first line of a notice: which job, where and when. */
export function headline({ jobName, item, instanceId, at }: Notice): string {
  const what = item === undefined ? 'a listener' : `item ${item}`;
  return `Job '${jobName}' failed: ${what}, on ${instanceId}, at ${new Date(at).toISOString()}`;
}

/** A notice as a text for people. */
export function noticeText(notice: Notice): string {
  const more =
    notice.omitted === 0 ? '' : `\n${notice.omitted} failures before this one were not told: there were too many.`;
  return `${headline(notice)}${more}\n\n${notice.error.trace}\n`;
}

/** The text in at most so many bytes of UTF-8, with an ellipsis if it was cut. */
export function cutToBytes(text: string, maxBytes: number): string {
  const bytes = Buffer.from(text);
  if (bytes.length <= maxBytes) return text;
  // The decoder keeps a character that was cut in two.
  return `${new StringDecoder('utf8').write(bytes.subarray(0, maxBytes - ELLIPSIS_BYTES))}…`;
}

import type { Clock } from '../foundation/clock.js';
import { ExecutionError, messageOf } from '../foundation/errors.js';
import type { Logger } from '../foundation/logger.js';
import { contextAsJson, type ShardingContext } from '../job/context.js';
import type { JobDefinition } from '../job/definition.js';
import { exchange, type HttpAnswer } from './http-exchange.js';
import type { JobKind } from './job-kind.js';
import { PropReader } from './prop-reader.js';
import { SCRIPT_COMMAND_LINE } from './script-job.js';
import { hideSecrets, type Secrets } from './secrets.js';

/** The props of an HTTP job, with ElasticJob's names. */
export const HTTP_PROPS = {
  /** The address, `http://` or `https://`. Required. */
  uri: 'http.uri',
  /** One of {@link HTTP_METHODS}. Required. */
  method: 'http.method',
  /** The body, sent in UTF-8; not with GET, HEAD and OPTIONS. Default: none. */
  data: 'http.data',
  /** The `Content-Type` of the body. Default: that of forms, as in Java. */
  contentType: 'http.content.type',
  /** Milliseconds until the connection must stand; 0 = no limit. Default 3000. */
  connectTimeout: 'http.connect.timeout.milliseconds',
  /** Milliseconds for which the server may say nothing; 0 = no limit. Default 5000. */
  readTimeout: 'http.read.timeout.milliseconds',
} as const;

const HTTP_METHODS = ['GET', 'POST', 'PUT', 'DELETE', 'PATCH', 'HEAD', 'OPTIONS'] as const;
const WITH_BODY: readonly string[] = ['POST', 'PUT', 'DELETE', 'PATCH'];
/** What Java's client sends when nothing else is said. */
const FORM = 'application/x-www-form-urlencoded';

const NO_HEADERS: Readonly<Record<string, string>> = {};

const REDIRECTS = [301, 302, 303, 307, 308];
const MAX_REDIRECTS = 5;
/** How much of an answer's body an error repeats, characters. */
const SHOWN_BODY = 500;

/** The request of one job, the same for each item but for its context. */
interface Call {
  readonly jobName: string;
  readonly url: URL;
  readonly method: string;
  readonly body: string;
  readonly headers: Readonly<Record<string, string>>;
  readonly connectTimeoutMs: number;
  readonly readTimeoutMs: number;
  /** Method and address for messages: as the definition has it, secrets being references there, and without its query. */
  readonly shown: string;
  readonly secrets: Secrets;
}

/**
 * HTTP: one request per item and run, on a connection of its own. The context goes along as JSON in the header
 * `shardingContext`, as in Java; the fencing token and the planned time in headers of their own.
 *
 * A status from 200 to 299 is success. Everything else fails the item with `HTTP_FAILED`, which Java took for success: a
 * status of 400 and more, a connection that does not come about in time, a server that says nothing for too long, an
 * answer that breaks off or is larger than 16 MiB. GET and HEAD follow up to five redirects, but not from https to http;
 * a redirect of anything else is a failure, since following it would lose the body or do the work twice. The item fails
 * with the signal's reason when the context's signal aborts; the connection is closed then.
 *
 * @param secrets what `{secret:NAME}` in the address and the body stands for.
 */
export function httpJob(clock: Clock, secrets: Secrets = {}): JobKind {
  return {
    type: 'HTTP',
    storedClassName: 'HTTP',
    accepts: ({ className, props }, handler) => {
      if (handler !== undefined) return false;
      return className === 'HTTP' || (HTTP_PROPS.uri in props && !(SCRIPT_COMMAND_LINE in props));
    },
    prepare(definition) {
      const call = readCall(definition, secrets);
      return (context, { logger }) => run(call, context, logger, clock);
    },
  };
}

function readCall(definition: JobDefinition, secrets: Secrets): Call {
  const props = new PropReader(definition, secrets);
  const method = props.oneOf(HTTP_PROPS.method, HTTP_METHODS);
  const url = props.url(HTTP_PROPS.uri);
  const body = props.text(HTTP_PROPS.data);
  if (body !== '' && !WITH_BODY.includes(method)) {
    props.refuse(
      HTTP_PROPS.data,
      `expected none, since ${method} sends no body: leave it out, or use ${WITH_BODY.join(', ')}`,
    );
  }
  const contentType = props.text(HTTP_PROPS.contentType);
  if (!/^[\x20-\x7e]*$/.test(contentType)) props.refuse(HTTP_PROPS.contentType, 'expected plain characters only');
  const call: Call = {
    jobName: definition.jobName,
    url,
    method,
    body,
    headers: contentType === '' && body === '' ? NO_HEADERS : { 'Content-Type': contentType || FORM },
    connectTimeoutMs: props.milliseconds(HTTP_PROPS.connectTimeout, 3_000),
    readTimeoutMs: props.milliseconds(HTTP_PROPS.readTimeout, 5_000),
    secrets,
    shown: `${method} ${withoutSecrets(definition.props[HTTP_PROPS.uri] ?? '')}`,
  };
  props.check();
  return call;
}

async function run(call: Call, context: ShardingContext, logger: Logger, clock: Clock): Promise<void> {
  const { status, body } = await request(call, context, clock);
  const shown = hideSecrets(body, call.secrets);
  logger.debug('http answer', { status, body: shown });
  if (status >= 200 && status <= 299) return;
  const said = shown.trim() === '' ? 'the answer has no body' : `the answer: ${shorten(shown.trim())}`;
  throw failed(call, context, `status ${status}, expected 200 to 299; ${said}`);
}

/** Sends the request, and sends it where a redirect points to. */
async function request(call: Call, context: ShardingContext, clock: Clock): Promise<HttpAnswer> {
  let url = call.url;
  for (let redirects = 0; ; redirects++) {
    const answer = await attempt({ ...call, url }, context, clock);
    if (!REDIRECTS.includes(answer.status) || answer.location === undefined) return answer;
    if (redirects === MAX_REDIRECTS) throw failed(call, context, `redirected more than ${MAX_REDIRECTS} times`);
    url = follow(call, url, answer.location, context);
  }
}

function follow(call: Call, from: URL, location: string, context: ShardingContext): URL {
  const to = URL.canParse(location, from.href) ? new URL(location, from) : null;
  const refuse = (why: string) => {
    const target = withoutSecrets(to?.href ?? location);
    return failed(call, context, `redirected to ${target}, ${why}; correct ${HTTP_PROPS.uri}`);
  };
  if (call.method !== 'GET' && call.method !== 'HEAD') throw refuse(`which is not followed for ${call.method}`);
  if (to?.protocol !== 'https:' && to?.protocol !== 'http:') throw refuse('which is no address of http or https');
  if (from.protocol === 'https:' && to.protocol === 'http:') throw refuse('which is not encrypted, unlike the first');
  return to;
}

async function attempt(call: Call, context: ShardingContext, clock: Clock): Promise<HttpAnswer> {
  const { signal } = context;
  try {
    return await exchange({ ...call, headers: { ...call.headers, ...contextHeaders(context) }, signal }, clock);
  } catch (error) {
    if (signal.aborted) throw error;
    throw failed(call, context, messageOf(error), error);
  }
}

function contextHeaders(context: ShardingContext): Readonly<Record<string, string>> {
  const { fencingToken, scheduledAt } = context;
  return {
    shardingContext: asciiJson(contextAsJson(context)),
    'elasticjob-scheduled-at': String(scheduledAt),
    ...(fencingToken === undefined ? {} : { 'elasticjob-fencing-token': String(fencingToken) }),
  };
}

/** The same JSON in characters that a header may hold. */
function asciiJson(json: string): string {
  return json.replaceAll(/[\u007f-\uffff]/g, (unit) => `\\u${unit.charCodeAt(0).toString(16).padStart(4, '0')}`);
}

/** An address without user, password, query and fragment, where tokens stand. */
function withoutSecrets(address: string): string {
  return address.replace(/[?#].*$/s, '').replace(/^(\w+:\/\/)[^/]*@/, '$1');
}

function shorten(text: string): string {
  return text.length > SHOWN_BODY ? `${text.slice(0, SHOWN_BODY)}…` : text;
}

function failed(call: Call, { shardingItem }: ShardingContext, problem: string, cause?: unknown): ExecutionError {
  const { jobName, shown, secrets } = call;
  const said = hideSecrets(problem, secrets);
  return new ExecutionError(
    'HTTP_FAILED',
    `the request of job '${jobName}', item ${shardingItem}, failed: ${shown}: ${said}`,
    {
      jobName,
      item: shardingItem,
      cause,
    },
  );
}

import { createHash, timingSafeEqual } from 'node:crypto';

/** Who authenticates, and the name of the service it authenticates to. */
export interface DigestMd5Credentials {
  readonly username: string;
  readonly password: string;
  /** The first part of the digest-uri; `zookeeper` for a ZooKeeper server. */
  readonly service: string;
  /** The second part; `zk-sasl-md5` for a ZooKeeper server, which checks it, whatever machine it runs on. */
  readonly host: string;
}

/** A challenge that cannot be answered, or a server that does not know the password. It never quotes a credential. */
export class DigestMd5Error extends Error {
  override readonly name = 'DigestMd5Error';
}

/** RFC 2831 §2.1.1 and §2.1.3: what a server sends is shorter than this. */
const MAX_MESSAGE_BYTES = 2_048;

/** The first and only use of the server's nonce: a ZooKeeper connection authenticates once. */
const NONCE_COUNT = '00000001';

/**
 * The client's answer to the first message of a SASL DIGEST-MD5 server, with quality of protection `auth`. Pure: `cnonce`
 * is the client's nonce, which a caller draws from a cryptographic source (16 random bytes as text will do), anew for
 * each challenge. Of several realms the first is taken, as Java's client does.
 *
 * @throws DigestMd5Error when the challenge breaks the rules of RFC 2831, or asks for what is not supported.
 * @see RFC 2831 §2.1.1, §2.1.2
 */
export function respondToChallenge(challenge: Buffer, credentials: DigestMd5Credentials, cnonce: string): Buffer {
  const asked = readChallenge(challenge);
  const directives = [
    ...(asked.utf8 ? ['charset=utf-8'] : []),
    `username=${quoted(transmitted(credentials.username, asked.utf8))}`,
    ...(asked.realm === null ? [] : [`realm=${quoted(asked.realm)}`]),
    `nonce=${quoted(asked.nonce)}`,
    `nc=${NONCE_COUNT}`,
    `cnonce=${quoted(cnonce)}`,
    `digest-uri=${quoted(digestUri(credentials))}`,
    `response=${digest(asked, credentials, cnonce, 'AUTHENTICATE')}`,
    'qop=auth',
  ];
  return Buffer.from(directives.join(','), 'latin1');
}

/**
 * Checks the server's last message, which proves that it knows the password too: `answer` is that message, the others
 * are what {@link respondToChallenge} was called with.
 *
 * @throws DigestMd5Error when the proof is missing or wrong: whoever answered must not be trusted.
 * @see RFC 2831 §2.1.3
 */
export function verifyRspauth(
  answer: Buffer,
  challenge: Buffer,
  credentials: DigestMd5Credentials,
  cnonce: string,
): void {
  const proof = single(readDirectives(answer), 'rspauth');
  if (proof === null) throw new DigestMd5Error("the server's last message has no rspauth: it proves nothing");
  const expected = Buffer.from(digest(readChallenge(challenge), credentials, cnonce, ''), 'latin1');
  const seen = Buffer.from(proof, 'latin1');
  if (seen.length === expected.length && timingSafeEqual(seen, expected)) return;
  throw new DigestMd5Error('the server does not prove that it knows the password: its rspauth is wrong');
}

/** What is needed of a challenge. Texts hold one byte of the wire per character. */
interface Challenge {
  readonly realm: string | null;
  readonly nonce: string;
  readonly utf8: boolean;
}

function readChallenge(challenge: Buffer): Challenge {
  const directives = readDirectives(challenge);
  const nonce = single(directives, 'nonce');
  if (nonce === null || nonce === '') throw new DigestMd5Error('the challenge has no nonce');
  const algorithm = single(directives, 'algorithm');
  if (algorithm !== 'md5-sess') {
    throw new DigestMd5Error(`the challenge asks for the algorithm ${shown(algorithm)}; only md5-sess is supported`);
  }
  const protection = single(directives, 'qop');
  if (protection !== null && !protection.split(/[\s,]+/).includes('auth')) {
    throw new DigestMd5Error(`the challenge offers the protection ${shown(protection)}; only auth is supported`);
  }
  const charset = single(directives, 'charset');
  if (charset !== null && charset.toLowerCase() !== 'utf-8') {
    throw new DigestMd5Error(`the challenge names the charset ${shown(charset)}; RFC 2831 knows only utf-8`);
  }
  return { nonce, realm: directives.get('realm')?.[0] ?? null, utf8: charset !== null };
}

/** One directive with its value, in quotes or not. */
const DIRECTIVE = /[ \t\r\n]*([!#$%&'*+.^_`|~0-9A-Za-z-]+)=(?:"((?:[^"\\]|\\.)*)"|([^\s",;=]+))[ \t\r\n]*/sy;
/** Tab, line feed, carriage return: the control characters that may stand between directives. */
const LINE_SPACE: readonly number[] = [0x09, 0x0a, 0x0d];
const NOTHING = /[ \t\r\n]*/y;

/** All values of each directive, in order, without their quotes. Unknown directives are there too: nobody reads them. */
function readDirectives(message: Buffer): ReadonlyMap<string, readonly string[]> {
  if (message.length >= MAX_MESSAGE_BYTES) {
    throw new DigestMd5Error(
      `the server's message has ${message.length} bytes; expected less than ${MAX_MESSAGE_BYTES}`,
    );
  }
  const control = message.findIndex((byte) => (byte < 0x20 && !LINE_SPACE.includes(byte)) || byte === 0x7f);
  if (control !== -1) throw unreadable(control);
  const text = message.toString('latin1');
  const found = new Map<string, string[]>();
  let position = 0;
  while (position < text.length) {
    position = readElement(text, position, found);
    if (position < text.length && text[position] !== ',') throw unreadable(position);
    position += 1;
  }
  return found;
}

/** Reads one element of the comma-separated list, which may be empty; returns where it ends. */
function readElement(text: string, position: number, found: Map<string, string[]>): number {
  DIRECTIVE.lastIndex = position;
  const match = DIRECTIVE.exec(text);
  if (match === null) {
    NOTHING.lastIndex = position;
    NOTHING.exec(text);
    return NOTHING.lastIndex;
  }
  const name = (match[1] ?? '').toLowerCase();
  const value = match[2]?.replace(/\\(.)/gs, '$1') ?? match[3] ?? '';
  found.set(name, [...(found.get(name) ?? []), value]);
  return DIRECTIVE.lastIndex;
}

function single(directives: ReadonlyMap<string, readonly string[]>, name: string): string | null {
  const values = directives.get(name) ?? [];
  if (values.length > 1)
    throw new DigestMd5Error(`the server's message has ${values.length} times ${name}; expected one`);
  return values[0] ?? null;
}

/** RFC 2831 §2.1.2.1; with an empty `method` it is the value the server has to prove itself with (§2.1.3). */
function digest(challenge: Challenge, credentials: DigestMd5Credentials, cnonce: string, method: string): string {
  const { username, password } = credentials;
  const realm = challenge.utf8
    ? Buffer.from(challenge.realm ?? '', 'latin1').toString('utf8')
    : (challenge.realm ?? '');
  const secret = md5(joined([username, realm, password].map((text) => hashed(text, challenge.utf8))));
  const key = md5(joined([secret, latin1(challenge.nonce), latin1(cnonce)])).toString('hex');
  const what = md5(latin1(`${method}:${digestUri(credentials)}`)).toString('hex');
  return md5(latin1([key, challenge.nonce, NONCE_COUNT, cnonce, 'auth', what].join(':'))).toString('hex');
}

function digestUri({ service, host }: DigestMd5Credentials): string {
  return `${service}/${host}`;
}

/** A text as it is hashed: ISO 8859-1 wherever that is possible, also when UTF-8 was agreed on (§2.1.2.1). */
function hashed(text: string, utf8: boolean): Buffer {
  return latin1(isLatin1(text) ? text : transmitted(text, utf8));
}

/** A text as it is sent, one byte per character. */
function transmitted(text: string, utf8: boolean): string {
  if (utf8) return Buffer.from(text, 'utf8').toString('latin1');
  if (isLatin1(text)) return text;
  throw new DigestMd5Error(
    'the username or the password has characters outside ISO 8859-1, and the server does not take UTF-8',
  );
}

function isLatin1(text: string): boolean {
  return !/[^\0-\xff]/.test(text);
}

function latin1(text: string): Buffer {
  return Buffer.from(text, 'latin1');
}

function joined(parts: readonly Buffer[]): Buffer {
  return Buffer.concat(parts.flatMap((part, index) => (index === 0 ? [part] : [latin1(':'), part])));
}

function md5(bytes: Buffer): Buffer {
  return createHash('md5').update(bytes).digest();
}

function quoted(text: string): string {
  return `"${text.replace(/["\\]/g, '\\$&')}"`;
}

function shown(value: string | null): string {
  return value === null ? 'of no name' : JSON.stringify(value.slice(0, 40));
}

function unreadable(position: number): DigestMd5Error {
  return new DigestMd5Error(`the server's message is no list of directives: unexpected text at byte ${position}`);
}

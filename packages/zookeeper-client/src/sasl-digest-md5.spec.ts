import { describe, expect, it } from 'vitest';
import { DigestMd5Error, respondToChallenge, verifyRspauth } from './sasl-digest-md5.js';

const CHRIS = { username: 'chris', password: 'secret', service: 'imap', host: 'elwood.innosoft.com' };
const IMAP = bytes('realm="elwood.innosoft.com",nonce="OA6MG9tEQGm2hh",qop="auth",algorithm=md5-sess,charset=utf-8');
const IMAP_CNONCE = 'OA6MHXh6VqTrRk';

function bytes(text: string): Buffer {
  return Buffer.from(text, 'latin1');
}

/** The directives of the answer to a challenge, quotes and all. */
function answerTo(challenge: string, credentials = CHRIS): Map<string, string> {
  const text = respondToChallenge(bytes(challenge), credentials, 'c').toString('latin1');
  return new Map(text.split(',').map((directive) => directive.split(/=(.*)/, 2) as [string, string]));
}

describe('the answer to a DIGEST-MD5 challenge', () => {
  it('is that of the IMAP example of RFC 2831', () => {
    expect(respondToChallenge(IMAP, CHRIS, IMAP_CNONCE).toString('latin1')).toBe(
      'charset=utf-8,username="chris",realm="elwood.innosoft.com",nonce="OA6MG9tEQGm2hh",nc=00000001,' +
        'cnonce="OA6MHXh6VqTrRk",digest-uri="imap/elwood.innosoft.com",' +
        'response=d388dad90d4bbd760a152321f2143af7,qop=auth',
    );
  });

  it('is that of the ACAP example of RFC 2831', () => {
    const challenge = 'realm="elwood.innosoft.com",nonce="OA9BSXrbuRhWay",qop="auth",algorithm=md5-sess,charset=utf-8';
    const answer = respondToChallenge(bytes(challenge), { ...CHRIS, service: 'acap' }, 'OA9BSuZWMSpW8m');
    expect(answer.toString('latin1')).toContain('response=6084c6db3fede7352c551284490fd0fc');
  });

  it('takes the first of several realms', () => {
    const answer = answerTo('realm="one",nonce="n",realm="two",algorithm=md5-sess');
    expect(answer.get('realm')).toBe('"one"');
  });

  it('names no realm when the server names none', () => {
    expect(answerTo('nonce="n",algorithm=md5-sess').has('realm')).toBe(false);
  });

  it('does not care for order, spaces, case of names, empty elements and unknown directives', () => {
    const plain = answerTo('realm="r",nonce="n",qop="auth",algorithm=md5-sess');
    const odd = answerTo(' , ALGORITHM=md5-sess ,,future="a, b=\\"c\\"", maxbuf=65536,Nonce="n" ,\r\n realm="r",');
    expect(odd).toEqual(plain);
  });

  it('accepts auth among other protections, and is auth', () => {
    expect(answerTo('nonce="n",qop="auth-conf, auth,auth-int",algorithm=md5-sess').get('qop')).toBe('auth');
  });

  it('gives quotes and backslashes back as they came, and quotes its own', () => {
    const answer = answerTo('nonce="a\\"b\\\\c",realm="\\r",algorithm=md5-sess', { ...CHRIS, username: 'a"b\\c' });
    expect(answer.get('nonce')).toBe('"a\\"b\\\\c"');
    expect(answer.get('realm')).toBe('"r"');
    expect(answer.get('username')).toBe('"a\\"b\\\\c"');
  });

  it('sends UTF-8 where that is agreed on, but hashes ISO 8859-1 where that can hold the text', () => {
    const umlaut = { ...CHRIS, username: 'jürgen' };
    const utf8 = answerTo('nonce="n",algorithm=md5-sess,charset=utf-8', umlaut);
    const latin = answerTo('nonce="n",algorithm=md5-sess', umlaut);
    expect(utf8.get('username')).toBe('"j\xc3\xbcrgen"');
    expect(latin.get('username')).toBe('"j\xfcrgen"');
    expect(utf8.get('response')).toBe(latin.get('response'));
  });

  it('refuses a password that needs UTF-8 when the server does not take it, without saying the password', () => {
    const attempt = (): unknown => answerTo('nonce="n",algorithm=md5-sess', { ...CHRIS, password: 'пароль' });
    expect(attempt).toThrow(DigestMd5Error);
    expect(attempt).toThrow(/outside ISO 8859-1/);
    expect(attempt).not.toThrow(/пароль/);
    expect(() =>
      answerTo('nonce="n",algorithm=md5-sess,charset=utf-8', { ...CHRIS, password: 'пароль' }),
    ).not.toThrow();
  });

  it.each([
    ['has nothing', '', /no nonce/],
    ['has no nonce', 'realm="r",algorithm=md5-sess', /no nonce/],
    ['has an empty nonce', 'nonce="",algorithm=md5-sess', /no nonce/],
    ['has two nonces', 'nonce="a",nonce="b",algorithm=md5-sess', /2 times nonce/],
    ['has two algorithms', 'nonce="a",algorithm=md5-sess,algorithm=md5-sess', /2 times algorithm/],
    ['has no algorithm', 'nonce="a"', /algorithm/],
    ['has another algorithm', 'nonce="a",algorithm=md5', /only md5-sess/],
    ['insists on encryption', 'nonce="a",algorithm=md5-sess,qop="auth-conf"', /only auth is supported/],
    ['has another charset', 'nonce="a",algorithm=md5-sess,charset=ebcdic', /only utf-8/],
    ['has a quote that is never closed', 'nonce="a', /at byte 0/],
    ['ends in a backslash', 'nonce="a\\', /at byte 0/],
    ['has a control character', 'nonce="a\0b",algorithm=md5-sess', /at byte 8/],
    ['has a name without a value', 'nonce,algorithm=md5-sess', /at byte 0/],
    ['has no comma between two directives', 'nonce="a" algorithm=md5-sess', /at byte 10/],
    ['is not text', '\x80\xff\xfe', /at byte 0/],
    ['is too long', `nonce="${'a'.repeat(2_040)}"`, /2048/],
  ])('refuses a challenge that %s', (_, challenge, message) => {
    expect(() => answerTo(challenge)).toThrow(DigestMd5Error);
    expect(() => answerTo(challenge)).toThrow(message);
  });

  it('reads the longest hostile message in no time', () => {
    const started = performance.now();
    for (const text of [
      '\\'.repeat(2_000),
      `a="${'\\"'.repeat(1_000)}`,
      ' '.repeat(2_047),
      `a=${'b'.repeat(2_000)}"`,
    ]) {
      expect(() => answerTo(text)).toThrow(DigestMd5Error);
    }
    expect(performance.now() - started).toBeLessThan(1_000);
  });
});

describe("the server's proof", () => {
  const proof = 'rspauth=ea40f60335c427b5527b84dbabcdfffd';

  it('is that of the IMAP example of RFC 2831', () => {
    expect(() => verifyRspauth(bytes(proof), IMAP, CHRIS, IMAP_CNONCE)).not.toThrow();
  });

  it.each([
    ['is wrong', 'rspauth=ea40f60335c427b5527b84dbabcdfffe', /rspauth is wrong/],
    ['is too short', 'rspauth=ea40', /rspauth is wrong/],
    ['is missing', 'other=1', /no rspauth/],
    ['is empty', '', /no rspauth/],
    ['comes twice', `${proof},${proof}`, /2 times rspauth/],
    ['is not text', '\0\x01', /at byte 0/],
  ])('is refused when it %s', (_, answer, message) => {
    expect(() => verifyRspauth(bytes(answer), IMAP, CHRIS, IMAP_CNONCE)).toThrow(message);
  });

  it('is refused when it was made with another password', () => {
    const other = { ...CHRIS, password: 'Secret' };
    expect(() => verifyRspauth(bytes(proof), IMAP, other, IMAP_CNONCE)).toThrow(/rspauth is wrong/);
  });
});

import { randomBytes } from 'node:crypto';
import type { Channel } from './channel.js';
import { serverError, ZooKeeperError } from './errors.js';
import type { AuthInfo, SaslOptions } from './options.js';
import { OP } from './protocol.js';
import { respondToChallenge, verifyRspauth } from './sasl-digest-md5.js';

/** Shows credentials. Rejects with a `ZooKeeperError` of code `AUTH_FAILED` when the server does not take them. */
export async function showCredentials(channel: Channel, { scheme, credentials }: AuthInfo): Promise<void> {
  const code = await channel.unnumbered('auth', OP.auth, (out) => {
    out.int(0);
    out.string(scheme);
    out.data(credentials);
  });
  if (code === 0) return;
  throw new ZooKeeperError('AUTH_FAILED', `the server refused the credentials of scheme "${scheme}"`, {
    request: 'auth',
    serverCode: code,
  });
}

/**
 * Logs a user in by SASL DIGEST-MD5: an empty token asks for the challenge, the answer to it is the proof, and the
 * server proves in turn that it knows the password. Rejects as {@link showCredentials}.
 *
 * @see RFC 2831; ZooKeeperSaslClient of ZooKeeper 3.8
 */
export async function logIn(channel: Channel, sasl: SaslOptions): Promise<void> {
  const { username, password, service = 'zookeeper', host = 'zk-sasl-md5' } = sasl;
  try {
    const challenge = await saslStep(channel, Buffer.alloc(0));
    const cnonce = randomBytes(24).toString('base64');
    const credentials = { username, password, service, host };
    const proof = await saslStep(channel, respondToChallenge(challenge, credentials, cnonce));
    verifyRspauth(proof, challenge, credentials, cnonce);
  } catch (error) {
    if (ZooKeeperError.is(error, 'CONNECTION_LOSS')) throw error;
    const message = `the server refused the SASL user "${username}", or did not prove that it knows the password`;
    throw new ZooKeeperError('AUTH_FAILED', message, { request: 'sasl', cause: error });
  }
}

function saslStep(channel: Channel, token: Buffer): Promise<Buffer> {
  return new Promise((resolve, reject) => {
    channel.begin(OP.sasl, (out) => out.buffer(token));
    channel.commit({
      xid: channel.xid,
      name: 'sasl',
      path: undefined,
      answer: (input) => resolve(input.rest === 0 ? Buffer.alloc(0) : input.data()),
      refuse: (code) => reject(serverError(code, 'sasl', undefined)),
      fail: reject,
    });
  });
}

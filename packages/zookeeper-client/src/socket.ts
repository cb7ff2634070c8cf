import { connect as connectPlain, type Socket } from 'node:net';
import { connect as connectSecure } from 'node:tls';
import { messageOf, ZooKeeperError } from './errors.js';
import type { TlsOptions } from './options.js';
import { nameOf, type ServerAddress } from './server-list.js';

/**
 * Opens a connection to a server, encrypted if `tls` says so; the certificate has to be of the server's name. Rejects
 * with a `ZooKeeperError` of code `CONNECTION_LOSS` that says what stood in the way, or with the signal's reason.
 */
export function openSocket(server: ServerAddress, tls: TlsOptions | null, signal: AbortSignal): Promise<Socket> {
  return new Promise((resolve, reject) => {
    const socket = tls === null ? connectPlain(endpoint(server)) : connectSecure(secureEndpoint(server, tls));
    const ready = tls === null ? 'connect' : 'secureConnect';
    const settle = (): void => {
      signal.removeEventListener('abort', onAbort);
      socket.removeAllListeners();
    };
    const onAbort = (): void => {
      settle();
      discard(socket);
      reject(signal.reason);
    };
    socket.once(ready, () => {
      settle();
      // Whoever takes the socket listens a little later; what goes wrong until then must not end the process.
      socket.on('error', () => undefined);
      socket.setNoDelay(true);
      resolve(socket);
    });
    socket.once('error', (error) => {
      settle();
      discard(socket);
      reject(unreachable(server, error));
    });
    socket.once('close', () => {
      settle();
      reject(unreachable(server, new Error('the connection was closed at once')));
    });
    signal.addEventListener('abort', onAbort);
    if (signal.aborted) onAbort();
  });
}

/** Ends a socket of which nothing more is wanted, whatever it still has to say. */
export function discard(socket: Socket): void {
  ignore(socket);
  socket.destroy();
}

/** The same, once what was written to it has been sent. */
export function discardSoon(socket: Socket): void {
  ignore(socket);
  socket.destroySoon();
}

function ignore(socket: Socket): void {
  socket.removeAllListeners();
  // A socket without this listener would end the process with what is of no interest any more.
  socket.on('error', () => undefined);
}

function endpoint({ address, port }: ServerAddress): { host: string; port: number } {
  return { host: address, port };
}

function secureEndpoint(server: ServerAddress, tls: TlsOptions): TlsOptions & { host: string; port: number } {
  // A name is shown to the server and checked; an address cannot be shown, and is checked as an address.
  const named = server.host === server.address ? {} : { servername: server.host };
  return { ...endpoint(server), ...named, ...tls };
}

function unreachable(server: ServerAddress, cause: Error): ZooKeeperError {
  const problem = socketProblem(cause);
  return new ZooKeeperError('CONNECTION_LOSS', `cannot connect to ${nameOf(server)}: ${problem}`, { cause });
}

/** Alerts by which a server says that it does not accept what a client has shown of itself. */
const REFUSED_CERTIFICATE = /ALERT_(BAD_CERTIFICATE|CERTIFICATE_|UNKNOWN_CA)/;

/** What became of a socket, in one line: OpenSSL's own messages have an address, a file and a line break in them. */
export function socketProblem(error: Error): string {
  const code = 'code' in error && typeof error.code === 'string' ? error.code : null;
  if (code === null) return messageOf(error);
  const ofOpenSsl = code.startsWith('ERR_SSL_') && 'reason' in error && typeof error.reason === 'string';
  const text = ofOpenSsl ? error.reason : messageOf(error);
  const hint = REFUSED_CERTIFICATE.test(code)
    ? ': the server refused the certificate of this client, or demands one'
    : '';
  return `${code}: ${text}${hint}`;
}

import { createServer, type Server as HttpServer, type IncomingMessage, type ServerResponse } from 'node:http';
import type { AddressInfo, Server } from 'node:net';
import { deferred } from '../foundation/deferred.js';

/** A request as a server heard it. */
export interface HeardRequest {
  readonly method: string | undefined;
  readonly path: string | undefined;
  readonly headers: IncomingMessage['headers'];
  readonly body: string;
}

/** How a server answers, or does not. */
export type Respond = (response: ServerResponse, heard: HeardRequest) => void;

const open: Server[] = [];

/** Starts a server on this machine that answers as told; gives its address and what it has heard. */
export async function serve(respond: Respond): Promise<{ uri: string; heard: HeardRequest[]; server: HttpServer }> {
  const heard: HeardRequest[] = [];
  const server = createServer(async (request, response) => {
    const pieces: Buffer[] = [];
    for await (const piece of request) pieces.push(piece);
    const { method, url: path, headers } = request;
    const one = { method, path, headers, body: Buffer.concat(pieces).toString() };
    heard.push(one);
    respond(response, one);
  });
  return { uri: `http://127.0.0.1:${await listen(server)}`, heard, server };
}

/** Lets a server listen on a free port until {@link closeServers}; gives the port. */
export async function listen(server: Server): Promise<number> {
  const listening = deferred();
  server.listen(0, '127.0.0.1', () => listening.resolve());
  await listening.promise;
  open.push(server);
  return (server.address() as AddressInfo).port;
}

/** Closes all servers and their connections: to be called after each test. */
export async function closeServers(): Promise<void> {
  await Promise.all(open.splice(0).map(closeServer));
}

async function closeServer(server: Server): Promise<void> {
  const closed = deferred();
  server.close(() => closed.resolve());
  if ('closeAllConnections' in server) (server as HttpServer).closeAllConnections();
  await closed.promise;
}

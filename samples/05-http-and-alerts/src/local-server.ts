import { once } from 'node:events';
import { createServer, type IncomingMessage } from 'node:http';
import type { AddressInfo } from 'node:net';
import { text } from 'node:stream/consumers';

/** What a server answers. */
export interface Answer {
  readonly status: number;
  readonly text: string;
}

/** An HTTP server of this machine, on a port that is free. */
export interface LocalServer {
  /** `http://127.0.0.1:port` */
  readonly address: string;
  close(): Promise<void>;
}

/** Starts one; resolves when it listens. */
export async function startServer(answer: (request: IncomingMessage, body: string) => Answer): Promise<LocalServer> {
  const server = createServer((request, response) => {
    text(request).then(
      (body) => {
        const { status, text: told } = answer(request, body);
        response.writeHead(status, { 'content-type': 'text/plain' }).end(told);
      },
      // The client went away in the middle of its request: nobody is left to be answered.
      () => response.destroy(),
    );
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  const { port } = server.address() as AddressInfo;
  return {
    address: `http://127.0.0.1:${port}`,
    async close() {
      const closed = once(server, 'close');
      server.close();
      server.closeAllConnections();
      await closed;
    },
  };
}

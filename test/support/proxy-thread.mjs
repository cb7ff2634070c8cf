// The proxies of one process, in a thread of their own: they go on forwarding while the main thread is blocked, as the C
// client of ZooKeeper blocks it when a session is closed. JavaScript, because a thread is started from a file that both
// the sources and the build can name. Messages: { id, proxy, command, argument } in, { id, result } or { id, error } out.
import { once } from 'node:events';
import { connect, createServer } from 'node:net';
import { setTimeout as sleep } from 'node:timers/promises';
import { parentPort } from 'node:worker_threads';

class NetworkProxy {
  #pairs = new Set();
  /** 'open', 'cut' or 'blackhole' */
  #mode = 'open';
  #delayMs = 0;
  #pieceBytes = 0;
  #server;

  constructor(target) {
    this.#server = createServer((client) => this.#accept(client, target));
  }

  async listen() {
    this.#server.listen(0, '127.0.0.1');
    await once(this.#server, 'listening');
    return this.#server.address().port;
  }

  connections() {
    return this.#pairs.size;
  }

  cut() {
    this.#mode = 'cut';
    for (const pair of this.#pairs) this.#break(pair);
  }

  blackhole() {
    this.#mode = 'blackhole';
  }

  delay(ms) {
    this.#delayMs = ms;
  }

  trickle(bytes) {
    this.#pieceBytes = bytes;
  }

  restore() {
    this.#mode = 'open';
    for (const pair of this.#pairs) if (pair.lostBytes) this.#break(pair);
  }

  async stop() {
    this.cut();
    this.#server.close();
    await once(this.#server, 'close');
  }

  #accept(client, target) {
    if (this.#mode === 'cut') {
      client.resetAndDestroy();
      return;
    }
    const server = connect({ ...target, noDelay: true });
    client.setNoDelay(true);
    const pair = { sockets: [client, server], lostBytes: false };
    this.#pairs.add(pair);
    this.#forward(client, server, pair);
    this.#forward(server, client, pair);
  }

  #forward(from, to, pair) {
    let turn = Promise.resolve();
    // A chunk waits for its own delay and for the chunks before it, so that a change of the delay reorders nothing.
    const inTurn = (action) => {
      const held = this.#delayMs === 0 ? undefined : sleep(this.#delayMs);
      turn = turn.then(() => held).then(action);
    };
    const unlessLost = (action) => {
      if (this.#mode === 'blackhole') pair.lostBytes = true;
      else action();
    };
    const write = (chunk) => inTurn(() => to.writable && to.write(chunk));
    const writePieces = (chunk) => {
      for (let start = 0; start < chunk.length; start += this.#pieceBytes) {
        write(chunk.subarray(start, start + this.#pieceBytes));
        turn = turn.then(() => sleep(2));
      }
    };
    from.on('data', (chunk) => unlessLost(() => (this.#pieceBytes === 0 ? write(chunk) : writePieces(chunk))));
    from.on('end', () => unlessLost(() => inTurn(() => to.end())));
    from.on('error', () => unlessLost(() => this.#break(pair)));
    from.on('close', () => unlessLost(() => inTurn(() => this.#break(pair))));
  }

  #break(pair) {
    for (const socket of pair.sockets) socket.destroy();
    this.#pairs.delete(pair);
  }
}

const proxies = new Map();

async function perform({ proxy, command, argument }) {
  if (command !== 'start') return proxies.get(proxy)[command](argument);
  const started = new NetworkProxy(argument);
  proxies.set(proxy, started);
  return started.listen();
}

parentPort.on('message', (message) => {
  perform(message).then(
    (result) => parentPort.postMessage({ id: message.id, result }),
    (error) => parentPort.postMessage({ id: message.id, error }),
  );
});

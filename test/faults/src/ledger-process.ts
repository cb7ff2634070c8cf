// The ledger as a process of its own: it outlives whoever writes to it. Says `{"port":…}` on its output and then every
// write with its answer. Requests and answers are JSON lines over TCP on 127.0.0.1, each pair with the same `id`.
import { createServer } from 'node:net';
import { jsonLine, readJsonLines } from './json-lines.js';
import { Ledger, type LedgerWrite } from './ledger.js';

const ledger = new Ledger();

const server = createServer((socket) => {
  // A writer that is killed breaks its connection; what it had asked for is answered to nobody.
  socket.on('error', () => socket.destroy());
  readJsonLines<{ readonly id: number; readonly write: LedgerWrite }>(socket, ({ id, write }) => {
    const answer = ledger.write(write);
    process.stdout.write(jsonLine({ ...write, ...answer, at: Date.now() }));
    if (socket.writable) socket.write(jsonLine({ id, ...answer }));
  });
});
server.listen(0, '127.0.0.1', () => {
  const address = server.address();
  if (address === null || typeof address === 'string') throw new Error(`no port in ${address}`);
  process.stdout.write(jsonLine({ port: address.port }));
});

// Ctrl-C is for the process that started this one, whose end closes the input.
process.on('SIGINT', () => undefined);
process.stdin.on('end', () => process.exit(0)).resume();

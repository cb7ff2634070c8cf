import { pause } from './clock.js';
import { messageOf } from './errors.js';
import type { Settings } from './options.js';
import { ServerList } from './server-list.js';
import { discard, openSocket } from './socket.js';

/** The pauses between the questions, milliseconds: from the first to the last, doubled each time. */
const FIRST_MS = 1_000;
const LAST_MS = 30_000;

/** How long one server has to answer, milliseconds. */
const ANSWER_MS = 1_000;

/**
 * Asks the servers, one after the other and ever more slowly, whether one of them writes again; resolves to whether one
 * does, `false` when `signal` has aborted.
 *
 * @see the four-letter word `isro` of ZooKeeper
 */
export async function findReadWrite(settings: Settings, signal: AbortSignal): Promise<boolean> {
  const servers = new ServerList(settings.servers, settings);
  for (let wait = FIRST_MS; !signal.aborted; wait = Math.min(LAST_MS, wait * 2)) {
    await pause(settings.clock, wait, signal);
    if (signal.aborted) break;
    try {
      const { server } = await servers.next();
      if ((await ask(server, settings, signal)).startsWith('rw')) return true;
    } catch (error) {
      settings.log('a server does not say whether it writes', { error: messageOf(error) });
    }
  }
  return false;
}

async function ask(
  server: Parameters<typeof openSocket>[0],
  { tls, clock }: Settings,
  signal: AbortSignal,
): Promise<string> {
  const over = new AbortController();
  const end = (): void => over.abort(new Error('no answer in time'));
  const timer = clock.setTimer(ANSWER_MS, end);
  signal.addEventListener('abort', end);
  try {
    const socket = await openSocket(server, tls, over.signal);
    try {
      return await new Promise<string>((resolve, reject) => {
        socket.once('data', (chunk: Buffer) => resolve(chunk.toString('latin1')));
        socket.once('error', reject);
        socket.once('close', () => resolve(''));
        over.signal.addEventListener('abort', () => resolve(''));
        socket.write('isro');
      });
    } finally {
      discard(socket);
    }
  } finally {
    timer.cancel();
    signal.removeEventListener('abort', end);
  }
}

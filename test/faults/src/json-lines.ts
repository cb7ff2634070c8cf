import { createInterface } from 'node:readline';
import type { Readable } from 'node:stream';

/** Calls `onMessage` with every line of a stream that is a JSON object, and `onText` with every other line. */
export function readJsonLines<T>(
  input: Readable,
  onMessage: (message: T) => void,
  onText: (line: string) => void = () => undefined,
): void {
  const lines = createInterface({ input });
  lines.on('line', (line) => {
    if (line.startsWith('{')) onMessage(JSON.parse(line) as T);
    else onText(line);
  });
  // The interface reports the failure of its input once more; whoever owns the input deals with it.
  lines.on('error', () => lines.close());
}

/** Writes a message as one line. */
export function jsonLine(message: unknown): string {
  return `${JSON.stringify(message)}\n`;
}

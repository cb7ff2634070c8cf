import { createWriteStream } from 'node:fs';
import { finished } from 'node:stream/promises';
import { jsonLine } from './json-lines.js';
import type { WorkerMessage } from './worker-message.js';

/** Everything that was broken and that the instances told, to be read when a soak has found something. */
export interface SoakLog {
  /** What a person is told too. */
  told(text: string): void;
  heard(instance: string, message: WorkerMessage): void;
  /** Resolves when all of it is in the file. */
  end(): Promise<void>;
}

/** A log of one line of JSON for each entry; none if `file` is undefined. */
export function openSoakLog(file: string | undefined): SoakLog {
  if (file === undefined) return { told: () => undefined, heard: () => undefined, end: async () => undefined };
  const stream = createWriteStream(file);
  const isDone = finished(stream);
  return {
    told: (text) => stream.write(jsonLine({ kind: 'soak', text, at: Date.now() })),
    heard: (instance, message) => stream.write(jsonLine({ instance, ...message })),
    end: async () => {
      stream.end();
      await isDone;
    },
  };
}

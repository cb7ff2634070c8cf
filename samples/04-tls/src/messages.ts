/** What a process of the sample tells on its standard output, one JSON text per line. */
export type Message =
  | { readonly kind: 'ready'; readonly instanceId: string }
  | { readonly kind: 'assigned'; readonly items: readonly number[] }
  /** An item ran; `scheduledAt` is the planned time of the fire, epoch milliseconds. */
  | { readonly kind: 'ran'; readonly item: number; readonly scheduledAt: number };

/** Tells whoever started this process. */
export function say(message: Message): void {
  process.stdout.write(`${JSON.stringify(message)}\n`);
}

/** A line of a process's output as a message, `null` for anything else, such as a line of the log. */
export function parseMessage(line: string): Message | null {
  return line.startsWith('{"kind":') ? (JSON.parse(line) as Message) : null;
}

/**
 * Cuts text that comes in pieces into lines. Empty lines are left out; of a line longer than `maxLength` characters the
 * rest is dropped and an ellipsis tells so, so that a program writing without line ends cannot fill the memory.
 */
export class OutputLines {
  #line = '';

  constructor(
    private readonly maxLength: number,
    private readonly onLine: (line: string) => void,
  ) {}

  write(text: string): void {
    const [first = '', ...others] = text.split('\n');
    this.#append(first);
    for (const next of others) {
      this.end();
      this.#append(next);
    }
  }

  /** Hands out the line begun, if there is one. */
  end(): void {
    const line = this.#line.endsWith('\r') ? this.#line.slice(0, -1) : this.#line;
    this.#line = '';
    if (line.length > this.maxLength) this.onLine(`${line.slice(0, this.maxLength)}…`);
    else if (line !== '') this.onLine(line);
  }

  #append(text: string): void {
    // Two more than allowed are kept: a carriage return, and one to know that the line was too long.
    const room = this.maxLength + 2 - this.#line.length;
    this.#line += text.slice(0, Math.max(0, room));
  }
}

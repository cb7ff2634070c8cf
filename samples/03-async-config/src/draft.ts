import { Injectable, Scope } from '@nestjs/common';

let made = 0;

/** What one item of one run writes into. Nobody else has it, so that it needs neither keys nor locks. */
@Injectable({ scope: Scope.REQUEST })
export class Draft {
  /** How many drafts there are, this one included. */
  readonly number = ++made;
  readonly #lines: string[] = [];

  static get made(): number {
    return made;
  }

  write(line: string): void {
    this.#lines.push(line);
  }

  toString(): string {
    return `draft ${this.number} (${this.#lines.join(', ')})`;
  }
}

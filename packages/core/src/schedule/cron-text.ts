import { ConfigurationError } from '../foundation/errors.js';

/** Where an error is: the whole expression and an index into it. */
export interface TextPosition {
  readonly text: string;
  readonly index: number;
  /** The field the index lies in, as a person calls it. */
  readonly label?: string;
}

/**
 * The error for an expression that cannot be understood: what was found where, what was expected, and a caret under it.
 */
export function invalidCron({ text, index, label }: TextPosition, found: string, expected: string): ConfigurationError {
  const place = label === undefined ? `column ${index + 1}` : `column ${index + 1} (${label})`;
  const line = text.replace(/\s/g, ' ');
  const message = `Invalid cron expression at ${place}: found ${found}, expected ${expected}.`;
  return new ConfigurationError('INVALID_CRON', `${message}\n  ${line}\n  ${' '.repeat(index)}^`);
}

/** Reads one field of an expression from left to right, upper and lower case alike. */
export class FieldReader {
  #index: number;
  readonly #end: number;

  /** @param word the field's text, which begins at `start` in `text`. */
  constructor(
    private readonly text: string,
    readonly label: string,
    word: string,
    start: number,
  ) {
    this.#index = start;
    this.#end = start + word.length;
  }

  get index(): number {
    return this.#index;
  }

  get done(): boolean {
    return this.#index >= this.#end;
  }

  /** Whether `token` comes next. */
  next(token: string): boolean {
    return this.#rest.toUpperCase().startsWith(token);
  }

  /** Steps over `token` if it comes next. */
  take(token: string): boolean {
    if (!this.next(token)) return false;
    this.#index += token.length;
    return true;
  }

  /** Steps to the end if `token` is all that is left. */
  takeAll(token: string): boolean {
    return this.#rest.length === token.length && this.take(token);
  }

  /** Steps over a number if one comes next. */
  takeNumber(): number | null {
    const digits = /^\d+/.exec(this.#rest)?.[0];
    if (digits === undefined) return null;
    this.#index += digits.length;
    return Number(digits);
  }

  /** Steps over one of `names` if it comes next and returns its position among them. */
  takeName(names: readonly string[]): number | null {
    const position = names.findIndex((name) => this.next(name));
    if (position < 0) return null;
    this.#index += names[position]?.length ?? 0;
    return position;
  }

  /** The error for what comes next, or for what was read since `from`. */
  unexpected(expected: string, from = this.#index): ConfigurationError {
    const rest = from < this.#index ? this.text.slice(from, this.#index) : this.#rest;
    const found = rest === '' ? 'the end of the field' : `"${rest}"`;
    return invalidCron({ text: this.text, index: from, label: this.label }, found, expected);
  }

  get #rest(): string {
    return this.text.slice(this.#index, this.#end);
  }
}

import type { ConfigurationError } from '../foundation/errors.js';
import type { JobDefinition } from '../job/definition.js';
import { invalidJob, type Problem } from '../job/option-problems.js';
import { type Secrets, unknownSecrets, withSecrets } from './secrets.js';

const INT_MAX = 2 ** 31 - 1;
const NOT_SHOWN = '(not shown)';

/**
 * Reads the props of a job that mean something to its kind or to its error handler. What is wrong is collected, so that a
 * person hears of all of it at once: {@link check} throws it. Until then a wrong prop reads as its default.
 *
 * @example
 * const props = new PropReader(definition, secrets);
 * const settings = { url: props.url('webhook.url'), readTimeoutMs: props.milliseconds('webhook.readTimeoutMilliseconds', 5_000) };
 * props.check();
 */
export class PropReader {
  readonly #problems: Problem[] = [];

  constructor(
    private readonly definition: Pick<JobDefinition, 'jobName' | 'props'>,
    private readonly secrets: Secrets = {},
  ) {}

  get jobName(): string {
    return this.definition.jobName;
  }

  /** A text that may be left out; `''` then. References to secrets are replaced. */
  text(name: string): string {
    const given = this.#given(name);
    const unknown = unknownSecrets(given, this.secrets);
    if (unknown.length === 0) return withSecrets(given, this.secrets);
    const known = Object.keys(this.secrets).join(', ') || 'none';
    this.#refuse(
      name,
      unknown.map((secret) => `{secret:${secret}}`).join(', '),
      `expected the name of one of the engine's secrets (there are: ${known}); add it to the option secrets`,
    );
    return '';
  }

  /** A text that must not be empty; `what` says what it is for. */
  required(name: string, what: string): string {
    if (this.#given(name) === '') this.#refuse(name, undefined, `expected ${what}`);
    return this.text(name);
  }

  /** One of the texts, whatever the case of its letters, as it is listed. */
  oneOf<const T extends string>(name: string, allowed: readonly [T, ...T[]]): T {
    const given = this.#given(name);
    const found = allowed.find((value) => value.toLowerCase() === given.toLowerCase());
    if (found !== undefined) return found;
    this.#refuse(name, given === '' ? undefined : given, `expected one of ${allowed.join(', ')}`);
    return allowed[0];
  }

  /** `'true'` or `'false'`. */
  flag(name: string, fallback: boolean): boolean {
    const given = this.#given(name) || String(fallback);
    if (given !== 'true' && given !== 'false') this.#refuse(name, given, "expected 'true' or 'false'");
    return given === 'true';
  }

  /** Whole milliseconds; 0 is for the caller to give a meaning. */
  milliseconds(name: string, fallback: number): number {
    return this.#wholeNumber(name, this.#given(name) || String(fallback), 0, INT_MAX, 'milliseconds') ?? fallback;
  }

  /** A port, which has no default. */
  port(name: string): number {
    return this.#wholeNumber(name, this.#given(name), 1, 65_535, 'a port') ?? 1;
  }

  /** A required address of http or https. It is never shown, since tokens stand in it. */
  url(name: string): URL {
    const text = this.required(name, 'an address such as https://example.com/hook');
    const url = URL.canParse(text) ? new URL(text) : undefined;
    if (url?.protocol === 'http:' || url?.protocol === 'https:') return url;
    if (text !== '') this.#refuse(name, NOT_SHOWN, 'expected a whole address that begins with http:// or https://');
    return new URL('http://invalid');
  }

  /** Notes something else that is wrong with a prop whose value may be shown. */
  refuse(name: string, remedy: string): void {
    this.#refuse(name, this.#given(name), remedy);
  }

  /** Throws one `ConfigurationError` for all that was wrong. */
  check(): void {
    if (this.#problems.length > 0) throw this.#error();
  }

  #error(): ConfigurationError {
    return invalidJob(this.definition.jobName, this.#problems);
  }

  #given(name: string): string {
    return this.definition.props[name] ?? '';
  }

  #wholeNumber(name: string, given: string, min: number, max: number, what: string): number | undefined {
    const value = Number(given);
    if (/^\d+$/.test(given) && value >= min && value <= max) return value;
    this.#refuse(name, given === '' ? undefined : given, `expected ${what}, a whole number from ${min} to ${max}`);
    return undefined;
  }

  #refuse(name: string, seen: string | undefined, remedy: string): void {
    this.#problems.push({ path: `props.${name}`, seen, remedy });
  }
}

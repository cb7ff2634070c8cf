/** Values that belong to a log line, kept apart from its constant text. */
export type LogFields = Readonly<Record<string, unknown>>;

/** What the kernel needs of a logger. Texts are constant; what varies is in the fields. */
export interface Logger {
  debug(message: string, fields?: LogFields): void;
  info(message: string, fields?: LogFields): void;
  warn(message: string, fields?: LogFields): void;
  error(message: string, fields?: LogFields): void;
  /** A logger that adds `fields` to every line. */
  child(fields: LogFields): Logger;
}

/** Says nothing. */
export const silentLogger: Logger = {
  debug: () => undefined,
  info: () => undefined,
  warn: () => undefined,
  error: () => undefined,
  child: () => silentLogger,
};

/** The levels of {@link writeLogger}, from most to least talkative. */
export const LOG_LEVELS = ['debug', 'info', 'warn', 'error'] as const;
export type LogLevel = (typeof LOG_LEVELS)[number];

/**
 * A logger that hands finished lines to `write`: level, text, fields as JSON.
 *
 * @example
 * const logger = writeLogger((line) => process.stderr.write(`${line}\n`), 'info');
 */
export function writeLogger(write: (line: string) => void, minimum: LogLevel = 'info', fields: LogFields = {}): Logger {
  const log = (level: LogLevel) => (message: string, own?: LogFields) => {
    if (LOG_LEVELS.indexOf(level) < LOG_LEVELS.indexOf(minimum)) return;
    write(`${level.toUpperCase()} ${message} ${JSON.stringify({ ...fields, ...own }, plainValue)}`);
  };
  return {
    debug: log('debug'),
    info: log('info'),
    warn: log('warn'),
    error: log('error'),
    child: (more) => writeLogger(write, minimum, { ...fields, ...more }),
  };
}

function plainValue(_key: string, value: unknown): unknown {
  if (typeof value === 'bigint') return value.toString();
  return value instanceof Error ? value.message : value;
}

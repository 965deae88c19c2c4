/** Structured JSON lines on standard error. Fields named like secrets are never written. */
export type LogFields = Readonly<Record<string, unknown>>;
export type LogLevel = 'debug' | 'info' | 'warn' | 'error';

export interface Log {
  debug(message: string, fields?: LogFields): void;
  info(message: string, fields?: LogFields): void;
  warn(message: string, fields?: LogFields): void;
  error(message: string, fields?: LogFields): void;
  /** A log whose lines all carry these fields. */
  with(fields: LogFields): Log;
}

const levels: Readonly<Record<LogLevel, number>> = { debug: 10, info: 20, warn: 30, error: 40 };
const secret = /token|password|secret|authorization|cookie/i;

function plain(value: unknown): unknown {
  if (!(value instanceof Error)) return value;
  const own = value as Error & { code?: unknown };
  return { name: value.name, code: own.code, message: value.message, stack: value.stack, cause: plain(value.cause) };
}

export function createLog(options: {
  readonly level: LogLevel;
  readonly now: () => number;
  readonly write?: (line: string) => void;
  readonly fields?: LogFields;
}): Log {
  const write = options.write ?? ((line: string) => void process.stderr.write(line));
  const emit = (level: LogLevel, message: string, fields: LogFields = {}): void => {
    if (levels[level] < levels[options.level]) return;
    const line: Record<string, unknown> = { at: new Date(options.now()).toISOString(), level, message };
    for (const [key, value] of Object.entries({ ...options.fields, ...fields })) {
      line[key] = secret.test(key) ? '[redacted]' : plain(value);
    }
    write(`${JSON.stringify(line)}\n`);
  };
  return {
    debug: (message, fields) => emit('debug', message, fields),
    info: (message, fields) => emit('info', message, fields),
    warn: (message, fields) => emit('warn', message, fields),
    error: (message, fields) => emit('error', message, fields),
    with: (fields) => createLog({ ...options, fields: { ...options.fields, ...fields } }),
  };
}

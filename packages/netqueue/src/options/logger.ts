/** Where a client or server says what happens, for people; silent by default. The shape of pino's, console's and others' methods, text last. */
export interface Logger {
  debug(fields: object, message: string): void
  info(fields: object, message: string): void
  warn(fields: object, message: string): void
  /** Where `trace: true` tells of each frame and message; needed for that alone. */
  trace?: Trace
}

export type Trace = (fields: object, message: string) => void

/** What every client and server can be asked to say. */
export interface LoggerOptions {
  /** Where to say what happens: `console`, pino, or the like. `debug` tells who comes and goes, `warn` what is worth a look. @default nothing is said */
  logger?: Logger
  /**
   * Whether `logger.trace` is told of each frame and message: kinds, numbers, lengths, and the labels of requests; never what is sent, and
   * no secrets. It costs many times what the messages do. Not for `console`, whose `trace` prints a stack: `{ ...console, trace: console.debug }`.
   * @default false
   */
  trace?: boolean
}

/** The same logger, unable to disturb: one that throws must not end a connection or stop the dispatch. */
export function harmless(logger: Logger): Logger {
  const guard =
    (level: 'debug' | 'info' | 'warn' | 'trace') =>
    (fields: object, message: string): void => {
      try {
        logger[level]?.(fields, message)
      } catch {
        // There is nowhere left to report it.
      }
    }
  return { debug: guard('debug'), info: guard('info'), warn: guard('warn'), trace: guard('trace') }
}

export const silent: Logger = { debug() {}, info() {}, warn() {} }

/** Where each frame and message is told of; none where that was not asked for. */
export function traceOf({ logger = silent, trace = false }: LoggerOptions): Trace | undefined {
  if (!trace) return undefined
  if (typeof logger.trace !== 'function')
    throw new TypeError('Expected `logger` to have a method `trace`, for `trace` is true')
  const { trace: guarded } = harmless(logger)
  return guarded
}

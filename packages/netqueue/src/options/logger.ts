/** Where a client or server says what happens, for people; silent by default. The shape of pino's, console's and others' methods, text last. */
export interface Logger {
  debug(fields: object, message: string): void
  info(fields: object, message: string): void
  warn(fields: object, message: string): void
}

/** The same logger, unable to disturb: one that throws must not end a connection or stop the dispatch. */
export function harmless(logger: Logger): Logger {
  const guard =
    (level: keyof Logger) =>
    (fields: object, message: string): void => {
      try {
        logger[level](fields, message)
      } catch {
        // There is nowhere left to report it.
      }
    }
  return { debug: guard('debug'), info: guard('info'), warn: guard('warn') }
}

export const silent: Logger = { debug() {}, info() {}, warn() {} }

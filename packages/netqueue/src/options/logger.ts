/** Where a client or server says what happens, for people; silent by default. The shape of pino's, console's and others' methods, text last. */
export interface Logger {
  debug(fields: object, message: string): void
  info(fields: object, message: string): void
  warn(fields: object, message: string): void
}

export const silent: Logger = { debug() {}, info() {}, warn() {} }

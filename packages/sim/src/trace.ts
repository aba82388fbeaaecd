import { createHash } from 'node:crypto'

/** What happened, line by line; the hash of it tells two runs apart. */
export class Trace {
  readonly #hash = createHash('sha256')
  readonly #print: ((line: string) => void) | undefined

  constructor(print?: (line: string) => void) {
    this.#print = print
  }

  add(at: number, what: string): void {
    const line = `${at.toFixed(3)} ${what}`
    this.#hash.update(`${line}\n`)
    this.#print?.(line)
  }

  /** The hash of all lines; the trace is over then. */
  digest(): string {
    return this.#hash.digest('hex').slice(0, 16)
  }
}

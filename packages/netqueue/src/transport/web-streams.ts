import { connectionLost } from './failures.ts'
import { ToldInlet } from './inlet.ts'
import type { Inlet } from './inlet.ts'
import { Outlet } from './outlet.ts'
import type { ByteDuplex, Bytes } from './transport.ts'

// What streams of the web have, as far as it is used here: their types are not everywhere.

interface Reader {
  read(): Promise<{ done: boolean; value?: unknown }>
  cancel(reason: unknown): Promise<void>
}

interface Writer {
  readonly closed: Promise<unknown>
  readonly ready: Promise<unknown>
  /** At most 0 where no more should be written. */
  readonly desiredSize: number | null
  write(bytes: Uint8Array): Promise<void>
  close(): Promise<void>
  abort(reason: unknown): Promise<void>
}

export interface WebStreamPair {
  readable: { getReader(): Reader }
  writable: { getWriter(): Writer }
  remoteAddress?: string | undefined
  /** Cuts both streams at once. @default cancels the one and aborts the other */
  cut?: ((reason: unknown) => void) | undefined
}

/** Two streams of the web as one connection, where there are no others: those of a WebTransport, of a pipe to a worker. */
export function fromWebStreams(pair: WebStreamPair): ByteDuplex {
  return new WebStreamDuplex(pair)
}

class WebStreamDuplex extends Outlet implements ByteDuplex {
  readonly source: Inlet
  readonly remoteAddress?: string
  readonly #reader: Reader
  readonly #writer: Writer
  readonly #cut: WebStreamPair['cut']
  #isReading = false

  constructor({ readable, writable, remoteAddress, cut }: WebStreamPair) {
    super()
    if (remoteAddress !== undefined) this.remoteAddress = remoteAddress
    this.#reader = readable.getReader()
    this.#writer = writable.getWriter()
    this.#cut = cut
    this.source = new ToldInlet(() => this.#read())
    this.#writer.closed.catch(this.#writingBroke)
  }

  abort(reason: unknown): void {
    this.source.cut(reason)
    this.fail(reason)
    this.#end(reason)
  }

  protected write(bytes: Bytes): boolean {
    this.#writer.write(bytes instanceof Uint8Array ? bytes : bytes.slice()).catch(this.#writingBroke)
    if ((this.#writer.desiredSize ?? 0) > 0) return true
    this.#writer.ready.then(() => this.taken(), this.#writingBroke)
    return false
  }

  protected end(): void {
    this.#writer.close().then(() => this.ended(), this.#writingBroke)
  }

  /** One piece after the other, until many wait; whoever wants no more has all of them dropped. */
  #read(): void {
    if (this.#isReading || this.source.full) return
    this.#isReading = true
    this.#reader.read().then(this.#onRead, this.#readingBroke)
  }

  readonly #onRead = ({ done, value }: { done: boolean; value?: unknown }): void => {
    if (done) return this.source.end()
    this.#isReading = false
    if (!(value instanceof Uint8Array))
      return this.abort(new TypeError(`Expected \`readable\` to give bytes, got a ${typeof value}`))
    this.source.push(value)
    this.#read()
  }

  readonly #readingBroke = (cause: unknown): void => {
    const reason = connectionLost(this.remoteAddress, cause)
    this.source.fail(reason)
    this.fail(reason)
    this.#end(reason)
  }

  readonly #writingBroke = (cause: unknown): void => {
    this.fail(connectionLost(this.remoteAddress, cause))
  }

  #end(reason: unknown): void {
    if (this.#cut !== undefined) return this.#cut(reason)
    for (const ended of [this.#reader.cancel(reason), this.#writer.abort(reason)]) ended.catch(() => {})
  }
}

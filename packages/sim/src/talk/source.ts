import type { Process } from '../schedule.ts'
import { SOURCE_FAILED } from './outcomes.ts'
import type { Texts } from './party.ts'
import type { Strand } from './strand.ts'
import type { World } from '../world.ts'

export interface SourceInit {
  world: World
  process: Process
  strand: Strand
  /** Milliseconds until the next chunk. */
  pause: () => number
  /** Gives a chunk; `undefined` for the end. */
  give: (index: number) => Promise<string | undefined>
  /** Somebody leaves it, or it has come to its end. */
  over?: () => void
}

/** Gives chunks one after the other, and sees that it is asked for no more than was granted, and told when no more are wanted. */
export class Source implements Texts {
  readonly #init: SourceInit
  #isBusy = false
  #isOver = false

  constructor(init: SourceInit) {
    this.#init = init
    init.strand.isOpen = true
  }

  [Symbol.asyncIterator](): this {
    return this
  }

  async next(): Promise<IteratorResult<string, undefined>> {
    const { world, process, strand, pause } = this.#init
    world.check(!this.#isBusy, 'I17', `${strand.name}: the source was asked twice at a time`)
    strand.pulled += 1
    const { pulled, limit } = strand
    world.check(pulled <= limit, 'I18', `${strand.name}: the source was asked for chunk ${pulled}, of ${limit} granted`)
    this.#isBusy = true
    const ms = pause()
    if (ms > 0) await world.sleep(process, ms)
    const result = await this.#give()
    this.#isBusy = false
    return result
  }

  async return(): Promise<IteratorResult<string, undefined>> {
    this.#close()
    return { done: true, value: undefined }
  }

  async #give(): Promise<IteratorResult<string, undefined>> {
    const { strand, give } = this.#init
    if (this.#isOver) return { done: true, value: undefined }
    if (strand.given >= strand.plan.failsAfter)
      throw this.#fail(Object.assign(new Error('the source failed'), { code: SOURCE_FAILED }))
    const chunk = await give(strand.given).catch((error: Error) => {
      throw this.#fail(error)
    })
    if (chunk !== undefined) {
      strand.given += 1
      return { done: false, value: chunk }
    }
    strand.isFinished = true
    this.#close()
    return { done: true, value: undefined }
  }

  #fail(error: Error): Error {
    this.#init.strand.hasFailed = true
    this.#close()
    return error
  }

  #close(): void {
    if (this.#isOver) return
    this.#isOver = true
    this.#init.strand.isOpen = false
    this.#init.over?.()
  }
}

export interface ReaderInit {
  world: World
  process: Process
  strand: Strand
  stream: Texts
  /** Milliseconds between two chunks. */
  pause: () => number
}

/** Reads a stream at its own speed: each chunk must be the next one that was given. */
export class Reader {
  readonly #init: ReaderInit
  #isLeft = false

  constructor(init: ReaderInit) {
    this.#init = init
  }

  /** The next chunk; `undefined` at the end. */
  async next(): Promise<string | undefined> {
    const { world, process, strand, stream, pause } = this.#init
    const ms = pause()
    if (ms > 0) await world.sleep(process, ms)
    strand.asked += 1
    const { done, value } = await stream.next()
    if (done === true) {
      const isWhole = this.#isLeft || (strand.isFinished && strand.got === strand.given)
      world.check(isWhole, 'I17', `${strand.name} ended after ${strand.got} chunks, of ${strand.given} that were given`)
      return undefined
    }
    world.check(
      value === strand.text(strand.got),
      'I17',
      `${strand.name}: chunk ${strand.got} is not the one that was given`,
    )
    strand.got += 1
    return value
  }

  /** Reads until it has had enough; tells whether it came to the end. */
  async read(): Promise<boolean> {
    const { strand } = this.#init
    while (strand.got < strand.plan.takes) if ((await this.next()) === undefined) return true
    await this.leave()
    return false
  }

  async leave(): Promise<void> {
    this.#isLeft = true
    await this.#init.stream.return?.()
  }
}

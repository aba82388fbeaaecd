import { z } from 'zod'

import { defineMessages, text, type } from '../../src/index.ts'
import type { Client, Server, ServerClient } from '../../src/index.ts'
import type { Place } from './nodes.ts'

/** What the tests of requests and messages talk about. */
export const messages = defineMessages({
  'math:add': { payload: z.object({ a: z.number(), b: z.number() }), reply: z.number() },
  /** Asks anything, and may be answered by anything, streams too. */
  'any:ask': { payload: type<unknown>(), reply: type<unknown>(), body: type<unknown>() },
  'text:shout': { payload: type<string>(), reply: type<string>(), codec: text() },
  'news:flash': { payload: z.string() },
  'news:other': { payload: type<unknown>() },
})

export type App = typeof messages

/** A server and a client with these messages. */
export interface Both {
  server: Server<string, string, App>
  client: Client<string, string, App>
  /** The client as the server sees it. */
  there: ServerClient
}

export async function both(place: Place): Promise<Both> {
  const server = await place.listen({ messages })
  const client = await place.connect({ messages })
  const [there] = server.clients as [ServerClient]
  return { server, client, there }
}

/** A handler that is never done. */
export const never = (): Promise<never> => new Promise(() => {})

/** Handlers that run until a test ends them. */
export class Work {
  /** Payloads, in the order in which they came. */
  readonly begun: unknown[] = []
  /** Codes of the reasons for which signals fired. */
  readonly stopped: string[] = []
  readonly #ends: ((reply: unknown) => void)[] = []
  readonly #heeds: boolean

  /** `heeds`: whether a signal ends the handler. */
  constructor({ heeds = true } = {}) {
    this.#heeds = heeds
  }

  readonly handler = (payload: unknown, { signal }: { signal: AbortSignal }): Promise<unknown> =>
    new Promise((resolve, reject) => {
      this.begun.push(payload)
      this.#ends.push(resolve)
      const stop = (): void => {
        this.stopped.push((signal.reason as { code: string }).code)
        if (this.#heeds) reject(signal.reason as Error)
      }
      if (signal.aborted) stop()
      else signal.addEventListener('abort', stop, { once: true })
    })

  /** Ends the one that began as the n-th. */
  end(index: number, reply?: unknown): void {
    this.#ends[index]?.(reply)
  }

  endAll(reply?: unknown): void {
    for (const end of this.#ends.splice(0)) end(reply)
  }
}

/** What a loop gives, until its end or its error. */
export async function collected<T>(loop: AsyncIterable<T>): Promise<{ values: T[]; error?: unknown }> {
  const values: T[] = []
  try {
    for await (const value of loop) values.push(value)
    return { values }
  } catch (error) {
    return { values, error }
  }
}

import { connect, listen, tcp } from '../../src/index.ts'
import type { Client, ClientOptions, Messages, Server, ServerClient, ServerOptions } from '../../src/index.ts'
import { expectHandles, handles } from './handles.ts'
import { until } from './nodes.ts'

export interface OverTcp<M extends Messages> {
  client: Client<string, string, M>
  /** The client as the server sees it. */
  there: ServerClient
  /** Cuts the connection. */
  lose: () => void
}

/** A server and its clients over TCP: closes all of them, and leaves no handle. */
export class Port<M extends Messages> implements AsyncDisposable {
  readonly server: Server<string, string, M>
  readonly #before: Record<string, number>
  readonly #messages: M
  readonly #clients: Client<string, string, M>[] = []

  private constructor(server: Server<string, string, M>, messages: M, before: Record<string, number>) {
    this.server = server
    this.#messages = messages
    this.#before = before
  }

  static async open<M extends Messages>(messages: M, options: ServerOptions<string, string, M> = {}): Promise<Port<M>> {
    const before = handles()
    return new Port(await listen<string, string, M>('tcp://127.0.0.1:0', { messages, ...options }), messages, before)
  }

  async connect(options: ClientOptions<string, string, M> = {}): Promise<OverTcp<M>> {
    const { server } = this
    const duplex = await tcp().connect(server.address ?? '')
    const count = server.clients.length
    const client = await connect<string, string, M>(duplex, { messages: this.#messages, ...options })
    this.#clients.push(client)
    await until(() => server.clients.length > count)
    const there = server.clients.at(-1) as ServerClient
    return { client, there, lose: () => duplex.abort?.(new Error('the cable was pulled')) }
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await Promise.all(this.#clients.map((client) => client.close({ timeout: 0 })))
    await this.server.close({ timeout: 0 })
    await expectHandles(this.#before)
  }
}

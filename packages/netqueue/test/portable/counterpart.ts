import type { NetQueueError, RemoteError, Server, ServerClient, ServerOptions } from '../../src/index.ts'
import type { ConnectedClient } from '../../src/server/server-client.ts'
import { digest } from './checks.ts'
import { messagesOf } from './library.ts'
import type { Answered, App, Library } from './library.ts'
import { Arrivals } from './arrivals.ts'

export interface CounterpartInit {
  netqueue: Library
  /** Where it listens. */
  address: string
  options?: Omit<ServerOptions<unknown, unknown, App>, 'messages'>
}

/** The server that the tests talk to. */
export interface Counterpart {
  readonly address: string
  close(): Promise<void>
}

/** What is known of a client, by its id. */
interface Known {
  items: Arrivals<unknown>
  notes: Arrivals<string>
  cancelled: number
  counted: number
}

type Peer = Server<unknown, unknown, App>

/** Starts a server that does what its clients ask for. */
export async function counterpart({ netqueue, address, options = {} }: CounterpartInit): Promise<Counterpart> {
  const messages = messagesOf(netqueue)
  const server = await netqueue.listen<unknown, unknown, App>(address, { ...options, messages })
  const known = new Map<string, Known>()
  const about = ({ id }: { id: string }): Known => {
    const found = known.get(id) ?? { items: new Arrivals(), notes: new Arrivals(), cancelled: 0, counted: 0 }
    known.set(id, found)
    return found
  }
  handleItems(server, about)
  handleCalls(server, about)
  handleStreams(server, about)
  handleMessages(server, about)
  const reading = readAll(server, about)
  const close = async (): Promise<void> => {
    await server.close({ timeout: 0 })
    await reading
  }
  return { address: server.address ?? address, close }
}

type About = (client: { id: string }) => Known

async function readAll(server: Peer, about: About): Promise<void> {
  for await (const { item, from, done } of unbound(server)) {
    about(from).items.add(digest(item))
    done()
  }
}

async function* unbound(server: Peer): AsyncGenerator<{ item: unknown; from: { id: string }; done: () => void }> {
  for await (const delivery of server.deliveries())
    yield { item: delivery.item, from: delivery.from, done: () => delivery.done() }
}

function handleItems(server: Peer, about: About): void {
  server.handle('items:give', async (items, { from, signal }) => {
    for (const item of items) await server.put(item, { to: from, signal })
    return items.length
  })
  server.handle('items:ask', (items, { from, signal }) =>
    Promise.all(items.map((item) => answered(server.submit(item, { to: from, signal })))),
  )
  server.handle('items:taken', (count, { from, signal }) => about(from).items.take(count, signal))
}

function handleCalls(server: Peer, about: About): void {
  server.handle('any:echo', (value) => value)
  server.handle('any:fail', (code) => {
    throw Object.assign(new Error('as asked for'), { code })
  })
  server.handle('any:wait', async (_, { from, signal }) => {
    await aborted(signal)
    about(from).cancelled += 1
    throw signal.reason
  })
  server.handle('calls:cancelled', (_, { from }) => about(from).cancelled)
  server.handle('me:ask', (n, { from, signal }) => server.request('me:double', n, { to: from, signal }))
  server.handle('me:who', (_, { from: { id, tags, status } }) => ({ id, tags, status }))
}

function handleStreams(server: Peer, about: About): void {
  server.handle('any:count', async function* (last, { from }) {
    for (let n = 1; n <= last; n += 1) {
      about(from).counted = n
      yield n
    }
  })
  server.handle('any:counted', (_, { from }) => about(from).counted)
  server.handle('any:sum', async (_, { body }) => {
    let sum = 0
    for await (const n of body) sum += n
    return sum
  })
  server.handle('any:ignore', async (_, { body, signal }) => {
    await body.next()
    await aborted(signal)
    throw signal.reason
  })
}

function handleMessages(server: Peer, about: About): void {
  server.on('any:note', ({ payload, from }) => about(from).notes.add(payload))
  server.handle('notes:heard', (count, { from, signal }) => about(from).notes.take(count, signal))
  server.handle('me:tell', async ({ text, all }, { from }) => {
    if (all) return (await server.broadcast('any:news', text)).sent
    await server.send('any:news', text, { to: from })
    return 1
  })
  server.on('me:lose', ({ from }) => lose(from))
}

async function answered(promise: Promise<unknown>): Promise<Answered> {
  try {
    return { value: await promise }
  } catch (error) {
    const { code, remoteCode } = error as NetQueueError & Partial<RemoteError>
    return { code, ...(remoteCode !== undefined && { remoteCode }) }
  }
}

function aborted(signal: AbortSignal): Promise<void> {
  return new Promise((resolve) => {
    if (signal.aborted) resolve()
    else signal.addEventListener('abort', () => resolve(), { once: true })
  })
}

/** No server does this to its clients: the test reaches behind what is public. */
function lose(client: ServerClient): void {
  const { connection } = (client as ConnectedClient).arrival
  connection.lose(Object.assign(new Error('the cable was pulled'), { code: 'CONNECTION_LOST' }) as NetQueueError)
}

import { describe } from 'vitest'
import { memoryPair } from '../src/index.ts'
import type { BroadcastOutcome, Client, Server, ServerClient } from '../src/index.ts'
import { observe, Place, rest } from './support/nodes.ts'
import { messages, never } from './support/talking.ts'
import type { App } from './support/talking.ts'
import { CONSUMING, first, traits } from './support/traits.ts'

interface Cast {
  server: Server<string, string, App>
  client: Client<string, string, App>
  /** Breaks the client's connection. */
  lose: () => void
}

/** Each brings a server into a state before the call, and may return what happens after it. In the order of the table's columns. */
const SITUATIONS: Record<string, Bring> = {
  /** It has no client any more. */
  async alone({ client }: Cast) {
    await client.close()
  },
  /** A client works and answers, and an item of its is here. */
  async ready({ server, client }: Cast) {
    client.process((item) => item).catch(() => {})
    client.handle('any:ask', (payload) => payload)
    client.put('a').catch(() => {})
    await server.poll()
    await rest()
  },
  /** A client neither reads nor sends, and is never done with what it is asked. */
  async idle({ client }: Cast) {
    client.handle('any:ask', never)
  },
  async 'idle, then close()'({ server, client }: Cast) {
    client.handle('any:ask', never)
    return () => void server.close()
  },
  async 'idle, then the client leaves'({ client }: Cast) {
    client.handle('any:ask', never)
    return () => void client.close()
  },
  async 'idle, then the connection breaks'({ client, lose }: Cast) {
    client.handle('any:ask', never)
    return lose
  },
  /** close() waits for a client's handler. */
  async closing({ server, client }: Cast) {
    server.put('held').catch(() => {})
    await client.receive()
    void server.close()
    await rest()
  },
  async closed({ server }: Cast) {
    await server.close()
  },
}

type Bring = (cast: Cast) => Promise<(() => void) | void>

/** `c` is the client as the server sees it, whether it is still there or not. */
const CALLS: Record<string, (server: Server<string, string, App>, c: ServerClient) => unknown> = {
  'put(x)': (s) => s.put('x'),
  'put(x) to the client': (s, c) => s.put('x', { to: c }),
  'put(x) to [the client]': (s, c) => s.put('x', { to: [c] }),
  'put(x) to all': (s) => s.put('x', { to: 'all' }),
  'put(x) to all except the client': (s, c) => s.put('x', { to: 'all', except: [c] }),
  'tryPut(x)': (s) => s.tryPut('x'),
  'putAll([x])': (s) => s.putAll(['x']),
  'putAll([])': (s) => s.putAll([]),
  'sink([x])': (s) => s.sink(['x']),
  'submit(x)': (s) => s.submit('x'),
  'submit(x) to the client': (s, c) => s.submit('x', { to: c }),
  'map([x])': (s) => first(s.map(['x'])),
  'map([])': (s) => first(s.map([])),
  'request()': (s) => s.request('any:ask', 'x'),
  'request() to the client': (s, c) => s.request('any:ask', 'x', { to: c }),
  'call()': async (s) => (await s.call('any:ask', 'x')).value,
  'call() to the client': async (s, c) => (await s.call('any:ask', 'x', { to: c })).value,
  'stream()': (s) => first(s.stream('any:ask', 'x')),
  'stream() to the client': (s, c) => first(s.stream('any:ask', 'x', { to: c })),
  'send() to the client': (s, c) => s.send('news:flash', 'x', { to: c }),
  'send() to [the client]': (s, c) => s.send('news:flash', 'x', { to: [c] }),
  'send() to []': (s) => s.send('news:flash', 'x', { to: [] }),
  'sendEncoded() to the client': (s, c) => s.sendEncoded('news:flash', Uint8Array.of(0xa0), { to: c }),
  'broadcast()': async (s) => told(await s.broadcast('news:flash', 'x')),
  'broadcast() except the client': async (s, c) => told(await s.broadcast('news:flash', 'x', { except: [c] })),
  'broadcastEncoded()': async (s) => told(await s.broadcastEncoded('news:flash', Uint8Array.of(0xa0))),
  'endRequests() to the client': (s, c) => s.endRequests(c),
  'handle()': (s) => s.handle('any:ask', () => {}),
  'messages()': (s) => first(s.messages('news:flash')),
  'on() of a message': (s) => s.on('news:flash', () => {}),
  ...CONSUMING,
  'idle()': (s) => s.idle(),
  'setStatus(x)': (s) => s.setStatus('x'),
  'accept()': (s) => s.accept(memoryPair()[0]),
  'on()': (s) => s.on('status', () => {}),
  'events()': (s) => first(s.events('status')),
  'ticks()': (s) => first(s.ticks(10)),
  'close()': async (s) => (await s.close()).undone,
  asyncDispose: (s) => s[Symbol.asyncDispose](),
  closed: async (s) => (await s.closed).undone,
  state: (s) => s.state,
  clients: (s) => s.clients.length,
}

const told = ({ sent, missed }: BroadcastOutcome): string => `sent to ${sent}, missed by ${missed.length}`

/** What each call does in each situation. */
const TABLE = `
call                            | alone                           | ready                           | idle                            | idle, then close()              | idle, then the client leaves    | idle, then the connection breaks | closing          | closed
put(x)                          | waits                           | resolves                        | waits                           | rejects CLOSED                  | waits                           | waits                            | rejects CLOSED   | rejects CLOSED
put(x) to the client            | rejects CLIENT_GONE             | resolves                        | waits                           | rejects CLOSED                  | rejects CLIENT_GONE             | rejects CLIENT_GONE              | rejects CLOSED   | rejects CLOSED
put(x) to [the client]          | rejects CLIENT_GONE             | resolves                        | waits                           | rejects CLOSED                  | rejects CLIENT_GONE             | rejects CLIENT_GONE              | rejects CLOSED   | rejects CLOSED
put(x) to all                   | resolves                        | resolves                        | waits                           | rejects CLOSED                  | rejects CLIENT_GONE             | rejects CLIENT_GONE              | rejects CLOSED   | rejects CLOSED
put(x) to all except the client | resolves                        | resolves                        | resolves                        | resolves                        | resolves                        | resolves                         | rejects CLOSED   | rejects CLOSED
tryPut(x)                       | returns false                   | returns true                    | returns false                   | returns false                   | returns false                   | returns false                    | throws CLOSED    | throws CLOSED
putAll([x])                     | waits                           | resolves                        | waits                           | rejects CLOSED                  | waits                           | waits                            | rejects CLOSED   | rejects CLOSED
putAll([])                      | resolves                        | resolves                        | resolves                        | resolves                        | resolves                        | resolves                         | resolves         | resolves
sink([x])                       | waits                           | resolves                        | waits                           | rejects CLOSED                  | waits                           | waits                            | rejects CLOSED   | rejects CLOSED
submit(x)                       | waits                           | resolves x                      | waits                           | rejects CLOSED                  | waits                           | waits                            | rejects CLOSED   | rejects CLOSED
submit(x) to the client         | rejects CLIENT_GONE             | resolves x                      | waits                           | rejects CLOSED                  | rejects CLIENT_GONE             | rejects CLIENT_GONE              | rejects CLOSED   | rejects CLOSED
map([x])                        | waits                           | resolves x                      | waits                           | rejects CLOSED                  | waits                           | waits                            | rejects CLOSED   | rejects CLOSED
map([])                         | resolves the end                | resolves the end                | resolves the end                | resolves the end                | resolves the end                | resolves the end                 | resolves the end | resolves the end
request()                       | waits                           | resolves x                      | waits                           | waits                           | waits                           | rejects CONNECTION_LOST          | rejects CLOSED   | rejects CLOSED
request() to the client         | rejects CLIENT_GONE             | resolves x                      | waits                           | waits                           | waits                           | rejects CONNECTION_LOST          | rejects CLOSED   | rejects CLOSED
call()                          | waits                           | resolves x                      | waits                           | waits                           | waits                           | rejects CONNECTION_LOST          | rejects CLOSED   | rejects CLOSED
call() to the client            | rejects CLIENT_GONE             | resolves x                      | waits                           | waits                           | waits                           | rejects CONNECTION_LOST          | rejects CLOSED   | rejects CLOSED
stream()                        | waits                           | resolves x                      | waits                           | waits                           | waits                           | rejects CONNECTION_LOST          | throws CLOSED    | throws CLOSED
stream() to the client          | throws CLIENT_GONE              | resolves x                      | waits                           | waits                           | waits                           | rejects CONNECTION_LOST          | throws CLOSED    | throws CLOSED
send() to the client            | rejects CLIENT_GONE             | resolves                        | resolves                        | resolves                        | resolves                        | resolves                         | rejects CLOSED   | rejects CLOSED
send() to [the client]          | rejects CLIENT_GONE             | resolves                        | resolves                        | resolves                        | resolves                        | resolves                         | rejects CLOSED   | rejects CLOSED
send() to []                    | resolves                        | resolves                        | resolves                        | resolves                        | resolves                        | resolves                         | rejects CLOSED   | rejects CLOSED
sendEncoded() to the client     | rejects CLIENT_GONE             | resolves                        | resolves                        | resolves                        | resolves                        | resolves                         | rejects CLOSED   | rejects CLOSED
broadcast()                     | resolves sent to 0, missed by 0 | resolves sent to 1, missed by 0 | resolves sent to 1, missed by 0 | resolves sent to 1, missed by 0 | resolves sent to 1, missed by 0 | resolves sent to 1, missed by 0  | rejects CLOSED   | rejects CLOSED
broadcast() except the client   | resolves sent to 0, missed by 0 | resolves sent to 0, missed by 0 | resolves sent to 0, missed by 0 | resolves sent to 0, missed by 0 | resolves sent to 0, missed by 0 | resolves sent to 0, missed by 0  | rejects CLOSED   | rejects CLOSED
broadcastEncoded()              | resolves sent to 0, missed by 0 | resolves sent to 1, missed by 0 | resolves sent to 1, missed by 0 | resolves sent to 1, missed by 0 | resolves sent to 1, missed by 0 | resolves sent to 1, missed by 0  | rejects CLOSED   | rejects CLOSED
endRequests() to the client     | rejects CLIENT_GONE             | resolves                        | resolves                        | resolves                        | resolves                        | resolves                         | rejects CLOSED   | rejects CLOSED
handle()                        | returns function                | returns function                | returns function                | returns function                | returns function                | returns function                 | returns function | returns function
messages()                      | waits                           | waits                           | waits                           | resolves the end                | waits                           | waits                            | waits            | resolves the end
on() of a message               | returns function                | returns function                | returns function                | returns function                | returns function                | returns function                 | returns function | returns function
get()                           | waits                           | resolves a                      | waits                           | rejects CLOSED                  | waits                           | waits                            | waits            | rejects CLOSED
tryGet()                        | returns                         | returns {"value":"a"}           | returns                         | returns                         | returns                         | returns                          | returns          | returns
getAll()                        | returns []                      | returns ["a"]                   | returns []                      | returns []                      | returns []                      | returns []                       | returns []       | returns []
poll()                          | waits                           | resolves true                   | waits                           | rejects CLOSED                  | waits                           | waits                            | waits            | rejects CLOSED
receive()                       | waits                           | resolves a                      | waits                           | rejects CLOSED                  | waits                           | waits                            | waits            | rejects CLOSED
for await                       | waits                           | resolves a                      | waits                           | resolves the end                | waits                           | waits                            | waits            | resolves the end
items()                         | waits                           | resolves a                      | waits                           | resolves the end                | waits                           | waits                            | waits            | resolves the end
source                          | waits                           | resolves a                      | waits                           | resolves the end                | waits                           | waits                            | waits            | resolves the end
deliveries()                    | waits                           | resolves a                      | waits                           | resolves the end                | waits                           | waits                            | waits            | resolves the end
process()                       | waits                           | waits                           | waits                           | resolves                        | waits                           | waits                            | waits            | resolves
idle()                          | resolves                        | resolves                        | resolves                        | resolves                        | resolves                        | resolves                         | waits            | resolves
setStatus(x)                    | returns                         | returns                         | returns                         | returns                         | returns                         | returns                          | throws CLOSED    | throws CLOSED
accept()                        | waits                           | waits                           | waits                           | rejects CLOSED                  | waits                           | waits                            | rejects CLOSED   | rejects CLOSED
on()                            | returns function                | returns function                | returns function                | returns function                | returns function                | returns function                 | returns function | returns function
events()                        | waits                           | waits                           | waits                           | resolves the end                | waits                           | waits                            | waits            | resolves the end
ticks()                         | waits                           | waits                           | waits                           | resolves the end                | waits                           | waits                            | resolves the end | resolves the end
close()                         | resolves []                     | resolves []                     | resolves []                     | resolves []                     | resolves []                     | resolves []                      | waits            | resolves []
asyncDispose                    | resolves                        | resolves                        | resolves                        | resolves                        | resolves                        | resolves                         | waits            | resolves
closed                          | waits                           | waits                           | waits                           | resolves []                     | waits                           | waits                            | waits            | resolves []
state                           | returns listening               | returns listening               | returns listening               | returns listening               | returns listening               | returns listening                | returns closing  | returns closed
clients                         | returns 0                       | returns 1                       | returns 1                       | returns 1                       | returns 1                       | returns 1                        | returns 1        | returns 0
`

async function outcome(call: string, situation: string): Promise<string> {
  await using place = new Place()
  const server = await place.listen({ messages })
  const { client, lose } = await place.attach(server, { messages })
  const [there] = server.clients as [ServerClient]
  const event = await SITUATIONS[situation]?.({ server, client, lose })
  const said = observe(() => CALLS[call]?.(server, there))
  await rest()
  event?.()
  await rest()
  return said()
}

describe('P11, P12: every call of a server in every state', () => {
  traits(TABLE, Object.keys(CALLS), outcome)
})

import { describe } from 'vitest'
import type { Client, Server } from '../src/index.ts'
import { observe, Place, rest } from './support/nodes.ts'
import { messages, never } from './support/talking.ts'
import type { App } from './support/talking.ts'
import { CALLS } from './support/client-calls.ts'
import { traits } from './support/traits.ts'

interface Cast {
  server: Server<string, string, App>
  client: Client<string, string, App>
  /** Breaks the connection. */
  lose: () => void
}

/** Each brings a client into a state before the call, and may return what happens after it. In the order of the table's columns. */
const SITUATIONS: Record<string, Bring> = {
  /** The server reads and answers, and an item of its is here. */
  async ready({ server, client }: Cast) {
    server.process(() => {}).catch(() => {})
    server.handle('any:ask', (payload) => payload)
    server.put('a').catch(() => {})
    await client.poll()
  },
  /** The server neither reads nor sends, and is never done with what it is asked. */
  async idle({ server }: Cast) {
    server.handle('any:ask', never)
  },
  async 'idle, then close()'({ server, client }: Cast) {
    server.handle('any:ask', never)
    return () => void client.close()
  },
  async 'idle, then the server closes'({ server }: Cast) {
    server.handle('any:ask', never)
    return () => void server.close()
  },
  async 'idle, then the connection breaks'({ server, lose }: Cast) {
    server.handle('any:ask', never)
    return lose
  },
  /** close() waits for a handler. */
  async closing({ server, client }: Cast) {
    server.put('a').catch(() => {})
    await client.receive()
    void client.close()
  },
  async closed({ client }: Cast) {
    await client.close()
  },
  /** The connection broke. */
  async lost({ client, lose }: Cast) {
    lose()
    await client.closed
  },
}

type Bring = (cast: Cast) => Promise<(() => void) | void>

/** What each call does in each situation. */
const TABLE = `
call              | ready                 | idle              | idle, then close() | idle, then the server closes | idle, then the connection breaks | closing          | closed            | lost
put(x)            | resolves              | waits             | waits              | waits                        | rejects CONNECTION_LOST          | rejects CLOSED   | rejects CLOSED    | rejects CONNECTION_LOST
tryPut(x)         | returns true          | returns false     | returns false      | returns false                | returns false                    | throws CLOSED    | throws CLOSED     | throws CONNECTION_LOST
putAll([x])       | resolves              | waits             | waits              | waits                        | rejects CONNECTION_LOST          | rejects CLOSED   | rejects CLOSED    | rejects CONNECTION_LOST
putAll([])        | resolves              | resolves          | resolves           | resolves                     | resolves                         | resolves         | resolves          | resolves
sink([x])         | resolves              | waits             | waits              | waits                        | rejects CONNECTION_LOST          | rejects CLOSED   | rejects CLOSED    | rejects CONNECTION_LOST
setStatus(x)      | returns               | returns           | returns            | returns                      | returns                          | throws CLOSED    | throws CLOSED     | throws CONNECTION_LOST
request()         | resolves x            | waits             | waits              | waits                        | rejects CONNECTION_LOST          | rejects CLOSED   | rejects CLOSED    | rejects CONNECTION_LOST
call()            | resolves x            | waits             | waits              | waits                        | rejects CONNECTION_LOST          | rejects CLOSED   | rejects CLOSED    | rejects CONNECTION_LOST
stream()          | resolves x            | waits             | waits              | waits                        | rejects CONNECTION_LOST          | throws CLOSED    | throws CLOSED     | throws CONNECTION_LOST
send()            | resolves              | resolves          | resolves           | resolves                     | resolves                         | rejects CLOSED   | rejects CLOSED    | rejects CONNECTION_LOST
sendEncoded()     | resolves              | resolves          | resolves           | resolves                     | resolves                         | rejects CLOSED   | rejects CLOSED    | rejects CONNECTION_LOST
endRequests()     | resolves              | resolves          | resolves           | resolves                     | resolves                         | rejects CLOSED   | rejects CLOSED    | rejects CONNECTION_LOST
handle()          | returns function      | returns function  | returns function   | returns function             | returns function                 | returns function | returns function  | returns function
messages()        | waits                 | waits             | resolves the end   | resolves the end             | resolves the end                 | waits            | resolves the end  | resolves the end
on() of a message | returns function      | returns function  | returns function   | returns function             | returns function                 | returns function | returns function  | returns function
get()             | resolves a            | waits             | rejects CLOSED     | rejects CLOSED               | rejects CONNECTION_LOST          | rejects CLOSED   | rejects CLOSED    | rejects CONNECTION_LOST
tryGet()          | returns {"value":"a"} | returns           | returns            | returns                      | returns                          | returns          | returns           | returns
getAll()          | returns ["a"]         | returns []        | returns []         | returns []                   | returns []                       | returns []       | returns []        | returns []
poll()            | resolves true         | waits             | rejects CLOSED     | rejects CLOSED               | rejects CONNECTION_LOST          | rejects CLOSED   | rejects CLOSED    | rejects CONNECTION_LOST
receive()         | resolves a            | waits             | rejects CLOSED     | rejects CLOSED               | rejects CONNECTION_LOST          | rejects CLOSED   | rejects CLOSED    | rejects CONNECTION_LOST
for await         | resolves a            | waits             | resolves the end   | resolves the end             | rejects CONNECTION_LOST          | resolves the end | resolves the end  | rejects CONNECTION_LOST
items()           | resolves a            | waits             | resolves the end   | resolves the end             | rejects CONNECTION_LOST          | resolves the end | resolves the end  | rejects CONNECTION_LOST
source            | resolves a            | waits             | resolves the end   | resolves the end             | rejects CONNECTION_LOST          | resolves the end | resolves the end  | rejects CONNECTION_LOST
deliveries()      | resolves a            | waits             | resolves the end   | resolves the end             | rejects CONNECTION_LOST          | resolves the end | resolves the end  | rejects CONNECTION_LOST
process()         | waits                 | waits             | resolves           | resolves                     | rejects CONNECTION_LOST          | resolves         | resolves          | rejects CONNECTION_LOST
on()              | returns function      | returns function  | returns function   | returns function             | returns function                 | returns function | returns function  | returns function
events()          | waits                 | waits             | resolves the end   | resolves the end             | resolves the end                 | waits            | resolves the end  | resolves the end
ticks()           | waits                 | waits             | resolves the end   | resolves the end             | resolves the end                 | resolves the end | resolves the end  | resolves the end
close()           | resolves              | resolves          | resolves           | resolves                     | resolves                         | waits            | resolves          | resolves
asyncDispose      | resolves              | resolves          | resolves           | resolves                     | resolves                         | waits            | resolves          | resolves
closed            | waits                 | waits             | resolves no error  | resolves no error            | resolves CONNECTION_LOST         | waits            | resolves no error | resolves CONNECTION_LOST
state             | returns connected     | returns connected | returns connected  | returns connected            | returns connected                | returns closing  | returns closed    | returns failed
states()          | resolves connected    | resolves connected | resolves connected | resolves connected          | resolves connected               | resolves closing | resolves closed   | resolves failed
`

async function outcome(call: string, situation: string): Promise<string> {
  await using place = new Place()
  const server = await place.listen({ messages })
  const { client, lose } = await place.attach(server, { messages })
  const event = await SITUATIONS[situation]?.({ server, client, lose })
  const said = observe(() => CALLS[call]?.(client))
  await rest()
  event?.()
  await rest()
  return said()
}

describe('P11, P12: every call of a client in every state', () => {
  traits(TABLE, Object.keys(CALLS), outcome)
})

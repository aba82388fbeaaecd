import { once } from 'node:events'
import { createServer } from 'node:net'

/**
 * What systems hand out for port 0, and to clients, begins above (32,768 in Linux, 49,152 elsewhere): nobody gets one of these by chance
 * while its server is away.
 */
const LOWEST = 20_000
const COUNT = 12_768

/** A port at which nobody listens, for servers that listen, leave, and are followed by others at the same place. */
export async function ownPort(): Promise<number> {
  for (;;) {
    const port = LOWEST + Math.floor(Math.random() * COUNT)
    if (await isFree(port)) return port
  }
}

/** An address at such a port. */
export async function ownAddress(): Promise<string> {
  return `tcp://127.0.0.1:${await ownPort()}`
}

async function isFree(port: number): Promise<boolean> {
  const server = createServer().listen(port, '127.0.0.1')
  const isListening = await once(server, 'listening').then(
    () => true,
    () => false,
  )
  if (isListening) await new Promise((resolve) => server.close(resolve))
  return isListening
}

import { join } from 'node:path'
import { closeOnSignals, connect, NetQueueError } from 'netqueue'
import { digest } from './digest.ts'
import { codecs, CONCURRENCY } from './job.ts'

const [directory, name, ...addresses] = process.argv.slice(2) as [string, string, ...string[]]

// Ctrl-C in a terminal reaches every process there. The server decides; a worker leaves when the server says so or is gone.
process.on('SIGINT', () => {})

try {
  // A connection that breaks is nothing to a worker; a server that is not back within a second or two is dead.
  // Of two relays, one stands in for the other, and is there or gone.
  const reconnect = { attempts: 5, ...(addresses.length > 1 && { maxDelayMs: 200 }) }
  await using client = await connect(addresses, { ...codecs, id: name, failover: true, reconnect })
  closeOnSignals(client, { signals: ['SIGTERM'] })
  await client.process(
    async (path, { attempt, signal }) => ({
      path,
      digest: await digest(join(directory, path), signal),
      worker: client.id,
      attempt,
    }),
    { concurrency: CONCURRENCY },
  )
} catch (error) {
  if (!(error instanceof NetQueueError)) throw error
  // The server died: nobody is left to tell.
  process.exit(1)
}

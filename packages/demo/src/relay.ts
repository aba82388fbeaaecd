import { closeOnSignals, NetQueueError, relay } from 'netqueue'
import { codecs } from './job.ts'

const [name, parent] = process.argv.slice(2) as [string, string]

// As a worker: the server decides.
process.on('SIGINT', () => {})

try {
  const listen = 'tcp://127.0.0.1:0'
  await using node = await relay({ ...codecs, id: name, parent, listen, client: { reconnect: { attempts: 5 } } })
  closeOnSignals(node, { signals: ['SIGTERM'] })
  process.send?.(node.address)
  await node.closed
} catch (error) {
  if (!(error instanceof NetQueueError)) throw error
  process.exit(1)
}

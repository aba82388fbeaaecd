import { listen } from '../../src/index.ts'
import { spawnWorkers } from '../../src/workers.ts'
import type { WorkersOptions } from '../../src/workers.ts'
import { check, equal, range } from '../portable/checks.ts'

type Kind = NonNullable<WorkersOptions['kind']>

/** What workers of this runtime do for a server in it; `file` is worker.ts, bundled. */
export function workerCases(kind: Kind, file: URL): Readonly<Record<string, () => Promise<void>>> {
  return {
    'they work, and end with their server': async () => {
      const server = await listen<number, number>()
      const workers = await spawnWorkers(file, { server, kind, count: 2 })
      const results: number[] = []
      for await (const result of server.map(range(1_000))) results.push(result)
      equal(
        results,
        range(1_000).map((n) => 2 * n),
        'the results',
      )
      equal(await server.close(), { undone: [] })
      await workers.closed
      equal(
        workers.all.map(({ state }) => state),
        ['ended', 'ended'],
      )
    },

    'they leave a server that goes on': async () => {
      const server = await listen<number, number>()
      const workers = await spawnWorkers(file, { server, kind, count: 2 })
      equal(await server.submit(21), 42)
      await workers.close()
      equal(server.clients.length, 0, 'the clients that are left')
      await server.close()
    },

    'one that has no file is an error': async () => {
      const server = await listen()
      const error: unknown = await spawnWorkers(new URL('./nothing.mjs', file), { server, kind }).catch(
        (e: unknown) => e,
      )
      check(String(error).includes('nothing.mjs'), `the error to name the file, got ${String(error)}`)
      await server.close()
    },
  }
}

import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { fileURLToPath } from 'node:url'

import { fromStreams, listen } from '../../src/index.ts'
import { spawnWorkers } from '../../src/workers/workers.ts'
import type { WorkersOptions } from '../../src/workers/workers.ts'
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

    ...(kind === 'process' && {
      'one that was started with plain pipes speaks over its standard input and output': async () => {
        const server = await listen<number, number>()
        const args = [...process.execArgv, fileURLToPath(file)]
        const child = spawn(process.execPath, args, { stdio: ['pipe', 'pipe', 'inherit'] })
        const exited = once(child, 'exit')
        await server.accept(fromStreams({ readable: child.stdout, writable: child.stdin }))
        equal(
          await Promise.all(range(100).map((n) => server.submit(n))),
          range(100).map((n) => 2 * n),
          'the results',
        )
        await server.close()
        equal(await exited, [0, null], 'its end')
      },
    }),

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

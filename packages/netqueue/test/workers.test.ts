import { spawn, spawnSync } from 'node:child_process'
import { once } from 'node:events'
import { createInterface } from 'node:readline'
import { setTimeout as sleep } from 'node:timers/promises'
import { afterAll, describe, expect, test } from 'vitest'

import { connect, fromStreams, listen, NetQueueError } from '../src/index.ts'
import type { Server, Transport } from '../src/index.ts'
import { virtualEnv } from '../src/testing/index.ts'
import { spawnWorkers as spawnAny } from '../src/workers/workers.ts'
import type { Worker, Workers, WorkersOptions, WorkerState } from '../src/workers/workers.ts'
import { leavingNoHandle } from './support/handles.ts'
import { failureOf } from './support/outcome.ts'
import { WorkerFiles } from './support/worker-files.ts'

const files = await WorkerFiles.make()
afterAll(() => files[Symbol.dispose]())

/** Without the options of the runtime that the test runner has: workers import what was built. */
const spawnWorkers = (file: string, options: WorkersOptions): Promise<Workers> =>
  spawnAny(file, { execArgv: [], ...options })

const KINDS = ['process', 'thread'] as const

/** Doubles numbers; with `delay` in its arguments, after so many milliseconds. */
const DOUBLER = files.write(`
  const client = await connect('stdio:')
  const delay = Number(process.argv[2] ?? 0)
  await client.process(async (n) => {
    await new Promise((resolve) => setTimeout(resolve, delay))
    return 2 * n
  }, { concurrency: 4 })
`)

const numbers = (count: number): number[] => Array.from({ length: count }, (_, index) => index)
const doubled = (count: number): number[] => numbers(count).map((n) => 2 * n)

async function results(server: Server<number, number>, count: number): Promise<number[]> {
  const got: number[] = []
  for await (const result of server.map(numbers(count))) got.push(result)
  return got
}

/** Processes that have this one for a parent, zombies included. */
async function children(): Promise<string[]> {
  const ps = spawn('ps', ['-o', 'pid=,stat=,args=', '--ppid', String(process.pid)], {
    stdio: ['ignore', 'pipe', 'ignore'],
  })
  const lines: string[] = []
  for await (const line of createInterface({ input: ps.stdout })) if (!line.includes(' ps ')) lines.push(line)
  return lines
}

async function textOf(stream: AsyncIterable<unknown>): Promise<string> {
  let text = ''
  for await (const chunk of stream) text += String(chunk)
  return text
}

/** Whether a process runs; one that has ended and waits for its parent to hear of it does not. */
function isAlive(id: number | undefined): boolean {
  const { stdout } = spawnSync('ps', ['-o', 'stat=', '-p', String(id)], { encoding: 'utf8' })
  return stdout !== '' && !stdout.startsWith('Z')
}

describe.each(KINDS)('workers, each a %s', (kind) => {
  const options = (server: WorkersOptions['server']): WorkersOptions => ({ server, kind, count: 2 })

  test('are clients of the server, and end with it', () =>
    leavingNoHandle(async () => {
      const server = await listen<number, number>()
      const workers = await spawnWorkers(DOUBLER, options(server))
      expect(workers.all.map(({ state, starts }) => [state, starts])).toEqual([
        ['connected', 1],
        ['connected', 1],
      ])
      expect(new Set(workers.all.map(({ client }) => client))).toEqual(new Set(server.clients))
      expect(await results(server, 200)).toEqual(doubled(200))
      expect(await server.close()).toEqual({ undone: [] })
      await workers.closed
      expect(workers.all.map(({ state }) => state)).toEqual(['ended', 'ended'])
      expect(workers.lost.reason).toMatchObject({ code: 'CLOSED' })
    }))

  test('of which one ends in the midst of work lose nothing, and another one takes its place', () =>
    leavingNoHandle(async () => {
      const server = await listen<number, number>()
      const fatal = files.write(`
        const client = await connect('stdio:')
        await client.process((n, { attempt }) => {
          if (n === 50 && attempt === 1) setTimeout(() => { throw new Error('the last straw') })
          return n === 50 && attempt === 1 ? new Promise(() => {}) : 2 * n
        })
      `)
      const workers = await spawnWorkers(fatal, { ...options(server), output: 'ignore' })
      const again = reaches(workers, 'connected')
      expect(await results(server, 100)).toEqual(doubled(100))
      expect((await again).starts).toBe(2)
      await server.close()
      await workers.closed
    }))

  test('close() lets them finish what they have, and leaves the server as it is', async () => {
    const server = await listen<number, number>()
    const workers = await spawnWorkers(DOUBLER, { ...options(server), args: ['100'] })
    const answers = Promise.all(numbers(8).map((n) => server.submit(n)))
    while (workers.all.every(({ client }) => client?.inFlight === 0)) await sleep(1)
    await workers.close()
    expect(server.state).toBe('listening')
    expect(server.clients).toEqual([])
    const late = await spawnWorkers(DOUBLER, options(server))
    expect(await answers).toEqual(doubled(8))
    await late.close()
    await server.close()
  })

  test('that leave by themselves are replaced', async () => {
    const server = await listen<number, number>()
    const brief = files.write("const client = await connect('stdio:'); await client.get(); await client.close()")
    await using workers = await spawnWorkers(brief, { ...options(server), count: 1 })
    for (let starts = 1; starts <= 2; starts += 1) {
      const waits = reaches(workers, 'waiting')
      await server.put(1)
      expect((await waits).starts).toBe(starts)
    }
    await server.close()
  })

  test('that do not end when their connection has are ended', async () => {
    const server = await listen<number, number>()
    const lingering = files.write(
      "await connect('stdio:'); setInterval(() => {}, 1_000); process.on('SIGTERM', () => {})",
    )
    const workers = await spawnWorkers(lingering, { ...options(server), stopTimeoutMs: 50 })
    const ids = workers.all.map(({ id }) => id)
    await server.close()
    await workers.closed
    expect(workers.all.map(({ state }) => state)).toEqual(['ended', 'ended'])
    // The number of a thread is not that of a process.
    expect(kind === 'thread' || ids.every((id) => !isAlive(id))).toBe(true)
  })

  test.each([
    ['a syntax error', 'const = 1', 'exit code 1'],
    ['nothing to do', '', 'exit code 0'],
    ['an exit code of its own', 'process.exit(7)', 'exit code 7'],
    ['another codec', "await connect('stdio:', { item: (await import('./netqueue.mjs')).text() })", 'exit code 1'],
  ])('that cannot begin, by %s, are given up, and none is left', async (_, source, how) => {
    const server = await listen<number, number>()
    const file = files.write(source)
    const error = await failureOf(spawnWorkers(file, { ...options(server), output: 'ignore' }))
    expect(error).toMatchObject({
      code: 'WORKER_FAILED',
      message: `The worker ${file} was given up: it ended before it had connected (${how})`,
    })
    await server.close()
  })

  test('of a file that is not there: WORKER_FAILED, with the reason of the system', async () => {
    const server = await listen()
    const error = await failureOf(spawnWorkers(files.nothing, options(server)))
    expect(error).toMatchObject({ code: 'WORKER_FAILED', cause: { code: 'ENOENT' } })
    expect(String(error)).toContain(files.nothing)
    await server.close()
  })

  test('that do not connect in time are ended', async () => {
    const server = await listen()
    const idle = files.write('setInterval(() => {}, 1_000)')
    const error = await failureOf(spawnWorkers(idle, { ...options(server), startTimeoutMs: 300 }))
    expect(error).toMatchObject({ code: 'WORKER_FAILED' })
    await server.close()
  })

  test('a signal that fires meanwhile calls the start off, and ends those that were started', async () => {
    const server = await listen()
    const idle = files.write('setInterval(() => {}, 1_000)')
    const controller = new AbortController()
    const failed = failureOf(spawnWorkers(idle, { ...options(server), signal: controller.signal }))
    controller.abort(new Error('not today'))
    expect(await failed).toHaveProperty('message', 'not today')
    await server.close()
  })

  test('a server that is closed meanwhile ends the start', async () => {
    const server = await listen()
    const idle = files.write('setInterval(() => {}, 1_000)')
    const failed = failureOf(spawnWorkers(idle, options(server)))
    await server.close()
    expect(await failed).toMatchObject({ code: 'CLOSED' })
  })

  test('get their arguments and their environment, and nothing of ours stands on a command line', async () => {
    const server = await listen<null>()
    const teller = files.write(`
      const client = await connect('stdio:')
      await client.process(() => ({ args: process.argv.slice(2), secret: process.env.SECRET, own: process.env.NETQUEUE_STDIO ?? null }))
    `)
    const env = { ...process.env, SECRET: 'the secret of this test' }
    await using workers = await spawnWorkers(teller, { ...options(server), args: ['a', 'b c'], env })
    expect(await server.submit(null)).toEqual({ args: ['a', 'b c'], secret: 'the secret of this test', own: null })
    expect((await children()).join()).not.toContain('the secret of this test')
    await workers.close()
    await server.close()
  })
})

test('fault: kill -9 of a worker that holds items: nothing is lost, another one takes its place, and no zombie stays', () =>
  leavingNoHandle(async () => {
    const server = await listen<number, number>()
    const workers = await spawnWorkers(DOUBLER, { server, count: 2, args: ['20'] })
    const [first] = workers.all as [Worker]
    const victim = first.id as number
    const again = reaches(workers, 'connected')
    const answers = results(server, 100)
    while (first.client?.inFlight === 0) await sleep(1)
    process.kill(victim, 'SIGKILL')
    expect(await answers).toEqual(doubled(100))
    expect(await again).toMatchObject({ number: 1, starts: 2 })
    expect(first.id).not.toBe(victim)
    expect((await children()).filter((line) => line.includes(' Z'))).toEqual([])
    await server.close()
    await workers.closed
    expect((await children()).filter((line) => line.includes('worker-'))).toEqual([])
  }))

test('a worker that dies at once, again and again, is started ever more slowly, and given up', async () => {
  const server = await listen<number, number>()
  const moody = files.write(`
    import { existsSync, writeFileSync } from 'node:fs'
    if (existsSync(process.argv[2])) process.exit(9)
    writeFileSync(process.argv[2], '')
    const client = await connect('stdio:')
    process.exit(3)
  `)
  const workers = await spawnWorkers(moody, {
    server,
    count: 1,
    args: [files.nothing],
    restart: { minDelayMs: 1, maxDelayMs: 8, attempts: 4 },
  })
  const exits: string[] = []
  for await (const change of workers.states())
    if ('exit' in change && change.exit) exits.push(`${change.state} ${change.exit.code}`)
  expect(exits).toEqual(['waiting 3', 'waiting 9', 'waiting 9', 'waiting 9', 'failed 9'])
  expect(workers.lost.reason).toMatchObject({
    code: 'WORKER_FAILED',
    value: 9,
    message: expect.stringContaining(
      '4 starts in a row ended without a connection (restart.attempts) (exit code 9)',
    ) as string,
  })
  await server.close()
})

test('workers need no token: nobody else has the other end of their channel', async () => {
  const server = await listen<number, number>(undefined, { token: 'sixteen bytes or more' })
  await using workers = await spawnWorkers(DOUBLER, { server, count: 1 })
  expect(await server.submit(4)).toBe(8)
  await workers.close()
  await server.close()
})

test('the time for an introduction begins when a worker has loaded its code, not when it is started', async () => {
  const server = await listen<number, number>(undefined, { limits: { handshakeTimeoutMs: 100 } })
  const slow = files.write(`
    await new Promise((resolve) => setTimeout(resolve, 300))
    const client = await connect('stdio:')
    await client.process((n) => n + 1)
  `)
  await using workers = await spawnWorkers(slow, { server, count: 1 })
  expect(await server.submit(1)).toBe(2)
  await workers.close()
  await server.close()
})

test('a worker that was started with plain pipes speaks over its standard input and output', () =>
  leavingNoHandle(async () => {
    const server = await listen<number, number>()
    const child = spawn(process.execPath, [DOUBLER], { stdio: ['pipe', 'pipe', 'inherit'] })
    const exited = once(child, 'exit')
    await server.accept(fromStreams({ readable: child.stdout, writable: child.stdin }), { trusted: true })
    expect(await results(server, 200)).toEqual(doubled(200))
    expect(await server.close()).toEqual({ undone: [] })
    expect(await exited).toEqual([0, null])
  }))

test('a client does not look again for what can be connected to once, even with `wait`', async () => {
  let calls = 0
  const once: Transport = {
    form: 'once:',
    once: true,
    accepts: () => true,
    exposed: () => false,
    connect: async () => {
      calls += 1
      throw new NetQueueError('CONNECT_FAILED', 'not this time')
    },
    listen: () => Promise.reject(new Error('nobody listens there')),
  }
  const clock = virtualEnv()
  const failed = failureOf(clock.pass(connect('once:', { transports: [once], wait: true, env: clock })))
  expect(await failed).toHaveProperty('message', 'not this time')
  expect(calls).toBe(1)
})

test('fault 8: a program that prints instead of speaking is refused with a code, and its pipes are closed', () =>
  leavingNoHandle(async () => {
    const server = await listen()
    const child = spawn('sh', ['-c', 'echo GET / HTTP/1.1; cat'], { stdio: ['pipe', 'pipe', 'inherit'] })
    const exited = once(child, 'exit')
    const refused = failureOf(server.accept(fromStreams({ readable: child.stdout, writable: child.stdin })))
    expect(await refused).toMatchObject({ code: 'FRAME_TOO_LARGE' })
    await exited
    await server.close()
  }))

test.each(KINDS)('what a %s prints goes where its parent prints, and so does what it dies of', async (kind) => {
  const noisy = files.write("await connect('stdio:'); console.log('hello'); throw new Error('the last straw')")
  const parent = files.write(`
    const { listen } = await import('./netqueue.mjs')
    const { spawnWorkers } = await import('./workers.mjs')
    const options = { server: await listen(), count: 1, kind: ${JSON.stringify(kind)}, restart: false }
    const { closed } = await spawnWorkers(${JSON.stringify(noisy)}, options)
    await closed
  `)
  const child = spawn(process.execPath, [parent], { stdio: ['ignore', 'pipe', 'pipe'] })
  const [output, complaints] = await Promise.all([textOf(child.stdout), textOf(child.stderr), once(child, 'exit')])
  expect(output).toBe('hello\n')
  expect(complaints).toContain('Error: the last straw')
})

test('without restart, who ends is not replaced', async () => {
  const server = await listen<number, number>()
  const brief = files.write(`
    const client = await connect('stdio:')
    await client.get()
    await client.close()
    process.exit(Number(process.argv[2]))
  `)
  for (const [code, state] of [
    ['0', 'ended'],
    ['5', 'failed'],
  ] as const) {
    const workers = await spawnWorkers(brief, { server, count: 1, args: [code], restart: false })
    await server.put(1)
    await workers.closed
    expect(workers.all[0]?.state).toBe(state)
  }
  await server.close()
})

test('with sessions that resume, the items of a worker that is gone are with another one at once', async () => {
  const server = await listen<number, number>(undefined, { resumeTimeoutMs: 3_600_000 })
  const workers = await spawnWorkers(DOUBLER, { server, count: 2, args: ['10'] })
  const answers = results(server, 40)
  const [first] = workers.all as [Worker]
  while (first.client?.inFlight === 0) await sleep(1)
  process.kill(first.id as number, 'SIGKILL')
  expect(await answers).toEqual(doubled(40))
  await server.close()
  await workers.closed
})

test('when the process that started them is killed with SIGKILL, they end by themselves', async () => {
  const parent = files.write(`
    const { listen } = await import('./netqueue.mjs')
    const { spawnWorkers } = await import('./workers.mjs')
    const workers = await spawnWorkers(${JSON.stringify(DOUBLER)}, { server: await listen(), count: 2, output: 'ignore' })
    console.log(workers.all.map(({ id }) => id).join())
  `)
  const child = spawn(process.execPath, [parent], { stdio: ['ignore', 'pipe', 'inherit'] })
  const [line] = (await once(createInterface({ input: child.stdout }), 'line')) as [string]
  const ids = line.split(',').map(Number)
  expect(ids.map(isAlive)).toEqual([true, true])
  child.kill('SIGKILL')
  while (ids.some(isAlive)) await sleep(5)
})

describe('spawnWorkers refuses', () => {
  const server = { server: undefined as unknown as Server }
  test.each([
    [{ count: 0 }, 'count'],
    [{ kind: 'fiber' }, 'kind'],
    [{ args: 'a b' }, 'args'],
    [{ restart: { minDelayMs: 20, maxDelayMs: 10 } }, 'restart.minDelayMs'],
    [{ restart: { attempts: 0 } }, 'restart.attempts'],
    [{ startTimeoutMs: -1 }, 'startTimeoutMs'],
    [{ stopTimeoutMs: Number.NaN }, 'stopTimeoutMs'],
    [{ output: 'file' }, 'output'],
    [{ kind: 'thread', execPath: '/bin/sh' }, 'execPath'],
    [{ signal: {} }, 'signal'],
  ])('%j', async (options, name) => {
    const error = await failureOf(spawnWorkers(DOUBLER, { ...server, ...options } as WorkersOptions))
    expect(error).toBeInstanceOf(Error)
    expect(['TypeError', 'RangeError']).toContain((error as Error).name)
    expect((error as Error).message).toContain(`\`${name}\``)
  })
})

/** The next worker that enters a state. */
function reaches(workers: Workers, wanted: WorkerState): Promise<{ number: number; starts: number }> {
  return new Promise((resolve) => {
    const off = workers.on('state', ({ worker: { number, starts }, state }) => {
      if (state !== wanted) return
      off()
      resolve({ number, starts })
    })
  })
}

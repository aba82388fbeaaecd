import { spawn } from 'node:child_process'
import type { ChildProcess } from 'node:child_process'
import { once } from 'node:events'
import type { Socket } from 'node:net'
import { text } from 'node:stream/consumers'
import { describe, expect, test, vi } from 'vitest'
import { collect, pattern } from '../../test/support/bytes.ts'
import { expectHandles, handles } from '../../test/support/handles.ts'
import { testDuplex } from '../conformance/index.ts'
import { fromSocket } from './socket.ts'
import { stdio } from './stdio.ts'
import { fromStreams } from './streams.ts'
import type { ByteDuplex } from './transport.ts'

/** What a program imports, as it was built, for Node 20 runs no TypeScript: `npm test` builds before it tests. Of the library no more than that. */
const BUILT = new URL('../../dist/transport/stdio.js', import.meta.url).href
const BUILT_PROCESS = new URL('../../dist/transport/stdio-process.js', import.meta.url).href

/** Runs a module that has `stdio`, with sockets on descriptors from 3 on. */
function run(source: string, { channels = 0, stdin = 'ignore' as 'ignore' | 'pipe' }): ChildProcess {
  const code = `import { stdio } from ${JSON.stringify(BUILT)}; ${source}`
  const extra = Array.from({ length: channels }, () => 'pipe' as const)
  return spawn(process.execPath, ['--input-type=module', '-e', code], {
    stdio: [stdin, stdin === 'pipe' ? 'pipe' : 'inherit', 'inherit', ...extra],
  })
}

function channel(child: ChildProcess, descriptor: number): ByteDuplex {
  const socket = child.stdio[descriptor] as Socket
  socket.allowHalfOpen = true
  return fromSocket(socket, { remoteAddress: 'stdio:' })
}

/** Joins two channels, each as a program sees it by its `stdio:`. */
const RELAY = `
  const open = (descriptor) => {
    process.env.NETQUEUE_STDIO = descriptor
    return stdio().connect('stdio:')
  }
  const [one, other] = [await open('3'), await open('4')]
  const cut = (error) => [one, other].forEach((each) => each.abort(error))
  one.sink(other.source).catch(cut)
  other.sink(one.source).catch(cut)
`

let relay: ChildProcess | undefined

function relayed(): [ByteDuplex, ByteDuplex] {
  relay = run(RELAY, { channels: 2 })
  return [channel(relay, 3), channel(relay, 4)]
}

/** Runs a test, and looks whether a process or a handle is left. */
async function leavingNothing(test: () => Promise<void>): Promise<void> {
  const before = handles()
  await test()
  if (relay?.exitCode === null) await once(relay, 'exit')
  await expectHandles(before)
}

testDuplex(
  {
    name: 'stdio:, of a process',
    create: relayed,
    cut: 'ended',
    around: leavingNothing,
  },
  { describe, test },
)

describe('stdio:', () => {
  test('without a channel it is the standard input and output of the process', async () => {
    const child = run("const own = await stdio().connect('stdio:'); await own.sink(own.source)", { stdin: 'pipe' })
    const [readable, writable] = [child.stdout, child.stdin]
    if (readable === null || writable === null) throw new TypeError('Expected pipes')
    const near = fromStreams({ readable, writable })
    const [echo] = await Promise.all([collect(near.source), near.sink([pattern(100_000)])])
    expect(Buffer.compare(echo, pattern(100_000))).toBe(0)
  })

  test('can be connected to once, and the variable that tells of it is not for processes that it starts', async () => {
    const child = run(
      `process.env.NETQUEUE_STDIO = '3'
      const transport = stdio()
      const own = await transport.connect('stdio:')
      const { code, cause } = await transport.connect('stdio:').catch((error) => error)
      await own.sink([Buffer.from([code, cause.code, 'NETQUEUE_STDIO' in process.env].join())])
      for await (const _ of own.source);`,
      { channels: 1 },
    )
    const near = channel(child, 3)
    const [said] = await Promise.all([collect(near.source), near.sink([])])
    expect(Buffer.from(said).toString()).toBe('CONNECT_FAILED,EISCONN,false')
  })

  test.each(['99999', '0', 'x', ''])('a channel %j that is none fails with CONNECT_FAILED', async (descriptor) => {
    vi.stubEnv('NETQUEUE_STDIO', descriptor)
    await expect(stdio().connect('stdio:')).rejects.toMatchObject({ code: 'CONNECT_FAILED' })
    vi.unstubAllEnvs()
  })

  test('nobody listens there', async () => {
    await expect(stdio().listen('stdio:')).rejects.toMatchObject({
      code: 'LISTEN_FAILED',
      message: 'Cannot listen at stdio:: EOPNOTSUPP',
    })
    expect(stdio().exposed('stdio:')).toBe(false)
  })

  test.each(['', 'stdio', 'stdio:3', 'stdio://'])('%j is no such address', async (address) => {
    expect(stdio().accepts(address)).toBe(false)
    await expect(stdio().connect(address)).rejects.toThrow(TypeError)
    await expect(stdio().listen(address)).rejects.toThrow('`stdio:`')
  })

  test('a signal that has fired rejects connect with its reason', async () => {
    const reason = new Error('not today')
    await expect(stdio().connect('stdio:', { signal: AbortSignal.abort(reason) })).rejects.toBe(reason)
  })
})

/** Starts a process when it has no descriptors left, and says what became of that. */
const WITHOUT_DESCRIPTORS = `
  import { openSync } from 'node:fs'
  import { startProcess } from ${JSON.stringify(BUILT_PROCESS)}
  for (;;) try { openSync('/dev/null') } catch { break }
  const worker = startProcess('worker.js', { output: 'ignore' })
  const read = worker.duplex.source[Symbol.asyncIterator]().next().then(() => 'ended', () => 'broken')
  worker.terminate()
  worker.kill()
  const { code, error } = await worker.exited
  await worker.duplex.closed
  process.stdout.write([worker.id, code, error.code, await read].join())
`

// Windows has no such limit.
test.skipIf(process.platform === 'win32')(
  'P7: a process for which no descriptors are left has ended without a start (EMFILE), and its parent goes on',
  async () => {
    const limited = 'ulimit -n 64; exec "$0" "$@"'
    const args = ['-c', limited, process.execPath, '--input-type=module', '-e', WITHOUT_DESCRIPTORS]
    // In a group of its own, so that no signal to that could reach the tests.
    const parent = spawn('/bin/sh', args, { detached: true, stdio: ['ignore', 'pipe', 'inherit'] })
    const [said] = await Promise.all([text(parent.stdout), once(parent, 'exit')])
    expect(said).toMatch(/^0,,EMFILE,(ended|broken)$/)
  },
)

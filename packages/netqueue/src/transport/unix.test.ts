import { existsSync, mkdtempSync, readFileSync, renameSync, rmSync, statSync, writeFileSync } from 'node:fs'
import { createServer } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeEach, describe, expect, test } from 'vitest'
import { leavingNoHandle } from '../../test/support/handles.ts'
import { testTransport } from '../conformance/index.ts'
import { unix } from './unix.ts'

const folder = mkdtempSync(join(tmpdir(), 'netqueue-unix-'))
const transport = unix()
let count = 0
let path: string

beforeEach(() => {
  count += 1
  path = join(folder, `socket-${count}`)
})

afterAll(() => rmSync(folder, { recursive: true }))

testTransport(
  {
    name: 'unix',
    create: unix,
    address: `unix:${folder}/socket`,
    nobody: `unix:${folder}/nobody`,
    remote: /^unix:.*\/socket$/,
    bad: ['unix:', 'unix:a\0b'],
    cut: 'ended',
    maxHeldBytes: 2 * 1024 * 1024,
    around: leavingNoHandle,
  },
  { describe, test },
)

/** What a process leaves that was killed: a socket file without a listener. */
async function leaveStale(): Promise<void> {
  const server = createServer()
  await new Promise<void>((resolve) => {
    server.listen(`${path}.old`, resolve)
  })
  renameSync(`${path}.old`, path)
  server.close()
}

test('the socket is for its owner alone, and gone at close', async () => {
  const listener = await transport.listen(`unix:${path}`)
  expect(statSync(path).mode & 0o777).toBe(0o600)
  await listener.close()
  expect(existsSync(path)).toBe(false)
})

test('a socket file that a dead process left refuses connections and is replaced by a listener', async () => {
  await leaveStale()
  await expect(transport.connect(`unix:${path}`)).rejects.toMatchObject({ cause: { code: 'ECONNREFUSED' } })
  const listener = await transport.listen(`unix:${path}`)
  const client = await transport.connect(`unix:${path}`)
  client.abort?.(new Error('over'))
  await listener.close()
  expect(existsSync(path)).toBe(false)
})

test('an ordinary file is left as it is', async () => {
  writeFileSync(path, 'mine')
  await expect(transport.listen(`unix:${path}`)).rejects.toMatchObject({
    code: 'LISTEN_FAILED',
    cause: { code: 'EADDRINUSE' },
  })
  expect(readFileSync(path, 'utf8')).toBe('mine')
})

test('a folder that is not there rejects with LISTEN_FAILED', async () => {
  await expect(transport.listen(`unix:${path}/inside`)).rejects.toMatchObject({
    code: 'LISTEN_FAILED',
    message: expect.stringMatching(/: (EACCES|ENOENT)$/),
  })
})

test('P11: a socket file that somebody removes before it has its mode rejects with LISTEN_FAILED', async () => {
  const listening = transport.listen(`unix:${path}`)
  // The system has made the file by now; we are told of it a tick later.
  rmSync(path)
  await expect(listening).rejects.toMatchObject({ code: 'LISTEN_FAILED', cause: { code: 'ENOENT' } })
})

test('a path that the system would cut is refused', async () => {
  const long = `unix:${path}${'x'.repeat(100)}`
  await expect(transport.listen(long)).rejects.toThrow(RangeError)
  await expect(transport.connect(long)).rejects.toThrow(/at most \d+ bytes/)
})

test('is never exposed', () => {
  expect(transport.exposed(`unix:${path}`)).toBe(false)
})

import { spawn } from 'node:child_process'
import type { ChildProcessByStdio } from 'node:child_process'
import { once } from 'node:events'
import type { Readable, Writable } from 'node:stream'
import { describe, expect, test } from 'vitest'

import { connect, fromStreams, listen } from '../src/index.ts'
import type { ByteDuplex } from '../src/index.ts'
import { failureOf } from './support/outcome.ts'
import { frame, FRAME, hello, RawPeer, welcome } from './support/raw-peer.ts'

const HELLO = frame(FRAME.CONN, hello('raw'))
const WELCOME = frame(
  FRAME.WELCOME,
  welcome('raw', { item: 'msgpack', result: 'msgpack', session: 's', you: { id: 'me' } }),
)
const DISCONN = frame(FRAME.DISCONN)

/** What somebody else reads from a duplex next. */
async function read({ source }: ByteDuplex): Promise<string> {
  const next = await source[Symbol.asyncIterator]().next()
  return next.done === true ? 'the end' : Buffer.from(next.value.slice()).toString()
}

describe('closeDuplex: false leaves the duplex usable', () => {
  test('a server: what stands directly behind the goodbye is for the next reader, and so is what comes later', async () => {
    const { peer, duplex } = RawPeer.inMemory()
    const server = await listen<string, string>()
    const left = new Promise((resolve) => server.on('disconnect', resolve))
    const accepted = server.accept(duplex, { closeDuplex: false })
    peer.send(HELLO, WELCOME)
    await accepted
    peer.send(DISCONN, Buffer.from('directly behind'))
    expect(await left).not.toHaveProperty('error')
    expect(await read(duplex)).toBe('directly behind')
    peer.send(Buffer.from('later'))
    expect(await read(duplex)).toBe('later')
    expect([peer.hasEnded, peer.frames.at(-1)?.type]).toEqual([false, FRAME.DISCONN])
    peer.end()
    expect(await read(duplex)).toBe('the end')
    await server.close()
  })

  test('a client: in the same way, and after an introduction that failed, too', async () => {
    for (const answer of [HELLO + WELCOME, frame(FRAME.CONN)]) {
      const { peer, duplex } = RawPeer.inMemory()
      peer.send(answer)
      const connecting = connect(duplex, { closeDuplex: false })
      const failure = await failureOf(connecting)
      if (failure === undefined) {
        const client = await connecting
        const closed = client.close()
        await peer.until(() => peer.frames.at(-1)?.type === FRAME.BATCH)
        peer.send(DISCONN)
        await closed
      }
      peer.send(Buffer.from('plain text'))
      expect(await read(duplex)).toBe('plain text')
      await peer.until(() => peer.frames.at(-1)?.type === FRAME.DISCONN)
      expect(peer.hasEnded).toBe(false)
      peer.end()
    }
  })

  test('over real pipes, both ways: work, goodbye, and then other words on the same pipes', async () => {
    const [there, back] = [cat(), cat()]
    const near = fromStreams({ readable: back.stdout, writable: there.stdin })
    const far = fromStreams({ readable: there.stdout, writable: back.stdin })
    const server = await listen<string, string>()
    const left = new Promise((resolve) => server.on('disconnect', resolve))
    const accepted = server.accept(far, { closeDuplex: false })
    const client = await connect<string, string>(near, { closeDuplex: false })
    await accepted
    const working = client.process((item) => `${item}!`)
    expect(await server.submit('work')).toBe('work!')
    await client.close()
    await Promise.all([working, left])
    there.stdin.write('there')
    expect(await read(far)).toBe('there')
    back.stdin.write('back')
    expect(await read(near)).toBe('back')
    await server.close()
    for (const { stdin, process } of [there, back]) {
      stdin.end()
      await once(process, 'close')
    }
    expect([await read(near), await read(far)]).toEqual(['the end', 'the end'])
  })
})

/** A pipe through another process. */
function cat(): { stdin: Writable; stdout: Readable; process: ChildProcessByStdio<Writable, Readable, null> } {
  const process = spawn('cat', { stdio: ['pipe', 'pipe', 'inherit'] })
  return { stdin: process.stdin, stdout: process.stdout, process }
}

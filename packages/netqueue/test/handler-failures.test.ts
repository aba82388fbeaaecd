import { describe, expect, test } from 'vitest'

import { connect, memoryPair, RemoteError } from '../src/index.ts'
import type { ByteDuplex, Bytes, Client, NetQueueError, Server } from '../src/index.ts'
import { Place } from './support/nodes.ts'
import { failureOf } from './support/outcome.ts'
import { both, messages, Work } from './support/talking.ts'

describe('a handler that throws', () => {
  /** All that crosses a connection, as text. */
  class Tap {
    heard = ''
    through(duplex: ByteDuplex): ByteDuplex {
      const sink: ByteDuplex['sink'] = (source) => duplex.sink(this.#listen(source as AsyncIterable<Bytes>))
      return { source: duplex.source, sink, abort: (reason) => duplex.abort?.(reason) }
    }

    async *#listen(source: AsyncIterable<Bytes>): AsyncGenerator<Bytes> {
      for await (const chunk of source) {
        this.heard += Buffer.from(chunk.slice()).toString('latin1')
        yield chunk
      }
    }
  }

  async function tapped(place: Place, exposeErrors: boolean): Promise<{ server: Server; client: Client; tap: Tap }> {
    const tap = new Tap()
    const [here, there] = memoryPair()
    const server = await place.listen<unknown, unknown>({ messages, exposeErrors })
    void server.accept(tap.through(there))
    const client = await connect(here, { env: place.clock, messages })
    return { server, client, tap }
  }

  const failures: [name: string, error: unknown, code: string, reason: string | undefined][] = [
    ['an error', new Error('the secret'), 'HANDLER_FAILED', 'the secret'],
    ['an error with a code', Object.assign(new Error('the secret'), { code: 'E_SECRET' }), 'E_SECRET', 'the secret'],
    [
      'an error whose code is a sentence',
      Object.assign(new Error('a detail'), { code: 'the secret!' }),
      'HANDLER_FAILED',
      'a detail',
    ],
    [
      'an error whose cause has secrets',
      new Error('outer', { cause: new Error('the secret') }),
      'HANDLER_FAILED',
      'outer',
    ],
    ['a text', 'the secret', 'HANDLER_FAILED', 'the secret'],
    ['nothing', undefined, 'HANDLER_FAILED', undefined],
    ['an object', { secret: 'the secret' }, 'HANDLER_FAILED', undefined],
  ]

  test.each(failures)('%s: the requester hears its code; no text and no stack crosses', async (_, error, code) => {
    await using place = new Place()
    const { server, client, tap } = await tapped(place, false)
    const warnings: NetQueueError[] = []
    server.on('warning', ({ error: warning }) => warnings.push(warning))
    server.handle('any:ask', () => {
      throw error
    })
    const failure = await failureOf(client.request('any:ask', 1))
    expect(failure).toBeInstanceOf(RemoteError)
    expect(failure).toMatchObject({ code: 'REMOTE_ERROR', remoteCode: code, name: 'RemoteError' })
    expect(Object.hasOwn(failure as object, 'reason')).toBe(false)
    expect(tap.heard).toContain(code)
    expect(tap.heard).not.toMatch(/the secret|talk\.test|\bat /)
    // This side knows all of it.
    expect(warnings).toMatchObject([{ code: 'HANDLER_FAILED' }])
    expect(warnings[0]?.cause).toBe(error)
    await client.close()
  })

  test.each(failures)(
    '%s, with exposeErrors: the text crosses too, and never a stack',
    async (_, error, code, reason) => {
      await using place = new Place()
      const { server, client, tap } = await tapped(place, true)
      server.handle('any:ask', async () => {
        await Promise.resolve()
        throw error
      })
      const failure = await failureOf(client.request('any:ask', 1))
      expect(failure).toMatchObject({ remoteCode: code, ...(reason !== undefined && { reason }) })
      // What the other end says is no message of ours.
      expect((failure as Error).message).not.toContain(reason ?? 'the secret')
      expect(tap.heard).not.toMatch(/talk\.test|\bat |secret: /)
      await client.close()
    },
  )

  test('after its first chunk: the loop gets what came before, then RemoteError, without text or stack', async () => {
    await using place = new Place()
    const { server, client, tap } = await tapped(place, false)
    server.handle('any:ask', async function* () {
      yield 1
      throw Object.assign(new Error('the secret'), { code: 'E_LATE' })
    })
    const got: unknown[] = []
    const looped = (async () => {
      for await (const chunk of client.stream('any:ask', 1)) got.push(chunk)
    })()
    expect(await failureOf(looped)).toMatchObject({ code: 'REMOTE_ERROR', remoteCode: 'E_LATE' })
    expect(got).toEqual([1])
    expect(tap.heard).not.toMatch(/the secret|talk\.test/)
    await client.close()
  })

  test('does not end the connection, nor disturb requests beside it', async () => {
    await using place = new Place()
    const { server, client } = await both(place)
    const work = new Work()
    server.handle('any:ask', work.handler)
    server.handle('math:add', () => {
      throw new Error('no')
    })
    const open = client.request('any:ask', 1)
    expect(await failureOf(client.request('math:add', { a: 1, b: 1 }))).toMatchObject({ remoteCode: 'HANDLER_FAILED' })
    work.end(0, 'done')
    expect(await open).toBe('done')
    expect([client.state, server.clients.length]).toEqual(['connected', 1])
  })

  test.each([['HANDLER_FAILED'], ['CLOSED'], ['CONNECTION_LOST']])(
    'with a code of ours, %s, is still a RemoteError: its code is remoteCode',
    async (code) => {
      await using place = new Place()
      const { server, client } = await both(place)
      server.handle('any:ask', () => Promise.reject(Object.assign(new Error('x'), { code })))
      expect(await failureOf(client.request('any:ask', 1))).toMatchObject({ code: 'REMOTE_ERROR', remoteCode: code })
    },
  )
})

import { describe, expect, test } from 'vitest'

import { RemoteError } from '../src/index.ts'
import type { Server, ServerClient } from '../src/index.ts'
import { observe, Place, rest, until } from './support/nodes.ts'
import { failureOf } from './support/outcome.ts'

describe('P1: server.submit', () => {
  test('carries the result back, whatever it is', async () => {
    await using place = new Place()
    const server = await place.listen<string, unknown>()
    const results: Record<string, unknown> = { text: 'a', number: 0, nothing: undefined, null: null, list: [1, 'b'] }
    const client = await place.connect<string, unknown>()
    client.process((name) => results[name]).catch(() => {})
    for (const [name, result] of Object.entries(results)) expect(await server.submit(name)).toStrictEqual(result)
  })

  test('a handler that throws is an answer: RemoteError with its code, and its text only with exposeErrors', async () => {
    await using place = new Place()
    const server = await place.listen()
    const fail = (): never => {
      throw Object.assign(new Error('the secret'), { code: 'OUT_OF_PAPER' })
    }
    const discreet = await place.connect({ id: 'discreet' })
    discreet.process(fail).catch(() => {})
    const silent = await failureOf(server.submit('a'))
    expect(silent).toBeInstanceOf(RemoteError)
    expect(silent).toMatchObject({ code: 'REMOTE_ERROR', remoteCode: 'OUT_OF_PAPER' })
    expect(JSON.stringify(silent) + String(silent)).not.toContain('secret')
    await discreet.close()
    const open = await place.connect({ exposeErrors: true })
    open.process(fail).catch(() => {})
    expect(await failureOf(server.submit('a'))).toMatchObject({ remoteCode: 'OUT_OF_PAPER', reason: 'the secret' })
    expect(server.deadLetters.size).toBe(0)
  })

  test('an error without a code is HANDLER_FAILED', async () => {
    await using place = new Place()
    const server = await place.listen()
    const client = await place.connect()
    client.process(() => Promise.reject(new Error('no code'))).catch(() => {})
    expect(await failureOf(server.submit('a'))).toMatchObject({ remoteCode: 'HANDLER_FAILED' })
  })

  test('that is settled without a result rejects with NO_RESULT', async () => {
    await using place = new Place()
    const server = await place.listen()
    const client = await place.connect()
    const failure = failureOf(server.submit('a'))
    await client.get()
    expect(await failure).toMatchObject({ code: 'NO_RESULT', delivered: 'maybe' })
  })

  test('that a receiver refuses rejects with RemoteError, and is tried by no other', async () => {
    await using place = new Place()
    const server = await place.listen()
    const client = await place.connect()
    const failure = failureOf(server.submit('a'))
    const delivery = await client.receive()
    delivery.reject(Object.assign(new Error('no'), { code: 'NOT_MINE' }))
    expect(await failure).toMatchObject({ code: 'REMOTE_ERROR', remoteCode: 'NOT_MINE' })
    await server.idle()
    expect(server.deadLetters.size).toBe(0)
  })

  test('a loss is retried elsewhere', async () => {
    await using place = new Place()
    const server = await place.listen()
    const { client, lose } = await place.attach(server)
    const result = server.submit('a')
    await client.receive()
    lose()
    const other = await place.connect()
    const delivery = await other.receive()
    expect(delivery).toMatchObject({ attempt: 2, wantsResult: true })
    delivery.done('from the other')
    expect(await result).toBe('from the other')
  })

  test('losses are retried maxAttempts times, then it rejects with DEAD_LETTER', async () => {
    await using place = new Place()
    const server = await place.listen({ maxAttempts: 3 })
    const failure = failureOf(server.submit('a'))
    for (const attempt of [1, 2, 3]) {
      const { client, lose } = await place.attach(server)
      expect((await client.receive()).attempt).toBe(attempt)
      lose()
      await client.closed
    }
    expect(await failure).toMatchObject({ code: 'DEAD_LETTER', limit: 'maxAttempts', value: 3, delivered: 'maybe' })
    expect(server.deadLetters.size).toBe(0)
    await server.idle()
  })

  test('a release is retried after a delay that doubles', async () => {
    await using place = new Place()
    const server = await place.listen({ retryDelayMs: 100, maxRetryDelayMs: 150 })
    const client = await place.connect()
    const result = server.submit('a')
    const first = client.receive()
    ;(await first).release()
    const second = client.receive()
    await rest()
    expect(server.backlog).toBe(1)
    place.clock.advance(100)
    ;(await second).release()
    const third = observe(() => client.receive().then((delivery) => delivery.done('third')))
    await rest()
    place.clock.advance(149)
    await rest()
    expect(third()).toBe('waits')
    place.clock.advance(1)
    expect(await result).toBe('third')
  })
})

describe('P1: submit that is given up', () => {
  test('before a client has the item: QUEUE_FULL or the reason, and it is certainly not delivered', async () => {
    await using place = new Place()
    const server = await place.listen()
    const controller = new AbortController()
    const late = failureOf(server.submit('late', { timeout: 100 }))
    const aborted = failureOf(server.submit('aborted', { signal: controller.signal }))
    place.clock.advance(100)
    const reason = new Error('enough')
    controller.abort(reason)
    expect(await late).toMatchObject({ code: 'QUEUE_FULL', limit: 'timeout', value: 100, delivered: 'no' })
    expect(await aborted).toBe(reason)
    expect(server.backlog).toBe(0)
    await server.idle()
    const client = await place.connect()
    client.tryGet()
    await rest()
    expect(client.tryGet()).toBeUndefined()
  })

  for (const how of ['timeout', 'signal'] as const)
    test(`by ${how} after a client has the item: the handler's signal fires, the error says maybe, and it is never delivered again`, async () => {
      await using place = new Place()
      const server = await place.listen()
      const { client } = await place.attach(server)
      const controller = new AbortController()
      const failure = failureOf(
        server.submit('a', how === 'timeout' ? { timeout: 100 } : { signal: controller.signal }),
      )
      const delivery = await client.receive()
      expect(delivery.signal.aborted).toBe(false)
      if (how === 'timeout') place.clock.advance(100)
      else controller.abort('enough')
      expect(await failure).toMatchObject(
        how === 'timeout'
          ? { code: 'TIMEOUT', limit: 'timeout', value: 100, delivered: 'maybe' }
          : { code: 'ABORTED', cause: 'enough', delivered: 'maybe' },
      )
      await until(() => delivery.signal.aborted)
      const idle = observe(() => server.idle())
      expect(delivery.done('too late')).toBe(false)
      await rest()
      expect(idle()).toBe('resolves')
      expect(server.backlog).toBe(0)
      client.tryGet()
      await rest()
      expect(client.tryGet()).toBeUndefined()
    })

  test('and whose client is then lost or releases it is not delivered again either', async () => {
    await using place = new Place()
    const server = await place.listen()
    const { client, lose } = await place.attach(server)
    const other = await place.connect()
    const controller = new AbortController()
    const first = client.receive()
    const lost = failureOf(server.submit('lost', { signal: controller.signal }))
    await first
    const second = other.receive()
    const released = failureOf(server.submit('released', { signal: controller.signal }))
    const delivery = await second
    controller.abort()
    lose()
    delivery.release()
    expect(await lost).toMatchObject({ code: 'ABORTED' })
    expect(await released).toMatchObject({ code: 'ABORTED' })
    await server.idle()
    expect(server.backlog).toBe(0)
    expect(server.deadLetters.size).toBe(0)
  })

  test('while the item waits for its next attempt says that it may have been delivered', async () => {
    await using place = new Place()
    const server = await place.listen({ retryDelayMs: 1_000 })
    const client = await place.connect()
    const failure = failureOf(server.submit('a', { timeout: 500 }))
    const received = client.receive()
    ;(await received).release()
    await until(() => server.backlog === 1)
    place.clock.advance(500)
    expect(await failure).toMatchObject({ code: 'TIMEOUT', delivered: 'maybe' })
    expect(server.backlog).toBe(0)
    await server.idle()
  })

  test('frees the slot of a client that had not started on it', async () => {
    await using place = new Place()
    const server = await place.listen()
    const client = await place.connect({ prefetch: 2 })
    const started: string[] = []
    let finish!: () => void
    client
      .process((item) => {
        started.push(item)
        return new Promise<void>((resolve) => (finish = resolve))
      })
      .catch(() => {})
    await rest()
    const controller = new AbortController()
    await server.put('a')
    const failure = failureOf(server.submit('b', { signal: controller.signal }))
    const put = server.put('c')
    await rest()
    controller.abort()
    expect(await failure).toMatchObject({ code: 'ABORTED' })
    await put
    finish()
    await until(() => started.length === 2)
    expect(started).toEqual(['a', 'c'])
    finish()
  })

  test('because too many wait already leaves nothing behind: no timer, no listener, no second answer', async () => {
    await using place = new Place()
    const server = await place.listen({ limits: { maxWaiting: 1 } })
    const waiting = failureOf(server.put('a', { timeout: 1 }))
    const controller = new AbortController()
    const full = await failureOf(server.submit('b', { timeout: 10, signal: controller.signal }))
    expect(full).toMatchObject({ code: 'QUEUE_FULL', limit: 'maxWaiting', delivered: 'no' })
    expect(place.clock.timers).toBe(1)
    place.clock.advance(10)
    controller.abort()
    expect(await waiting).toMatchObject({ code: 'QUEUE_FULL' })
    expect(server.backlog).toBe(0)
  })
})

describe('P1: submit to one client', () => {
  const first = (server: Server<string, string>): ServerClient => server.clients[0] as ServerClient

  test('is for that one alone: it is answered by it, or rejects with CLIENT_GONE', async () => {
    await using place = new Place()
    const server = await place.listen()
    const { client, lose } = await place.attach(server)
    const there = first(server)
    const other = await place.connect()
    other.process(() => 'the other').catch(() => {})
    const result = server.submit('a', { to: there })
    const gone = failureOf(server.submit('b', { to: there }))
    ;(await client.receive()).done('the one')
    expect(await result).toBe('the one')
    await client.receive()
    lose()
    expect(await gone).toMatchObject({ code: 'CLIENT_GONE', delivered: 'maybe' })
    expect(await failureOf(server.submit('c', { to: there }))).toMatchObject({ code: 'CLIENT_GONE', delivered: 'no' })
    await server.idle()
  })

  test("that is another server's is refused, and does not wait for ever", async () => {
    await using place = new Place()
    await using elsewhere = new Place()
    const server = await place.listen()
    const other = await elsewhere.listen()
    await elsewhere.connect()
    const failure = await failureOf(server.submit('a', { to: first(other) }))
    expect(failure).toMatchObject({ code: 'UNSUPPORTED', delivered: 'no' })
  })
})

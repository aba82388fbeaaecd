import { describe, expect, test } from 'vitest'

import { connect, listen, memory } from '../src/index.ts'
import { Authority } from './support/certificates.ts'
import { expectHandles, handles } from './support/handles.ts'
import { failureOf } from './support/outcome.ts'

const HERE = 'tcp://127.0.0.1:0'

describe('listen() with several addresses', () => {
  test('is one server for the clients of all of them, and leaves nothing open', async () => {
    const before = handles()
    const server = await listen<string, string>([HERE, HERE])
    expect(server.addresses).toHaveLength(2)
    expect(server.address).toBe(server.addresses[0])
    expect(new Set(server.addresses).size).toBe(2)
    const clients = await Promise.all(
      server.addresses.map((address, index) => connect<string, string>(address, { id: `c${index}` })),
    )
    for (const client of clients) void client.process((item) => `${item} on ${client.id}`)
    const results = await Promise.all(server.clients.map((to) => server.submit('x', { to })))
    expect(results.toSorted()).toEqual(['x on c0', 'x on c1'])
    await server.close()
    await Promise.all(clients.map(({ closed }) => closed))
    await expectHandles(before)
  })

  test('listens at none of them when one cannot be had', async () => {
    const before = handles()
    const taken = await listen(HERE)
    expect(await failureOf(listen([HERE, taken.address as string]))).toMatchObject({ code: 'LISTEN_FAILED' })
    await taken.close()
    await expectHandles(before)
  })

  test('looks at each of them: one that is exposed is INSECURE_LISTEN, and nothing was opened for it', async () => {
    const before = handles()
    const failure = await failureOf(listen([HERE, 'tcp://0.0.0.0:0']))
    expect(failure).toMatchObject({ code: 'INSECURE_LISTEN', value: 'tcp://0.0.0.0:0' })
    await expectHandles(before)
  })

  test('takes `tls` for those that are reached by it, and refuses it where there is none', async () => {
    const { key, cert } = await Authority.selfSigned()
    const server = await listen<string, string>([HERE, 'tls://localhost:0'], { tls: { key, cert } })
    const plain = await connect<string, string>(server.address as string)
    const secure = await connect<string, string>(server.addresses[1] as string, { tls: { ca: cert } })
    expect(server.clients).toHaveLength(2)
    await Promise.all([plain.close(), secure.close()])
    await server.close()
    expect(String(await failureOf(listen([HERE, HERE], { tls: { key, cert } })))).toContain('to be reached by TLS')
  })

  test('that are none, or are no addresses, is a TypeError', async () => {
    expect(String(await failureOf(listen([])))).toBe(
      'TypeError: Expected `address` to have at least one address, got an empty list',
    )
    expect(String(await failureOf(listen([HERE, 7000 as unknown as string])))).toContain('`tcp://host:port`')
    expect(String(await failureOf(listen(7000 as unknown as string)))).toContain('`tcp://host:port`')
  })

  test('goes on at the others when the listener at one of them fails', async () => {
    const inner = memory()
    const fails: ((error: Error) => void)[] = []
    const failing = {
      form: 'broken:',
      accepts: (address: string) => address === 'broken:',
      connect: () => Promise.reject(new Error('nobody connects there')),
      exposed: () => false,
      listen: () =>
        Promise.resolve({
          address: 'broken:',
          close: () => Promise.resolve(),
          [Symbol.asyncIterator]: () => ({ next: () => new Promise<never>((_, reject) => fails.push(reject)) }),
        }),
    }
    const server = await listen<string, string>(['broken:', 'memory:here'], { transports: [failing, inner] })
    const messages: string[] = []
    server.on('warning', ({ error }) => messages.push(error.message))
    fails[0]?.(new Error('out of descriptors'))
    const client = await connect<string, string>('memory:here', { transports: [inner] })
    expect(messages).toEqual(['The listener at broken: failed: nobody can connect there any more'])
    await client.close()
    await server.close()
  })
})

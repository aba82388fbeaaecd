import { describe, expect, test } from 'vitest'

import { RemoteError } from '../src/index.ts'
import type { Client, Delivery, NetQueueError as Failure, TreeNode } from '../src/index.ts'
import { observe } from './support/nodes.ts'
import { Tree } from './support/tree.ts'

/** A root, two relays below each other, and a leaf. */
async function line(tree: Tree, options: Parameters<Tree['relay']>[2] = {}) {
  const root = await tree.root()
  const upper = await tree.relay('upper', 'root', options)
  const lower = await tree.relay('lower', 'upper', options)
  const leaf = await tree.leaf('leaf', 'lower', { exposeErrors: true })
  await tree.rest()
  return { root, upper, lower, leaf }
}

async function take(tree: Tree, leaf: Client<string, string>): Promise<Delivery<string, string>> {
  return tree.pass(leaf.receive())
}

const fault = (code: string): Error => Object.assign(new Error(`It said ${code}`), { code })

describe('how an item ends at a leaf, it ends at the root', () => {
  test('a result', async () => {
    await using tree = new Tree()
    const { root, leaf } = await line(tree)
    void leaf.process((item) => item.toUpperCase())
    expect(await tree.pass(root.submit('item'))).toBe('ITEM')
  })

  test('the result undefined, and none', async () => {
    await using tree = new Tree()
    const { root, leaf } = await line(tree)
    const results = [root.submit('a'), root.submit('b').catch((error: Failure) => error.code)]
    ;(await take(tree, leaf)).done(undefined as unknown as string)
    ;(await take(tree, leaf)).done()
    expect(await tree.pass(Promise.all(results))).toEqual([undefined, 'NO_RESULT'])
  })

  test('a failure: submit rejects with its code and its reason', async () => {
    await using tree = new Tree()
    const { root, leaf } = await line(tree)
    void leaf.process(() => {
      throw fault('DISK_FULL')
    })
    const error = await tree.pass(root.submit('item').catch((reason: unknown) => reason))
    expect(error).toBeInstanceOf(RemoteError)
    expect((error as RemoteError).remoteCode).toBe('DISK_FULL')
    expect((error as RemoteError).reason).toBe('It said DISK_FULL')
  })

  test('a put that fails is tried again by the relay, and its attempts count up', async () => {
    await using tree = new Tree()
    const { root, leaf } = await line(tree)
    const attempts: number[] = []
    void leaf.process((_item, { attempt }) => {
      attempts.push(attempt)
      if (attempt < 4) throw fault('NOT_YET')
    })
    await tree.pass(root.put('item'))
    await tree.pass(root.idle())
    expect(attempts).toEqual([1, 2, 3, 4])
    expect(root.deadLetters.size).toBe(0)
  })

  test('a reject is a dead letter of the root, and of no relay', async () => {
    await using tree = new Tree()
    const { root, upper, lower, leaf } = await line(tree)
    void root.put('bad').catch(() => {})
    ;(await take(tree, leaf)).reject(fault('UNREADABLE'))
    await tree.pass(root.idle())
    expect(root.deadLetters.list()).toMatchObject([
      { item: 'bad', history: [{ peer: 'upper', outcome: 'rejected', code: 'UNREADABLE' }] },
    ])
    expect([upper, lower].map(({ server }) => server.deadLetters.size)).toEqual([0, 0])
  })

  test('a reject of a submitted item rejects it', async () => {
    await using tree = new Tree()
    const { root, leaf } = await line(tree)
    const result = root.submit('bad').catch((error: RemoteError) => error.remoteCode)
    ;(await take(tree, leaf)).reject(fault('UNREADABLE'))
    expect(await tree.pass(result)).toBe('UNREADABLE')
  })

  test('one that a relay gives up after maxAttempts is a dead letter of the root', async () => {
    await using tree = new Tree()
    const { root, lower, leaf } = await line(tree, { server: { maxAttempts: 3 } })
    let count = 0
    void leaf.process(() => {
      count += 1
      throw fault('NO')
    })
    await tree.pass(root.put('item'))
    await tree.pass(root.idle())
    expect(root.deadLetters.list()).toMatchObject([
      {
        item: 'item',
        history: [
          {
            code: 'DEAD_LETTER',
            reason: '3 attempts, the last: leaf released NO It said NO',
          },
        ],
      },
    ])
    expect([count, lower.server.deadLetters.size, lower.server.backlog]).toEqual([3, 0, 0])
  })

  test('a dead letter of the root that is put again goes through', async () => {
    await using tree = new Tree()
    const { root, leaf } = await line(tree)
    void root.put('item').catch(() => {})
    ;(await take(tree, leaf)).reject()
    await tree.pass(root.idle())
    expect(root.deadLetters.requeue()).toBe(1)
    const again = await take(tree, leaf)
    expect([again.item, again.attempt]).toEqual(['item', 1])
  })

  test('an item that no leaf can decode is refused by the leaf, not by a relay', async () => {
    await using tree = new Tree()
    const root = await tree.root<unknown>()
    await tree.relay('relay', 'root')
    const leaf = await tree.leaf('leaf', 'relay', {
      item: {
        '~standard': {
          version: 1,
          vendor: 'test',
          validate: (value) => (typeof value === 'string' ? { value } : { issues: [{ message: 'no text' }] }),
        },
      },
    })
    void leaf.process(() => 'never')
    const error = await tree.pass(root.submit(5).catch((reason: RemoteError) => reason.remoteCode))
    expect(error).toBe('DECODE_FAILED')
  })

  test('a result that the root takes no more is told to it as such', async () => {
    await using tree = new Tree()
    const root = await tree.root({ limits: { maxItemBytes: 1_000 } })
    await tree.relay('relay', 'root')
    const leaf = await tree.leaf('leaf', 'relay')
    void leaf.process(() => 'x'.repeat(2_000))
    const error = await tree.pass(root.submit('item').catch((reason: RemoteError) => reason.remoteCode))
    expect(error).toBe('ITEM_TOO_LARGE')
  })
})

describe('how a put of a leaf ends at the root, it ends at the leaf', () => {
  test('a reject is a dead letter of the leaf', async () => {
    await using tree = new Tree()
    const { root, leaf } = await line(tree)
    const taken = root.receive()
    await tree.pass(leaf.put('thing'))
    ;(await tree.pass(taken)).reject(fault('UNWANTED'))
    await tree.rest()
    expect(leaf.deadLetters.list()).toMatchObject([{ item: 'thing', history: [{ code: 'UNWANTED' }] }])
  })

  test('one that the root takes no more is refused by the relay', async () => {
    await using tree = new Tree()
    const root = await tree.root({ limits: { maxItemBytes: 1_000 } })
    const relay = await tree.relay('relay', 'root')
    const codes: string[] = []
    relay.on('warning', ({ error }) => codes.push(error.code))
    root.get().catch(() => {})
    const leaf = await tree.leaf('leaf', 'relay')
    await tree.pass(leaf.put('x'.repeat(2_000)))
    await tree.rest()
    expect(leaf.deadLetters.list()).toMatchObject([{ history: [{ code: 'ITEM_TOO_LARGE' }] }])
    expect(codes).toEqual(['ITEM_TOO_LARGE'])
  })

  test('a result that is put before its item is settled arrives before that', async () => {
    await using tree = new Tree()
    const root = await tree.root({ prefetch: 1 })
    await tree.relay('relay', 'root')
    const leaf = await tree.leaf('leaf', 'relay', { prefetch: 4 })
    void (async () => {
      for await (const item of leaf) await leaf.put(`${item} made`)
    })().catch(() => {})
    const taken = root.receive()
    await tree.rest()
    for (const item of ['a', 'b', 'c']) await tree.pass(root.put(item))
    await tree.rest()
    const first = await tree.pass(taken)
    // The root takes one more: what was made of c waits in the relay, and c stays unsettled.
    expect([first.item, root.clients[0]?.inFlight]).toEqual(['a made', 3])
    first.done()
    expect(await tree.pass(root.get())).toBe('b made')
    await tree.pass(root.idle())
    expect(root.tryGet()?.value).toBe('c made')
  })
})

test('a loss is told upwards without what was put before it, where nobody above reads any more', async () => {
  await using tree = new Tree()
  const root = await tree.root()
  await tree.relay('relay', 'root')
  const leaf = await tree.leaf('leaf', 'relay')
  const delivery = leaf.receive()
  await tree.wait(60)
  const call = observe(() => root.submit('job', { to: root.clients[0]?.nodes[0] as TreeNode }))
  await tree.pass(delivery)
  const reader = root[Symbol.asyncIterator]()
  const first = reader.next()
  await tree.pass(leaf.put('progress'))
  await tree.pass(first)
  await reader.return?.()
  const last = observe(() => leaf.put('nobody reads this'))
  await tree.rest()
  await tree.kill(leaf)
  await tree.wait(200)
  expect([call(), last()]).toEqual(['rejects REMOTE_ERROR', expect.any(String)])
})

describe('cancel through two relays', () => {
  test('fires the signal at the leaf, and the item is gone everywhere', async () => {
    await using tree = new Tree()
    const { root, upper, lower, leaf } = await line(tree)
    const stop = new AbortController()
    const result = observe(() => root.submit('item', { signal: stop.signal }))
    const delivery = await take(tree, leaf)
    stop.abort(new Error('enough'))
    await tree.rest()
    expect([result(), delivery.signal.aborted, delivery.isOpen]).toEqual(['rejects ABORTED', true, false])
    expect([root, upper.server, lower.server].map(({ clients }) => clients[0]?.inFlight)).toEqual([1, 1, 1])
    delivery.release()
    await tree.rest()
    expect([root, upper.server, lower.server].map(({ clients }) => clients[0]?.inFlight)).toEqual([0, 0, 0])
  })

  test('of an item that has not left a relay yet leaves nothing behind', async () => {
    await using tree = new Tree()
    const root = await tree.root()
    const relay = await tree.relay('relay', 'root', { server: { chooseDispatch: () => undefined } })
    const leaf = await tree.leaf('leaf', 'relay')
    void leaf.process(() => 'never')
    await tree.rest()
    const stop = new AbortController()
    const result = observe(() => root.submit('item', { signal: stop.signal }))
    await tree.rest()
    expect(relay.server.backlog).toBe(1)
    stop.abort(new Error('enough'))
    await tree.rest()
    expect([result(), relay.server.backlog, root.clients[0]?.inFlight]).toEqual(['rejects ABORTED', 0, 0])
    expect(root.clients[0]?.credit).toBe(1)
  })

  test('takes no longer than the way there', async () => {
    await using tree = new Tree({ latencyMs: 10 })
    const { root, leaf } = await line(tree)
    const stop = new AbortController()
    let abortedAt = 0
    void leaf
      .process(
        (_item, { signal }) =>
          new Promise<string>((_, reject) => {
            signal.addEventListener('abort', () => {
              abortedAt = tree.clock.now()
              reject(signal.reason)
            })
          }),
      )
      .catch(() => {})
    await tree.wait(100)
    const result = root.submit('item', { signal: stop.signal }).catch(() => {})
    await tree.wait(100)
    const from = tree.clock.now()
    stop.abort(new Error('enough'))
    await tree.wait(100)
    await result
    expect(abortedAt - from).toBeLessThan(35)
  })

  test('an item that is not settled in time is taken back from the leaf', async () => {
    await using tree = new Tree()
    const { root, leaf } = await line(tree)
    void root.put('item', { settleTimeoutMs: 100 }).catch(() => {})
    const delivery = await take(tree, leaf)
    await tree.wait(101)
    expect([delivery.signal.aborted, delivery.done()]).toEqual([true, false])
    const again = await take(tree, leaf)
    expect([again.item, again.attempt]).toEqual(['item', 2])
  })
})

describe('extend through two relays', () => {
  test('renews the time that the root gives', async () => {
    await using tree = new Tree()
    const { root, leaf } = await line(tree)
    const warnings: string[] = []
    root.on('warning', ({ error }) => warnings.push(error.code))
    const result = root.submit('item', { settleTimeoutMs: 100 })
    const delivery = await take(tree, leaf)
    for (let count = 0; count < 4; count += 1) {
      await tree.wait(60)
      expect(delivery.extend()).toBe(true)
      await tree.rest()
    }
    delivery.done('late')
    expect([await tree.pass(result), warnings]).toEqual(['late', []])
  })

  test('renews the time that a relay gives, too', async () => {
    await using tree = new Tree()
    const { root, leaf } = await line(tree, { server: { settleTimeoutMs: 100 } })
    const result = root.submit('item')
    const delivery = await take(tree, leaf)
    for (let count = 0; count < 4; count += 1) {
      await tree.wait(60)
      expect(delivery.extend()).toBe(true)
      await tree.rest()
    }
    delivery.done('late')
    expect(await tree.pass(result)).toBe('late')
  })
})

import { describe, expect, test } from 'vitest'

import { DROP } from '../src/index.ts'
import type { RemoteError } from '../src/index.ts'
import { observe } from './support/nodes.ts'
import { Tree } from './support/tree.ts'

describe('the stage down', () => {
  test('works on each item, and what it returns goes on', async () => {
    await using tree = new Tree()
    const root = await tree.root()
    await tree.relay('relay', 'root', { down: (item) => `${item}!` })
    const leaf = await tree.leaf('leaf', 'relay')
    void leaf.process((item) => item)
    expect(await tree.pass(root.submit('item'))).toBe('item!')
  })

  test('may take its time: then no more items are asked for than leaves take', async () => {
    await using tree = new Tree()
    const root = await tree.root()
    const begun: (() => void)[] = []
    await tree.relay('relay', 'root', {
      down: (item) => new Promise<string>((resolve) => begun.push(() => resolve(item))),
    })
    const leaf = await tree.leaf('leaf', 'relay')
    void leaf.process((item) => item, { concurrency: 2 })
    await tree.rest()
    const puts = ['a', 'b', 'c'].map((item) => observe(() => root.put(item)))
    await tree.rest()
    expect([begun.length, puts.map((put) => put())]).toEqual([2, ['resolves', 'resolves', 'waits']])
    leaf.setStatus('as before') // whatever a leaf says, what is in the stage is on its way to it
    await tree.rest()
    expect(begun.length).toBe(2)
    for (const finish of begun.splice(0)) finish()
    await tree.rest()
    expect([begun.length, puts[2]?.()]).toEqual([1, 'resolves'])
    begun[0]?.()
    await tree.pass(root.idle())
  })

  test('DROP settles an item that was put, and leaves one that was submitted without a result', async () => {
    await using tree = new Tree()
    const root = await tree.root()
    await tree.relay('relay', 'root', { down: () => DROP })
    const leaf = await tree.leaf('leaf', 'relay')
    const seen = observe(() => leaf.get())
    await tree.rest()
    await tree.pass(root.put('item'))
    await tree.pass(root.idle())
    expect(await tree.pass(root.submit('item').catch((error: RemoteError) => error.code))).toBe('NO_RESULT')
    expect(seen()).toBe('waits')
    await tree.kill(leaf)
  })

  test.each(['throws', 'rejects'])(
    'that %s fails the item: a put is tried again, a submit is answered',
    async (how) => {
      await using tree = new Tree()
      const root = await tree.root()
      let calls = 0
      const fault = Object.assign(new Error('no'), { code: 'NO_DISK' })
      await tree.relay('relay', 'root', {
        down: (item) => {
          calls += 1
          if (calls > 2) return item
          if (how === 'throws') throw fault
          return Promise.reject(fault)
        },
      })
      const leaf = await tree.leaf('leaf', 'relay')
      const attempts: number[] = []
      void leaf.process((item, { attempt }) => {
        attempts.push(attempt)
        return item
      })
      expect(await tree.pass(root.submit('item').catch((error: RemoteError) => error.remoteCode))).toBe('NO_DISK')
      await tree.pass(root.put('item'))
      await tree.pass(root.idle())
      expect([calls, attempts]).toEqual([3, [2]])
    },
  )

  test('is told by its signal when the item is cancelled, and the item ends there', async () => {
    await using tree = new Tree()
    const root = await tree.root()
    const signals: AbortSignal[] = []
    await tree.relay('relay', 'root', {
      down: (item, { signal }) =>
        new Promise<string>((resolve) => {
          signals.push(signal)
          signal.addEventListener('abort', () => resolve(item))
        }),
    })
    const leaf = await tree.leaf('leaf', 'relay')
    const seen = observe(() => leaf.get())
    const stop = new AbortController()
    const result = observe(() => root.submit('item', { signal: stop.signal }))
    await tree.rest()
    stop.abort(new Error('enough'))
    await tree.rest()
    expect([result(), signals[0]?.aborted, seen(), root.clients[0]?.inFlight]).toEqual([
      'rejects ABORTED',
      true,
      'waits',
      0,
    ])
    await tree.kill(leaf)
  })

  test('gives back, unstarted, what it still works on when the relay closes', async () => {
    await using tree = new Tree()
    const root = await tree.root()
    let finish = (): void => {}
    const relay = await tree.relay('relay', 'root', {
      down: (item) => new Promise<string>((resolve) => (finish = () => resolve(item))),
    })
    const leaf = await tree.leaf('leaf', 'relay')
    void leaf.process((item) => item)
    await tree.rest()
    const result = root.submit('item')
    await tree.rest()
    const closed = relay.close()
    await tree.rest()
    finish()
    const other = await tree.leaf('other', 'root')
    void other.process((item, { attempt }) => `${item} ${attempt}`)
    expect(await tree.pass(result)).toBe('item 1')
    await tree.pass(closed)
  })

  test('gives back unstarted what it has done when the server takes nothing more', async () => {
    await using tree = new Tree()
    const root = await tree.root()
    let finish = (): void => {}
    const relay = await tree.relay('relay', 'root', {
      down: (item) => (item === 'first' ? item : new Promise<string>((resolve) => (finish = () => resolve(item)))),
    })
    const leaf = await tree.leaf('leaf', 'relay')
    let done = (): void => {}
    void leaf.process(() => new Promise<string>((resolve) => (done = () => resolve('done'))), { concurrency: 2 })
    await tree.rest()
    const results = ['first', 'second'].map((item) => root.submit(item))
    await tree.rest()
    const closed = relay.server.close()
    await tree.rest()
    finish()
    const other = await tree.leaf('other', 'root')
    void other.process((item, { attempt }) => `${item} ${attempt}`)
    expect(await tree.pass(results[1] as Promise<string>)).toBe('second 1')
    done()
    expect(await tree.pass(results[0] as Promise<string>)).toBe('done')
    await tree.pass(closed)
  })

  test('that makes more of an item than children take is a refusal', async () => {
    await using tree = new Tree()
    const root = await tree.root()
    const relay = await tree.relay('relay', 'root', { down: () => 'x'.repeat(2_000), limits: { maxItemBytes: 1_000 } })
    const codes: string[] = []
    relay.on('warning', ({ error }) => codes.push(error.code))
    const leaf = await tree.leaf('leaf', 'relay')
    void leaf.process((item) => item)
    expect(await tree.pass(root.submit('item').catch((error: RemoteError) => error.remoteCode))).toBe('ITEM_TOO_LARGE')
    expect(codes).toEqual(['ITEM_TOO_LARGE'])
  })
})

describe('the stage up', () => {
  test('works on results, and on what children put', async () => {
    await using tree = new Tree()
    const root = await tree.root()
    await tree.relay('relay', 'root', { up: (item) => `<${item}>` })
    const leaf = await tree.leaf('leaf', 'relay')
    void leaf.process((item) => item.toUpperCase())
    expect(await tree.pass(root.submit('item'))).toBe('<ITEM>')
    const got = root.get()
    await tree.pass(leaf.put('thing'))
    expect(await tree.pass(got)).toBe('<thing>')
  })

  test('DROP keeps a result and a put from the root', async () => {
    await using tree = new Tree()
    const root = await tree.root()
    await tree.relay('relay', 'root', { up: (item) => (item === 'keep' ? item : DROP) })
    const leaf = await tree.leaf('leaf', 'relay')
    void leaf.process((item) => item)
    expect(await tree.pass(root.submit('item').catch((error: RemoteError) => error.code))).toBe('NO_RESULT')
    const got = root.get()
    for (const item of ['drop', 'keep']) await tree.pass(leaf.put(item))
    expect(await tree.pass(got)).toBe('keep')
    expect(leaf.deadLetters.size).toBe(0)
  })

  test('that throws fails a result for the root, and has a put tried again', async () => {
    await using tree = new Tree()
    const root = await tree.root()
    let calls = 0
    await tree.relay('relay', 'root', {
      up: (item) => {
        calls += 1
        if (calls < 3) throw Object.assign(new Error('no'), { code: 'NO_DISK' })
        return item
      },
    })
    const leaf = await tree.leaf('leaf', 'relay')
    void leaf.process((item) => item)
    expect(await tree.pass(root.submit('item').catch((error: RemoteError) => error.remoteCode))).toBe('NO_DISK')
    const got = root.get()
    await tree.pass(leaf.put('thing'))
    expect([await tree.pass(got), calls]).toEqual(['thing', 3])
  })

  test('that ends when there is no parent any more gives back to the leaf, or names, what it has made', async () => {
    await using tree = new Tree()
    const root = await tree.root()
    const made: (() => void)[] = []
    const relay = await tree.relay('relay', 'root', {
      up: (item) => new Promise((resolve) => made.push(() => resolve(item))),
    })
    const [gone, there] = [await tree.leaf('gone', 'relay'), await tree.leaf('there', 'relay', { reconnect: false })]
    root.get().catch(() => {})
    await tree.pass(Promise.all([gone.put('of one that goes'), there.put('of one that stays')]))
    await tree.kill(gone)
    await tree.pass(relay.client.close())
    for (const finish of made) finish()
    expect((await tree.pass(relay.closed)).undone).toEqual(['of one that goes'])
    expect((await tree.pass(there.closed)).undone).toEqual(['of one that stays'])
  })

  test('that asks for its signal only when the item was cancelled finds that it has fired', async () => {
    await using tree = new Tree()
    const root = await tree.root()
    const made: (() => void)[] = []
    const fired: boolean[] = []
    const up = async (item: string, context: { readonly signal: AbortSignal }): Promise<string> => {
      await new Promise<void>((resolve) => made.push(resolve))
      fired.push(context.signal.aborted)
      return item
    }
    await tree.relay('relay', 'root', { up })
    const leaf = await tree.leaf('leaf', 'relay')
    void leaf.process((item) => item)
    await tree.rest()
    const abort = new AbortController()
    const call = observe(() => root.submit('item', { signal: abort.signal }))
    await tree.rest()
    abort.abort()
    await tree.rest()
    made[0]?.()
    await tree.rest()
    expect([call(), fired]).toEqual(['rejects ABORTED', [true]])
  })

  test('that throws: what was put before an item still goes first', async () => {
    await using tree = new Tree()
    const root = await tree.root()
    const made: (() => void)[] = []
    const up = (item: string): Promise<string> => {
      if (item === 'answer') throw new Error('no')
      return new Promise((resolve) => made.push(() => resolve(item)))
    }
    await tree.relay('relay', 'root', { up })
    const leaf = await tree.leaf('leaf', 'relay')
    const got = root.get()
    void leaf.process(async () => {
      await leaf.put('made of it')
      return 'answer'
    })
    await tree.rest()
    const call = observe(() => root.submit('item'))
    await tree.rest()
    expect([made.length, call()]).toEqual([1, 'waits'])
    made[0]?.()
    expect(await tree.pass(got)).toBe('made of it')
    await tree.rest()
    expect(call()).toMatch('rejects REMOTE_ERROR')
  })

  test('that takes its time: what was put before an item is settled still goes first', async () => {
    await using tree = new Tree()
    const root = await tree.root()
    const made: (() => void)[] = []
    await tree.relay('relay', 'root', { up: (item) => new Promise((resolve) => made.push(() => resolve(item))) })
    const leaf = await tree.leaf('leaf', 'relay')
    const got = root.get()
    void (async () => {
      for await (const item of leaf) await leaf.put(`${item} made`)
    })().catch(() => {})
    await tree.rest()
    await tree.pass(root.put('a'))
    const idle = observe(() => root.idle())
    await tree.rest()
    expect([made.length, idle()]).toEqual([1, 'waits'])
    made[0]?.()
    expect(await tree.pass(got)).toBe('a made')
    await tree.rest()
    expect(idle()).toBe('resolves')
  })
})

test('a stage that keeps many results holds back what is sent down: 64 of them, and what children take', async () => {
  await using tree = new Tree()
  const root = await tree.root()
  const kept: (() => void)[] = []
  await tree.relay('relay', 'root', {
    up: (result) => new Promise((resolve) => kept.push(() => resolve(result))),
    client: { prefetch: 1 },
  })
  const leaf = await tree.leaf('leaf', 'relay', { prefetch: 1 })
  void leaf.process((item) => item)
  await tree.rest()
  const results = Array.from({ length: 200 }, (_, n) => root.submit(`${n}`))
  await tree.wait(1_000)
  expect([kept.length, root.backlog]).toEqual([65, 135])
  const [first] = kept
  first?.()
  await tree.rest()
  expect([kept.length, root.backlog]).toEqual([66, 134])
  for (let done = 1; done < 200;) {
    const due = kept.slice(done)
    done += due.length
    for (const finish of due) finish()
    await tree.rest()
  }
  expect(await tree.pass(Promise.all(results))).toEqual(results.map((_, n) => `${n}`))
})

describe('without a stage', () => {
  test('a relay neither decodes nor encodes: a policy makes the item for itself', async () => {
    await using tree = new Tree()
    const root = await tree.root()
    let decoded = 0
    const item = {
      name: 'counted',
      encode: (): never => {
        throw new Error('a relay encodes nothing')
      },
      decode: (bytes: Uint8Array): string => {
        decoded += 1
        return new TextDecoder().decode(bytes)
      },
    }
    const counted = {
      name: 'counted',
      encode: (text: string) => new TextEncoder().encode(text),
      decode: (bytes: Uint8Array) => new TextDecoder().decode(bytes),
    }
    await tree.kill(root)
    const there = await tree.root({ item: counted, result: counted })
    await tree.relay('plain', 'root', { item, result: item })
    const leaf = await tree.leaf('leaf', 'plain', { item: counted, result: counted })
    void leaf.process((text) => text.toUpperCase())
    expect([await tree.pass(there.submit('a')), decoded]).toEqual(['A', 0])
    await tree.relay('choosing', 'plain', {
      item,
      result: item,
      server: { chooseDispatch: (free, { item: text }) => free.find(({ id }) => id === text) },
    })
    const chosen = await tree.leaf('b', 'choosing', { item: counted, result: counted })
    await tree.kill(leaf)
    void chosen.process((text) => text.toUpperCase())
    expect([await tree.pass(there.submit('b')), decoded]).toEqual(['B', 1])
  })

  test('two sides with codecs of their own: what passes is written anew', async () => {
    await using tree = new Tree()
    const utf8 = {
      encode: (text: string) => new TextEncoder().encode(text),
      decode: (bytes: Uint8Array) => new TextDecoder().decode(bytes),
    }
    const plain = { name: 'plain', ...utf8 }
    const root = await tree.root({ item: plain, result: plain })
    await tree.relay('relay', 'root', { client: { item: plain, result: plain } })
    const leaf = await tree.leaf('leaf', 'relay')
    void leaf.process((item) => item.toUpperCase())
    expect(await tree.pass(root.submit('item'))).toBe('ITEM')
    const got = root.get()
    await tree.pass(leaf.put('thing'))
    expect(await tree.pass(got)).toBe('thing')
  })
})

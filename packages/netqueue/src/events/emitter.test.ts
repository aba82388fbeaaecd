import { describe, expect, test, vi } from 'vitest'

import { Emitter } from './emitter.ts'

interface Events {
  news: number
  other: string
}

describe('an emitter', () => {
  test('calls those who listen to this type, in order, until they stop', () => {
    const emitter = new Emitter<Events>()
    const heard: string[] = []
    const stop = emitter.on('news', (news) => heard.push(`a${news}`))
    emitter.on('news', (news) => heard.push(`b${news}`))
    emitter.on('other', (other) => heard.push(other))
    emitter.emit('news', 1)
    stop()
    stop()
    emitter.emit('news', 2)
    expect(heard).toEqual(['a1', 'b1', 'b2'])
  })

  test('keeps two registrations of one function apart', () => {
    const emitter = new Emitter<Events>()
    const listener = vi.fn<(news: number) => void>()
    const stop = emitter.on('news', listener)
    emitter.on('news', listener)
    stop()
    emitter.emit('news', 1)
    expect(listener).toHaveBeenCalledTimes(1)
  })

  test('gives an event to those who listened when it came, not to those who came by it', () => {
    const emitter = new Emitter<Events>()
    const late = vi.fn<(news: number) => void>()
    emitter.on('news', () => emitter.on('news', late))
    emitter.emit('news', 1)
    expect(late).not.toHaveBeenCalled()
  })

  test('a listener that throws disturbs nobody: its error goes to the host', async () => {
    const emitter = new Emitter<Events>()
    const unhandled: unknown[] = []
    const listeners = process.listeners('unhandledRejection')
    process.removeAllListeners('unhandledRejection')
    const heard = new Promise((resolve) => process.once('unhandledRejection', resolve))
    const other = vi.fn<(news: number) => void>()
    emitter.on('news', () => {
      throw new Error('mine')
    })
    emitter.on('news', other)
    emitter.emit('news', 1)
    unhandled.push(await heard)
    for (const listener of listeners) process.on('unhandledRejection', listener)
    expect(other).toHaveBeenCalledWith(1)
    expect(unhandled).toEqual([new Error('mine')])
  })
})

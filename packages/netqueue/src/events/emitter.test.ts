import { describe, expect, test, vi } from 'vitest'

import { turn } from '../../test/support/handles.ts'
import { NetQueueError } from '../errors/errors.ts'
import { Emitter } from './emitter.ts'

interface Events {
  news: number
  other: string
  status: { client: string; status: unknown }
  warning: { error: NetQueueError; client?: string }
}

/** An emitter whose warnings are events of it, as those of servers and clients are; and all of them. */
function emitterOf(): { emitter: Emitter<Events>; warnings: Events['warning'][] } {
  const warnings: Events['warning'][] = []
  const emitter: Emitter<Events> = new Emitter((error, client) => {
    const warning = { error, ...(client !== undefined && { client }) }
    warnings.push(warning)
    emitter.emit('warning', warning)
  })
  return { emitter, warnings }
}

describe('an emitter', () => {
  test('calls those who listen to this type, in order, until they stop', () => {
    const { emitter } = emitterOf()
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
    const { emitter } = emitterOf()
    const listener = vi.fn<(news: number) => void>()
    const stop = emitter.on('news', listener)
    emitter.on('news', listener)
    stop()
    emitter.emit('news', 1)
    expect(listener).toHaveBeenCalledTimes(1)
  })

  test('gives an event to those who listened when it came, not to those who came by it', () => {
    const { emitter } = emitterOf()
    const late = vi.fn<(news: number) => void>()
    emitter.on('news', () => emitter.on('news', late))
    emitter.emit('news', 1)
    expect(late).not.toHaveBeenCalled()
  })

  test('tells what a listener brings about when all have heard what it was told', () => {
    const { emitter } = emitterOf()
    const heard: string[] = []
    emitter.on('news', (news) => {
      if (news < 3) emitter.emit('news', news + 1)
      emitter.emit('other', `because of ${news}`)
    })
    emitter.on('news', (news) => heard.push(String(news)))
    emitter.on('other', (other) => heard.push(other))
    emitter.emit('news', 1)
    expect(heard).toEqual(['1', '2', 'because of 1', '3', 'because of 2', 'because of 3'])
  })

  test('tells of what happens together when it is over, in order, be it that it throws', () => {
    const { emitter } = emitterOf()
    const heard: unknown[] = []
    emitter.on('news', (news) => heard.push(news))
    emitter.on('other', (other) => heard.push(other))
    const both = (): void =>
      emitter.together(() => {
        emitter.emit('news', 1)
        emitter.together(() => emitter.emit('other', 'b'))
        heard.push('over')
        throw new Error('mine')
      })
    expect(both).toThrow('mine')
    expect(heard).toEqual(['over', 1, 'b'])
    emitter.emit('news', 2)
    expect(heard.at(-1)).toBe(2)
  })

  test('tells a listener nothing more once it is taken away', () => {
    const { emitter } = emitterOf()
    const heard: number[] = []
    emitter.on('news', (news) => {
      if (news === 1) emitter.emit('news', 2)
      stop()
    })
    const stop = emitter.on('news', (news) => heard.push(news))
    emitter.emit('news', 1)
    expect(heard).toEqual([])
  })

  test('that is closed by a listener gives its loops all that had happened by then', async () => {
    const { emitter } = emitterOf()
    const loop = emitter.stream('other')
    emitter.on('news', () => {
      emitter.emit('other', 'the last')
      emitter.close()
    })
    emitter.emit('news', 1)
    const heard: string[] = []
    for await (const other of loop) heard.push(other)
    expect(heard).toEqual(['the last'])
  })

  test('names what is no function at once', () => {
    expect(() => emitterOf().emitter.on('news', undefined as never)).toThrow('Expected `listener` to be a function')
  })
})

describe('P7: a listener that fails', () => {
  test('disturbs nobody: its error is the cause of a warning, HANDLER_FAILED', () => {
    const { emitter, warnings } = emitterOf()
    const other = vi.fn<(news: number) => void>()
    emitter.on('news', () => {
      throw new Error('mine')
    })
    emitter.on('news', other)
    emitter.emit('news', 1)
    expect(other).toHaveBeenCalledWith(1)
    const message = 'A listener of "news" failed'
    expect(warnings).toMatchObject([
      { error: { code: 'HANDLER_FAILED', value: 'news', message, cause: new Error('mine') } },
    ])
  })

  test('by a promise that rejects has failed as well', async () => {
    const { emitter, warnings } = emitterOf()
    emitter.on('news', async () => {
      await turn()
      throw new Error('late')
    })
    emitter.on('news', () => Promise.reject(new Error('at once')))
    emitter.emit('news', 1)
    expect(warnings).toEqual([])
    await turn()
    await turn()
    expect(warnings.map(({ error }) => error.cause)).toEqual([new Error('at once'), new Error('late')])
  })

  test('names the client that its event is about', () => {
    const { emitter, warnings } = emitterOf()
    emitter.on('status', ({ status }) => (status as { size: { deep: number } }).size.deep)
    emitter.emit('status', { client: 'ada', status: 'nothing of the kind' })
    expect(warnings).toMatchObject([{ error: { code: 'HANDLER_FAILED', value: 'status' }, client: 'ada' }])
  })

  test.each(['synchronously', 'by a promise'])(
    'and listens to warnings is told so once, and never again: %s',
    async (how) => {
      const { emitter, warnings } = emitterOf()
      emitter.on('warning', ({ error }) => {
        if (how === 'synchronously') throw new Error('mine')
        return Promise.reject(error)
      })
      emitter.on('warning', () => {
        throw new Error('mine too')
      })
      const error = new NetQueueError('RESULT_UNCLAIMED', 'the first')
      emitter.emit('warning', { error })
      for (let turns = 0; turns < 10; turns += 1) await turn()
      // What was told, and what each of the two made of that: not what they made of these.
      expect(warnings.map(({ error: { code, value } }) => [code, value])).toEqual([
        ['HANDLER_FAILED', 'warning'],
        ['HANDLER_FAILED', 'warning'],
      ])
    },
  )

  test('of another event has its warning told to a listener of warnings that fails, too', () => {
    const { emitter, warnings } = emitterOf()
    const heard: unknown[] = []
    emitter.on('warning', ({ error }) => {
      heard.push(error.value)
      throw new Error('mine too')
    })
    emitter.on('news', () => {
      throw new Error('mine')
    })
    emitter.emit('news', 1)
    expect([heard, warnings.length]).toEqual([['news', 'warning'], 2])
  })
})

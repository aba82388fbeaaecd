import { beforeEach, describe, expect, test } from 'vitest'

import { failureOf } from '../../test/support/outcome.ts'
import { VirtualEnv } from '../../test/support/virtual-env.ts'
import { Standby } from './standby.ts'

let env: VirtualEnv
let standby: Standby<string>
let asked: string[]

beforeEach(() => {
  env = new VirtualEnv()
  standby = new Standby({ env, maxWaiting: 3, tooMany: (maxWaiting) => new RangeError(`${maxWaiting} wait`) })
  asked = []
})

const late = (): Error => new Error('late')

/** One that says whom it asked, and when. */
function question(ordinal: number): { ordinal: number; ask: (whom: string) => string } {
  return {
    ordinal,
    ask: (whom) => {
      asked.push(`${ordinal} ${whom}`)
      return whom
    },
  }
}

describe('P11: a call that waits for a connection', () => {
  test('asks as soon as there is one, in order, as long as there is one', async () => {
    const calls = [standby.wait(question(1), {}, late), standby.wait(question(2), {}, late)]
    const left = ['first']
    standby.serve(() => left.shift())
    expect([asked, standby.size]).toEqual([['1 first'], 1])
    standby.serve(() => 'second')
    expect(asked).toEqual(['1 first', '2 second'])
    expect([await Promise.all(calls), standby.size]).toEqual([['first', 'second'], 0])
  })

  test('has its old place in line when it comes back, whoever came meanwhile', async () => {
    const calls = [3, 1, 2].map((ordinal) => standby.wait(question(ordinal), {}, late))
    standby.serve(() => 'it')
    await Promise.all(calls)
    expect(asked).toEqual(['1 it', '2 it', '3 it'])
  })

  test('leaves when time is up or its signal fires, and makes room', async () => {
    const stop = new AbortController()
    const failures = [
      failureOf(standby.wait(question(1), { timeout: 50 }, late)),
      failureOf(standby.wait(question(2), { timeout: 50 }, late)),
      failureOf(standby.wait(question(3), { signal: stop.signal }, late)),
    ]
    expect(() => standby.wait(question(4), {}, late)).toThrow('3 wait')
    stop.abort('enough')
    env.advance(50)
    expect(await Promise.all(failures)).toEqual([new Error('late'), new Error('late'), 'enough'])
    expect([standby.size, env.timers]).toEqual([0, 0])
    const next = standby.wait(question(5), {}, late)
    standby.serve(() => 'connection')
    expect(await next).toBe('connection')
  })

  test('whose signal fires as it asks has left once', async () => {
    const stop = new AbortController()
    const ask = (whom: string): string => {
      stop.abort(new Error('enough'))
      return whom
    }
    const waiting = failureOf(standby.wait({ ordinal: 1, ask }, { signal: stop.signal }, late))
    void standby.wait(question(2), {}, late)
    const left = ['it']
    standby.serve(() => left.shift())
    expect([await waiting, standby.size, asked]).toEqual([new Error('enough'), 1, []])
  })

  test('is told the reason when nothing comes any more', async () => {
    const calls = [
      failureOf(standby.wait(question(1), {}, late)),
      failureOf(standby.wait(question(2), { timeout: 10 }, late)),
    ]
    standby.close(new Error('over'))
    expect([await Promise.all(calls), standby.size, env.timers]).toEqual([[new Error('over'), new Error('over')], 0, 0])
  })

  test('that throws when it asks rejects, and holds up nobody', async () => {
    const broken = failureOf(
      standby.wait(
        {
          ordinal: 1,
          ask: () => {
            throw new Error('broken')
          },
        },
        {},
        late,
      ),
    )
    const next = standby.wait(question(2), {}, late)
    standby.serve(() => 'it')
    expect([await broken, await next]).toEqual([new Error('broken'), 'it'])
  })
})

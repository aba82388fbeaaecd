import { beforeEach, describe, expect, test } from 'vitest'

import { failureOf } from '../../test/support/outcome.ts'
import { VirtualEnv } from '../../test/support/virtual-env.ts'
import { Standby } from './standby.ts'

let env: VirtualEnv
let standby: Standby<string>

beforeEach(() => {
  env = new VirtualEnv()
  standby = new Standby({ env, maxWaiting: 2, tooMany: (maxWaiting) => new RangeError(`${maxWaiting} wait`) })
})

const late = (): Error => new Error('late')

describe('P11: whoever waits for a connection', () => {
  test('goes on in order, as long as there is something to go on with', async () => {
    const calls = [standby.wait({}, late), standby.wait({}, late)]
    const left = ['first']
    standby.serve(() => left.shift())
    expect(await calls[0]).toBe('first')
    expect(standby.size).toBe(1)
    standby.serve(() => 'second')
    expect([await calls[1], standby.size]).toEqual(['second', 0])
  })

  test('leaves when time is up or its signal fires, and makes room', async () => {
    const stop = new AbortController()
    const [slow, stopped] = [
      failureOf(standby.wait({ timeout: 50 }, late)),
      failureOf(standby.wait({ signal: stop.signal }, late)),
    ]
    expect(() => standby.wait({}, late)).toThrow('2 wait')
    stop.abort('enough')
    env.advance(50)
    expect([await slow, await stopped, standby.size, env.timers]).toEqual([new Error('late'), 'enough', 0, 0])
    const next = standby.wait({}, late)
    standby.serve(() => 'connection')
    expect(await next).toBe('connection')
  })

  test('is told the reason when nothing comes any more', async () => {
    const calls = [failureOf(standby.wait({}, late)), failureOf(standby.wait({ timeout: 10 }, late))]
    standby.close(new Error('over'))
    expect([await Promise.all(calls), standby.size, env.timers]).toEqual([[new Error('over'), new Error('over')], 0, 0])
  })
})

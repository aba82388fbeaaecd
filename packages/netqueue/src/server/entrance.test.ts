import * as fc from 'fast-check'
import { describe, expect, test } from 'vitest'

import { VirtualEnv } from '../../test/support/virtual-env.ts'
import { Entrance } from './entrance.ts'
import type { NetQueueError } from '../errors/errors.ts'
import { Deadlines } from '../queue/deadlines.ts'

interface Person {
  name: string
  origin: string | undefined
}

/** An entrance, with all that became of those who came. */
class Door {
  readonly env = new VirtualEnv()
  readonly entered: string[] = []
  readonly refused: [name: string, limit: string | undefined][] = []
  readonly entrance: Entrance<Person>
  enters: (name: string) => unknown = () => {}

  constructor({ maxHandshakes = 4, maxHandshakesPerAddress = 2, maxWaiting = 100 } = {}) {
    this.entrance = new Entrance<Person>({
      env: this.env,
      limits: { maxHandshakes, maxHandshakesPerAddress, handshakeTimeoutMs: 5_000 },
      maxWaiting,
      deadlines: new Deadlines(this.env),
      enter: ({ name }) => {
        this.entered.push(name)
        this.enters(name)
      },
      refuse: ({ name }, { limit }: NetQueueError) => void this.refused.push([name, limit]),
    })
  }

  /** `a1` is somebody from `a`. */
  come(...names: string[]): void {
    for (const name of names) this.entrance.come(person(name))
  }

  leave(...names: string[]): void {
    for (const name of names) this.entrance.leave(person(name))
  }
}

const person = (name: string): Person => ({ name, origin: name.startsWith('?') ? undefined : name.slice(0, 1) })
const many = (origin: string, count: number): string[] =>
  Array.from({ length: count }, (_, index) => `${origin}${index}`)

describe('P8, fault 9: who may introduce itself now', () => {
  test('so many of one address enter, and so many at all; the next ones wait until somebody has left', () => {
    const door = new Door()
    door.come('a1', 'a2', 'a3', 'b1', 'b2', 'c1')
    expect(door.entered).toEqual(['a1', 'a2', 'b1', 'b2'])
    door.leave('b1')
    expect(door.entered.slice(4)).toEqual(['c1'])
    door.leave('a1')
    expect(door.entered.slice(5)).toEqual(['a3'])
    expect([door.entrance.inside, door.entrance.size]).toEqual([4, 0])
  })

  test('addresses take turns, however many wait from each', () => {
    const door = new Door({ maxHandshakes: 1 })
    door.come('a0', 'a1', 'a2', 'a3', 'b1', 'b2', 'c1')
    for (let left = 0; left < 6; left += 1) door.leave(door.entered.at(-1) as string)
    expect(door.entered).toEqual(['a0', 'a1', 'b1', 'c1', 'a2', 'b2', 'a3'])
  })

  test('a crowd from one address that never leaves costs the others nothing', () => {
    const door = new Door({ maxWaiting: 50 })
    door.come(...many('a', 1_000))
    door.come('b1', 'c1')
    expect(door.entered).toEqual(['a0', 'a1', 'b1', 'c1'])
    door.come('d1')
    door.leave('b1')
    expect(door.entered.at(-1)).toBe('d1')
  })

  test('thousands who leave as soon as they enter are served one after the other', () => {
    const door = new Door({ maxHandshakes: 1, maxWaiting: 100_000 })
    door.come('b1', ...many('a', 50_000))
    door.enters = (name) => name !== 'a49999' && door.leave(name)
    door.leave('b1')
    expect([door.entered.length, door.entrance.inside]).toEqual([50_001, 1])
  })

  test('whoever is from nowhere that can be told is counted with all, and not by address', () => {
    const door = new Door()
    door.come('?1', '?2', '?3', '?4', '?5')
    expect(door.entered).toHaveLength(4)
  })
})

describe('P7, P11: those who wait', () => {
  test('are refused when they had no turn in time, with the limit that kept them out', () => {
    const door = new Door()
    door.come('a1', 'a2', 'a3', 'b1', 'b2')
    door.env.advance(4_999)
    door.come('c1')
    expect(door.refused).toEqual([])
    door.env.advance(100)
    expect(door.refused).toEqual([['a3', 'maxHandshakesPerAddress']])
    door.env.advance(5_000)
    expect(door.refused.slice(1)).toEqual([['c1', 'maxHandshakes']])
    expect([door.entrance.size, door.env.timers]).toEqual([0, 0])
  })

  test('are not sent away all at once, so that others are heard in between, and whoever has its turn in between enters', () => {
    const door = new Door({ maxHandshakes: 1 })
    door.come('b0', ...many('a', 40))
    const counts: number[] = []
    door.env.afterPoll = (callback) => {
      counts.push(door.refused.length)
      if (counts.length === 2) door.leave('b0')
      door.env.setTimer(callback, 1)
    }
    door.env.advance(6_000)
    expect(counts).toEqual([0, 16, 31])
    expect([door.refused.length, door.entered]).toEqual([39, ['b0', 'a16']])
  })

  test('are so many at most: the last of those go who are more than the others', () => {
    const door = new Door({ maxHandshakes: 1, maxWaiting: 4 })
    door.come('a0', 'a1', 'a2', 'a3', 'a4', 'a5')
    expect(door.refused).toEqual([['a5', 'maxWaiting']])
    door.come('b1', 'b2', 'b3', 'c1')
    expect(door.refused.slice(1).map(([name]) => name)).toEqual(['a4', 'a3', 'b3', 'a2'])
    expect(door.entrance.size).toBe(4)
  })

  test('are all refused when it closes, and nothing is left', () => {
    const door = new Door()
    door.come(...many('a', 10))
    door.entrance.close({ limit: 'closed' } as NetQueueError)
    expect(door.refused).toHaveLength(8)
    door.leave('a0', 'a1')
    expect([door.entrance.inside, door.entrance.size, door.env.timers]).toEqual([0, 0, 0])
  })
})

test('whatever comes and goes: nobody is lost, limits hold, and nobody waits who could enter', () => {
  const steps = fc.array(fc.oneof(fc.constantFrom('a', 'b', 'c', '?'), fc.nat(20), fc.constant('later' as const)), {
    maxLength: 200,
  })
  fc.assert(
    fc.property(steps, (all) => {
      const door = new Door({ maxHandshakes: 3, maxWaiting: 5 })
      const inside = (): string[] => door.entered.filter((name) => !left.has(name))
      const left = new Set<string>()
      let came = 0
      for (const step of all) {
        if (step === 'later') door.env.advance(1_700)
        else if (typeof step === 'string') door.come(`${step}${(came += 1)}`)
        else {
          const name = inside()[step % Math.max(1, inside().length)]
          if (name === undefined) continue
          left.add(name)
          door.leave(name)
        }
        const now = inside()
        expect(now.length).toBe(door.entrance.inside)
        expect(now.length).toBeLessThanOrEqual(3)
        for (const origin of 'abc') expect(now.filter((name) => name.startsWith(origin)).length).toBeLessThanOrEqual(2)
        expect(door.entered.length + door.refused.length + door.entrance.size).toBe(came)
        expect(door.entrance.size).toBeLessThanOrEqual(5)
        // Those who still wait are from places that are full.
        const full = 'abc'.split('').filter((origin) => now.filter((name) => name.startsWith(origin)).length === 2)
        expect(now.length < 3 && full.length === 0 ? door.entrance.size : 0).toBe(0)
      }
    }),
    { numRuns: 300 },
  )
})

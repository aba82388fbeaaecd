import { describe, expect, test } from 'vitest'

import { Farewell, NEXT_HEARING, NEXT_SAYING } from './farewell.ts'
import type { Hearing, Saying } from './farewell.ts'

const SAYINGS = Object.keys(NEXT_SAYING) as Saying[]
const HEARINGS = Object.keys(NEXT_HEARING) as Hearing[]

/** The ways to each, the shortest. */
const SAID: Record<Saying, readonly Saying[]> = {
  open: [],
  leaving: ['leaving'],
  said: ['leaving', 'said'],
  taken: ['said', 'taken'],
  over: ['over'],
}
const HEARD: Record<Hearing, readonly Hearing[]> = {
  open: [],
  goodbye: ['goodbye'],
  silent: ['silent'],
  parted: ['goodbye', 'parted'],
}

function farewell(saying: Saying, hearing: Hearing): Farewell {
  const made = new Farewell()
  for (const step of HEARD[hearing]) made.hear(step)
  for (const step of SAID[saying]) made.say(step)
  return made
}

/** What comes of a step. */
function outcome(step: () => unknown, stand: () => string): string {
  try {
    step()
    return stand()
  } catch (error) {
    return (error as Error).message
  }
}

describe('what this side says', () => {
  for (const now of SAYINGS)
    for (const next of SAYINGS) {
      const isEdge = NEXT_SAYING[now].includes(next)
      test(`${now} -> ${next}: ${isEdge ? 'follows' : 'throws'}`, () => {
        const made = farewell(now, 'open')
        const said = outcome(
          () => made.say(next),
          () => made.saying,
        )
        expect(said).toBe(isEdge ? next : `Expected ${next} not to follow ${now}`)
      })
    }
})

describe('what is heard of the other side', () => {
  for (const now of HEARINGS)
    for (const next of HEARINGS) {
      const isEdge = NEXT_HEARING[now].includes(next)
      test(`${now} -> ${next}: ${isEdge ? 'follows' : 'throws'}`, () => {
        const made = farewell('open', now)
        const heard = outcome(
          () => made.hear(next),
          () => made.hearing,
        )
        expect(heard).toBe(isEdge ? next : `Expected ${next} not to follow ${now}`)
      })
    }
})

test('it is over when our last words were taken and nothing more is heard, in either order, and not before', () => {
  for (const saying of SAYINGS)
    for (const hearing of HEARINGS) {
      const isOver = saying === 'over' || (saying === 'taken' && (hearing === 'silent' || hearing === 'parted'))
      expect([saying, hearing, farewell(saying, hearing).isOver]).toEqual([saying, hearing, isOver])
    }
  const last = farewell('taken', 'goodbye')
  last.hear('parted')
  expect([last.isOver, last.hasHeard, farewell('taken', 'silent').hasHeard]).toEqual([true, true, false])
})

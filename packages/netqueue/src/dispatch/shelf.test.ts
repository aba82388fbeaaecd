import fc from 'fast-check'
import { describe, expect, test } from 'vitest'

import { Worker } from '../../test/support/workers.ts'
import { Entry } from '../delivery/entry.ts'
import { Seat } from './seat.ts'
import { Shelf } from './shelf.ts'

const SEATS = 3

/** An item is a number: the client of a place takes it if its bit there is set. */
const takes = (place: number, { item }: Entry): boolean => (((item as number) >> place) & 1) === 1

function seatOf(place: number): Seat<Worker> {
  const worker = new Worker(String(place))
  worker.canCarry = (entry) => takes(place, entry)
  return new Seat(worker)
}

/** The same, by looking through everything each time. */
class Model {
  readonly entries: Entry[] = []
  readonly seen: Set<Entry>[] = Array.from({ length: SEATS }, () => new Set())

  find(place: number): Entry | undefined {
    const seen = this.seen[place] as Set<Entry>
    for (const entry of this.entries) {
      if (seen.has(entry)) continue
      if (takes(place, entry)) return entry
      seen.add(entry)
    }
    return undefined
  }
}

interface Look {
  kind: 'find' | 'take' | 'skip' | 'forget'
  place: number
}

type Step = { kind: 'add' | 'delete'; value: number } | Look

const place = fc.nat({ max: SEATS - 1 })
const step: fc.Arbitrary<Step> = fc.oneof(
  { weight: 4, arbitrary: fc.record({ kind: fc.constant('add' as const), value: fc.nat({ max: 7 }) }) },
  { weight: 2, arbitrary: fc.record({ kind: fc.constant('delete' as const), value: fc.nat() }) },
  { weight: 4, arbitrary: fc.record({ kind: fc.constantFrom('find' as const, 'take' as const), place }) },
  { weight: 1, arbitrary: fc.record({ kind: fc.constantFrom('skip' as const, 'forget' as const), place }) },
)

describe('a shelf', () => {
  test('P11: gives each client the first entry that it can be given, whatever comes, leaves and is found meanwhile', () => {
    fc.assert(
      fc.property(fc.array(step, { minLength: 1, maxLength: 300 }), (steps) => {
        const shelf = new Shelf<Worker>()
        const model = new Model()
        const seats = Array.from({ length: SEATS }, (_, index) => seatOf(index))
        const leave = (entry: Entry | undefined): void => {
          if (entry === undefined) return
          shelf.delete(entry)
          model.entries.splice(model.entries.indexOf(entry), 1)
        }
        const look = ({ kind, place: index }: Look): (Entry | undefined)[] => {
          const seat = seats[index] as Seat<Worker>
          if (kind === 'find' || kind === 'take') return [shelf.find(seat), model.find(index)]
          if (kind === 'forget') shelf.forget(seat)
          else shelf.skip(seat)
          model.seen[index] = new Set(kind === 'forget' ? [] : model.entries)
          return []
        }
        for (const each of steps) {
          const [found, expected] = 'place' in each ? look(each) : []
          expect(found).toBe(expected)
          if (each.kind === 'take') leave(found)
          else if (each.kind === 'delete') leave(model.entries[each.value % model.entries.length])
          else if (each.kind === 'add') {
            const entry = new Entry(each.value, new Uint8Array(0))
            shelf.add(entry)
            model.entries.push(entry)
          }
          expect([...shelf]).toEqual(model.entries)
          expect(shelf.size).toBe(model.entries.length)
        }
      }),
    )
  })

  test('P8: is looked at once by each client, and once more at what it found', () => {
    const shelf = new Shelf<Worker>()
    const [some, all] = [seatOf(0), seatOf(1)]
    const add = (value: number): void => shelf.add(new Entry(value, new Uint8Array(0)))
    for (const value of [0, 0]) add(value)
    for (let count = 0; count < 1_000; count += 1) add(count < 500 ? 2 : 3)
    for (let count = 0; count < 500; count += 1) shelf.delete(shelf.find(some) as Entry)
    expect([some.candidate.client.visits, shelf.find(some), shelf.size]).toEqual([502 + 500, undefined, 502])
    for (let count = 0; count < 500; count += 1) shelf.delete(shelf.find(all) as Entry)
    expect([all.candidate.client.visits, shelf.find(all), shelf.size]).toEqual([502, undefined, 2])
  })
})

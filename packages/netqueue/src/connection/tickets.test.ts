import { describe, expect, test } from 'vitest'
import type { Applicant, Ticket } from '../protocol/handshake.ts'
import { Tickets } from './tickets.ts'

const ticket = (secret: string, session = 'its own'): Ticket => ({ session, secret, resumeMs: 1_000 })
const all = Array.from({ length: 12 }, (_, index) => ticket(String(index)))
const at = (index: number): Ticket => all[index] as Ticket

/** Whoever has one of them. */
const holder = (own: Ticket): Applicant => ({
  id: 'a client',
  resume: { session: own.session, batches: 0, proves: ({ secret }) => secret === own.secret },
})

describe('a client proves that a session is its own', () => {
  test('by the ticket that it was given last, and by no other', () => {
    const tickets = new Tickets(at(0))
    expect(tickets.provenBy(holder(at(0)))).toBe(at(0))
    expect(tickets.provenBy(holder(at(1)))).toBeUndefined()
    expect(tickets.provenBy({ id: 'a client' })).toBeUndefined()
    expect(tickets.provenBy(holder(ticket('0', 'another one')))).toBeUndefined()
  })

  test('by the one before, until it has heard of the last', () => {
    const tickets = new Tickets(at(0))
    tickets.renew(at(1), at(0))
    expect([0, 1].map((index) => tickets.provenBy(holder(at(index))))).toEqual([at(0), at(1)])
    tickets.heard()
    expect([0, 1].map((index) => tickets.provenBy(holder(at(index))))).toEqual([undefined, at(1)])
  })

  test('when an attempt that it gave up is let in after one that it goes on with: each of the tickets since counts', () => {
    const tickets = new Tickets(at(0))
    tickets.renew(at(1), at(0)) // the client goes on with this one, and nothing that it says arrives
    tickets.renew(at(2), at(0)) // which it had made before
    expect(tickets.provenBy(holder(at(1)))).toBe(at(1))
    tickets.renew(at(3), at(1))
    expect([0, 1, 2, 3].map((index) => tickets.provenBy(holder(at(index))))).toEqual([undefined, at(1), at(2), at(3)])
  })

  test('by one of eight at most: the one that it is known to have had, and the last', () => {
    const tickets = new Tickets(at(0))
    for (const next of all.slice(1)) tickets.renew(next, at(0))
    const proven = all.filter((each) => tickets.provenBy(holder(each)) === each)
    expect(proven).toEqual([at(0), ...all.slice(-7)])
  })

  test('by that of the session before, whose place this one took', () => {
    const tickets = new Tickets(at(1))
    tickets.follow(ticket('0', 'the one before'))
    expect(tickets.provenBy(holder(ticket('0', 'the one before')))).toEqual(ticket('0', 'the one before'))
    tickets.heard()
    expect(tickets.provenBy(holder(ticket('0', 'the one before')))).toBeUndefined()
  })
})

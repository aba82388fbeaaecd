/** What must hold, whatever fails: promises (P) of the library's design, and what follows from them (I). */
export const INVARIANTS = {
  P1: 'an item whose call says that it is not delivered, or that was cancelled, is not handed out',
  P3: 'a loop that is left settles nothing',
  P4: 'a settle does not overtake what its side put before, and each item is settled once',
  P7: 'nothing is thrown where nobody can catch it',
  P12: 'no timer is left where everything was closed',
  I1: 'no item is missing whose put resolved',
  I2: 'what is settled is not delivered again',
  I3: 'what is delivered was put like that',
  I4: 'an item has one holder at a time',
  I5: 'items come in order, and those that came back go first',
  I6: 'the books balance: idle, undone, dead letters, backlog',
  I7: 'limits hold, and neither side refuses what the other sends',
  I8: 'nothing is sent beyond what was granted, and nothing granted beyond what there is room for',
  I9: 'each attempt is counted',
  I11: 'every call settles',
  I12: 'everything comes to its end',
  I13: 'every request comes to one end: a value, what its handler failed with, or a code that is right',
  I14: 'a handler gets what was asked, and a value is the one that it gave for that',
  I15: 'a request is begun at most once, and not at all where its call says that it is not delivered',
  I16: 'a handler is told when nobody waits for it any more, and not before',
  I17: 'the chunks of a stream come in order, each once, and all of them where it ends well',
  I18: 'no more requests, chunks and bytes are under way than were granted',
  I19: 'requests of one channel begin in order, and no more at once than their handler takes',
  I20: 'messages of one sender come in order, each at most once, to those whom they are for; what is lost is counted',
  I21: 'in the end no request is open, no handler at work, no source left open, and every place is free again',
  I22: 'what is said of requests and messages is what docs/protocol.md allows',
  I23: 'nothing but what has a reason is warned about',
  I24: 'a session goes on where it was: each batch is taken once, in order, and is the same when it is sent again',
  I25: 'a session ends with a goodbye, or when its time is up, and neither before nor after',
  I26: 'a connection is given up for silence only after two heartbeats in which nothing came, and nothing waits to be read',
  I27: 'clients that are lost at the same time do not come back at the same time',
  I28: 'who was refused for good does not knock again, and who can come back does not give up',
  I29: 'an item that is not settled in its time is taken back, and none before',
  I30: 'what is said at one end of a tree of an item was so at the other',
  I31: 'a relay gives on what it has, no more than its slack waits in it, and what it has not any more it takes back',
  I32: 'credit is what the leaves of a tree can take: all of it comes to the root, and goes when they do',
  I33: 'what is for one node of a tree comes to that node, and the root knows of each',
  I34: 'a leaf that stands still, and what waits for it, keep nothing from the others',
  determinism: 'the same seed gives the same world',
} as const

export type Invariant = keyof typeof INVARIANTS

/** Tells of what does not hold. */
export type Check = (isTrue: boolean, invariant: Invariant, message: string) => void
export type Violate = (invariant: Invariant, message: string) => void

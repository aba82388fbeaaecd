import type * as netqueue from '../../src/index.ts'

/** What the suite uses of the library, as the runtime that is tested has loaded it. */
export type Library = Pick<typeof netqueue, 'connect' | 'defineMessages' | 'listen' | 'type'>

/** Names of what a client may ask of its counterpart; see counterpart.ts. */
export function messagesOf({ defineMessages, type }: Library) {
  return defineMessages({
    /** Puts items to whoever asks; answers when all are assigned. */
    'items:give': { payload: type<readonly unknown[]>(), reply: type<number>() },
    /** Submits items to whoever asks; answers with what became of each. */
    'items:ask': { payload: type<readonly unknown[]>(), reply: type<readonly Answered[]>() },
    /** So many items that whoever asks has put, in order, long ones as their digest (checks.ts); waits for them. */
    'items:taken': { payload: type<number>(), reply: type<readonly unknown[]>() },
    'any:echo': { payload: type<unknown>(), reply: type<unknown>() },
    /** Fails with this code. */
    'any:fail': { payload: type<string>(), reply: type<never>() },
    /** Never answers; `calls:cancelled` tells how many of these were cancelled. */
    'any:wait': { payload: type<null>(), reply: type<never>() },
    'calls:cancelled': { payload: type<null>(), reply: type<number>() },
    /** Streams 1, 2, 3 … as far as it is read, and `counted` tells how far that was. */
    'any:count': { payload: type<number>(), reply: type<number>() },
    'any:counted': { payload: type<null>(), reply: type<number>() },
    /** The sum of the numbers that come along. */
    'any:sum': { payload: type<null>(), reply: type<number>(), body: type<number>() },
    /** Reads one chunk of what comes along, and then waits until it is cancelled. */
    'any:ignore': { payload: type<null>(), reply: type<never>(), body: type<Uint8Array>() },
    /** Asks the client that asks to double a number, and answers with what that says. */
    'me:ask': { payload: type<number>(), reply: type<number>() },
    'me:double': { payload: type<number>(), reply: type<number>() },
    /** Sends whoever asks the message `news`; `all` sends it to everybody. */
    'me:tell': { payload: type<{ text: string; all: boolean }>(), reply: type<number>() },
    'any:news': { payload: type<string>() },
    /** Messages of whoever asks; waits for so many. */
    'any:note': { payload: type<string>() },
    'notes:heard': { payload: type<number>(), reply: type<readonly string[]>() },
    /** The tags and the status of whoever asks. */
    'me:who': { payload: type<null>(), reply: type<{ id: string; tags: readonly string[]; status: unknown }>() },
    /** Loses the connection of whoever sends it, as when a cable is pulled. */
    'me:lose': { payload: type<null>() },
  })
}

export type App = ReturnType<typeof messagesOf>

/** What became of an item that was submitted. */
export interface Answered {
  value?: unknown
  code?: string
  remoteCode?: string
}

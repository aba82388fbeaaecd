import { once } from 'node:events'
import { expect, test } from 'vitest'
import { host, takeInput } from './host.ts'

const turn = (): Promise<void> => new Promise((resolve) => host.afterPoll(resolve))

test('the end of a turn comes behind all promises, for everybody in order, and before the event loop goes on', async () => {
  const seen: string[] = []
  host.afterPoll(() => seen.push('poll'))
  host.afterTurn(() => {
    seen.push('first')
    host.afterTurn(() => seen.push('third'))
  })
  host.afterTurn(() => seen.push('second'))
  const promises = async (): Promise<void> => {
    for (let count = 0; count < 20; count += 1) await Promise.resolve()
    seen.push('promises')
  }
  await Promise.all([promises(), turn()])
  expect(seen).toEqual(['promises', 'first', 'second', 'third', 'poll'])
})

test('one who throws at the end of a turn keeps nobody else from it', async () => {
  const seen: string[] = []
  const listeners = process.listeners('uncaughtException')
  process.removeAllListeners('uncaughtException')
  const thrown = once(process, 'uncaughtException')
  host.afterTurn(() => seen.push('first'))
  host.afterTurn(() => {
    throw new Error('mine')
  })
  host.afterTurn(() => seen.push('third'))
  const [error] = await thrown
  for (const listener of listeners) process.on('uncaughtException', listener)
  await turn()
  expect([(error as Error).message, seen]).toEqual(['mine', ['first', 'third']])
})

test('what follows from a piece that came in comes behind it and before all promises; what that brings about waits for the end of the turn', async () => {
  const seen: string[] = []
  const note = (what: string): void => host.afterInput(() => seen.push(what))
  const inner = {
    onPiece(piece: string): void {
      seen.push(piece)
      note(`behind ${piece}`)
    },
  }
  const outer = {
    onPiece(piece: string): void {
      void Promise.resolve().then(() => seen.push('promise'))
      host.afterTurn(() => seen.push('turn'))
      note('first')
      takeInput(inner, 'inner')
      host.afterInput(() => {
        note('brought about')
        takeInput(inner, 'late')
      })
      seen.push(piece)
    },
  }
  takeInput(outer, 'outer')
  const early = ['inner', 'outer', 'first', 'behind inner', 'late']
  expect(seen).toEqual(early)
  await turn()
  expect(seen).toEqual([...early, 'promise', 'turn', 'brought about', 'behind late'])
})

test('where no piece is being looked at, that comes at the end of the turn', async () => {
  const seen: string[] = []
  host.afterInput(() => seen.push('input'))
  await Promise.resolve().then(() => seen.push('promise'))
  await turn()
  expect(seen).toEqual(['promise', 'input'])
})

test('a piece whose taker throws is over all the same', async () => {
  const seen: string[] = []
  const taker = {
    onPiece(): void {
      host.afterInput(() => seen.push('behind'))
      throw new Error('mine')
    },
  }
  expect(() => takeInput(taker, 'piece')).toThrow('mine')
  expect(seen).toEqual(['behind'])
  host.afterInput(() => seen.push('later'))
  expect(seen).toEqual(['behind'])
  await turn()
  expect(seen).toEqual(['behind', 'later'])
})

test('one who throws behind a piece keeps nobody else from it, and the next piece is as any other', async () => {
  const seen: string[] = []
  const taker = {
    onPiece(callbacks: readonly (() => void)[]): void {
      for (const callback of callbacks) host.afterInput(callback)
    },
  }
  const fails = (): never => {
    throw new Error('mine')
  }
  expect(() => takeInput(taker, [fails, () => seen.push('second')])).toThrow('mine')
  takeInput(taker, [() => seen.push('next piece')])
  expect(seen).toEqual(['next piece'])
  await turn()
  expect(seen).toEqual(['next piece', 'second'])
})

test('a timer keeps the process alive as long as it is held', () => {
  const active = (): number => process.getActiveResourcesInfo().filter((name) => name === 'Timeout').length
  const before = active()
  const timer = host.setTimer(() => {}, 60_000)
  const counts = [active()]
  for (const isHeld of [false, false, true]) {
    timer.hold?.(isHeld)
    counts.push(active())
  }
  timer.cancel()
  expect([...counts, active()].map((count) => count - before)).toEqual([1, 0, 0, 1, 0])
})

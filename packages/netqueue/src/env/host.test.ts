import { once } from 'node:events'
import { expect, test } from 'vitest'
import { host } from './host.ts'

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

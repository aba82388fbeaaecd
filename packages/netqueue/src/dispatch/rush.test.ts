import { expect, test } from 'vitest'
import { Rush } from './rush.ts'

test('a rush begins with the 256th item of a turn of the event loop and ends with that turn; one callback for a turn, and none for a few items', () => {
  const turns: (() => void)[] = []
  let ended = 0
  const rush = new Rush({ afterPoll: (callback) => void turns.push(callback) }, () => (ended += 1))
  const come = (items: number): void => {
    for (let item = 0; item < items; item += 1) rush.came()
  }
  come(63)
  expect([turns.length, rush.isOn]).toEqual([0, false])
  come(192)
  expect([turns.length, rush.isOn]).toEqual([1, false])
  come(1)
  expect([turns.length, rush.isOn]).toEqual([1, true])
  turns[0]?.()
  expect([ended, rush.isOn]).toEqual([1, false])
})

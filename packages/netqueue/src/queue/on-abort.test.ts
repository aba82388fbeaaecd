import { expect, test, vi } from 'vitest'

import { onAbort } from './on-abort.ts'

test('a signal that many calls share has one listener, and none when the last has called it off', () => {
  const { signal } = new AbortController()
  const add = vi.spyOn(signal, 'addEventListener')
  const remove = vi.spyOn(signal, 'removeEventListener')
  const off = Array.from({ length: 100 }, () => onAbort(signal, () => {}))
  expect(add).toHaveBeenCalledTimes(1)
  for (const callOff of off.slice(1)) callOff()
  expect(remove).not.toHaveBeenCalled()
  off[0]?.()
  expect(remove).toHaveBeenCalledTimes(1)
  onAbort(signal, () => {})
  expect(add).toHaveBeenCalledTimes(2)
})

test('all callbacks are called once, in order, but not those that were called off', () => {
  const controller = new AbortController()
  const called: string[] = []
  onAbort(controller.signal, () => called.push('a'))
  const callOff = onAbort(controller.signal, () => called.push('b'))
  onAbort(controller.signal, () => called.push('c'))
  callOff()
  controller.abort()
  expect(called).toEqual(['a', 'c'])
})

test('a callback may call itself off while it is called, twice over', () => {
  const controller = new AbortController()
  let calls = 0
  const callOff = onAbort(controller.signal, () => {
    calls += 1
    callOff()
  })
  controller.abort()
  callOff()
  expect(calls).toBe(1)
})

import { expect, test } from 'vitest'

import { failureOf } from '../../test/support/outcome.ts'
import { VirtualEnv } from '../../test/support/virtual-env.ts'
import { LinkedList, unlink } from './linked-list.ts'
import { Waiter } from './waiter.ts'

/** A call with a signal, and how often it was withdrawn. */
function called(controller: AbortController): { waiter: Waiter<void>; withdrawn: () => number } {
  let count = 0
  const waiter = new Waiter<void>({
    env: new VirtualEnv(),
    wait: { signal: controller.signal },
    timedOut: () => new Error('late'),
    withdrawn: () => (count += 1),
  })
  return { waiter, withdrawn: () => count }
}

test('P11: a call whose signal had fired before rejects with its reason', async () => {
  const controller = new AbortController()
  controller.abort(new Error('enough'))
  const { waiter, withdrawn } = called(controller)
  expect([await failureOf(waiter.promise), waiter.settled, withdrawn()]).toEqual([new Error('enough'), true, 1])
})

test('P11: a call that is called off leaves its line', async () => {
  const controller = new AbortController()
  const { waiter, withdrawn } = called(controller)
  const line = new LinkedList<Waiter<void>>()
  line.push(waiter)
  controller.abort(new Error('enough'))
  expect([await failureOf(waiter.promise), line.first, withdrawn()]).toEqual([new Error('enough'), undefined, 1])
})

test('P11: a call that is called off behind its turn is not withdrawn a second time', async () => {
  const controller = new AbortController()
  const { waiter, withdrawn } = called(controller)
  new LinkedList<Waiter<void>>().push(waiter)
  unlink(waiter)
  controller.abort(new Error('enough'))
  expect([await failureOf(waiter.promise), withdrawn()]).toEqual([new Error('enough'), 0])
})

import { expectTypeOf, test } from 'vitest'

import { defineMessages, listen, type } from '../src/index.ts'
import { spawnWorkers } from '../src/workers/workers.ts'
import type { WorkerExit, Workers, WorkersOptions, WorkerStateChange } from '../src/workers/workers.ts'

test('any server may have local workers, whatever its items and messages are', async () => {
  const messages = defineMessages({ 'math:add': { payload: type<number[]>(), reply: type<number>() } })
  const server = await listen<number, string, typeof messages>(undefined, { messages })
  expectTypeOf(spawnWorkers('worker.js', { server })).resolves.toEqualTypeOf<Workers>()
})

test('a change of state has what belongs to that state', () => {
  expectTypeOf<Extract<WorkerStateChange, { state: 'waiting' }>>().toExtend<{ exit: WorkerExit; delayMs: number }>()
  expectTypeOf<WorkersOptions['kind']>().toEqualTypeOf<'process' | 'thread' | undefined>()
})

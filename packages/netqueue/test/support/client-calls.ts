import type { Client } from '../../src/index.ts'
import type { App } from './talking.ts'
import { CONSUMING, first } from './traits.ts'

/** Every call of a client, and what it makes of its answer. */
export const CALLS: Record<string, (client: Client<string, string, App>) => unknown> = {
  'put(x)': (c) => c.put('x'),
  'tryPut(x)': (c) => c.tryPut('x'),
  'putAll([x])': (c) => c.putAll(['x']),
  'putAll([])': (c) => c.putAll([]),
  'sink([x])': (c) => c.sink(['x']),
  'setStatus(x)': (c) => c.setStatus('x'),
  'request()': (c) => c.request('any:ask', 'x'),
  'call()': async (c) => (await c.call('any:ask', 'x')).value,
  'stream()': (c) => first(c.stream('any:ask', 'x')),
  'send()': (c) => c.send('news:flash', 'x'),
  'sendEncoded()': (c) => c.sendEncoded('news:flash', Uint8Array.of(0xa0)),
  'endRequests()': (c) => c.endRequests(),
  'handle()': (c) => c.handle('any:ask', () => {}),
  'messages()': (c) => first(c.messages('news:flash')),
  'on() of a message': (c) => c.on('news:flash', () => {}),
  ...CONSUMING,
  'on()': (c) => c.on('status', () => {}),
  'events()': (c) => first(c.events('status')),
  'ticks()': (c) => first(c.ticks(10)),
  'close()': (c) => c.close(),
  asyncDispose: (c) => c[Symbol.asyncDispose](),
  closed: async (c) => (await c.closed).error?.code ?? 'no error',
  state: (c) => c.state,
  'states()': async (c) => {
    const { value } = await c.states().next()
    return value?.state
  },
}

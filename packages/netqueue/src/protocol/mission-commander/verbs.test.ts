import { expect, expectTypeOf, test } from 'vitest'

import { eventNamed } from './verbs.ts'

test('a verb names its event however it is spelt, and its type does', () => {
  expect([eventNamed('on_connect'), eventNamed('ConNEct'), eventNamed('onCon-nect'), eventNamed('onConnect')]).toEqual(
    Array.from({ length: 4 }, () => 'connect'),
  )
  expectTypeOf(eventNamed('onCon-nect')).toEqualTypeOf<'connect'>()
  expectTypeOf(eventNamed('On_Server-Shut_Down')).toEqualTypeOf<'goaway'>()
})

test('each verb of the original but that of its messages has its event', () => {
  const verbs = ['connect', 'disconnect', 'reconnect', 'servershutdown', 'statechange'] as const
  expect(verbs.map((verb) => eventNamed(verb))).toEqual(['connect', 'disconnect', 'connect', 'goaway', 'state'])
})

test('what is no verb is a TypeError, and does not compile', () => {
  // @ts-expect-error messages are listened to by their subjects
  expect(() => eventNamed('message')).toThrow(TypeError)
  // @ts-expect-error of Object, and of nobody else
  expect(() => eventNamed('constructor')).toThrow(TypeError)
  // @ts-expect-error one `on` is enough
  expect(() => eventNamed('on-on-connect')).toThrow(TypeError)
  const spelt: string = 'on-connect'
  expectTypeOf(eventNamed(spelt)).toEqualTypeOf<'connect' | 'disconnect' | 'goaway' | 'state'>()
})

import { expect, expectTypeOf, test } from 'vitest'

import { missionEvent } from './verbs.ts'

test('a verb names its event however it is spelt, and its type does', () => {
  expect([
    missionEvent('on_connect'),
    missionEvent('ConNEct'),
    missionEvent('onCon-nect'),
    missionEvent('onConnect'),
  ]).toEqual(Array.from({ length: 4 }, () => 'connect'))
  expectTypeOf(missionEvent('onCon-nect')).toEqualTypeOf<'connect'>()
  expectTypeOf(missionEvent('On_Server-Shut_Down')).toEqualTypeOf<'goaway'>()
})

test('each verb of the original but that of its messages has its event', () => {
  const verbs = ['connect', 'disconnect', 'reconnect', 'servershutdown', 'statechange'] as const
  expect(verbs.map((verb) => missionEvent(verb))).toEqual(['connect', 'disconnect', 'connect', 'goaway', 'state'])
})

test('what is no verb is a TypeError, and does not compile', () => {
  // @ts-expect-error messages are listened to by their subjects
  expect(() => missionEvent('message')).toThrow(TypeError)
  // @ts-expect-error of Object, and of nobody else
  expect(() => missionEvent('constructor')).toThrow(TypeError)
  // @ts-expect-error one `on` is enough
  expect(() => missionEvent('on-on-connect')).toThrow(TypeError)
  const spelt: string = 'on-connect'
  expectTypeOf(missionEvent(spelt)).toEqualTypeOf<'connect' | 'disconnect' | 'goaway' | 'state'>()
})

import { expect, test } from 'vitest'

import { PacketmqWriter } from './writer.ts'

const payload = new Uint8Array(20_000)

test('what is said together leaves together, up to 60 KiB; what is longer leaves alone', () => {
  const writer = new PacketmqWriter(undefined)
  let due = [payload.length, payload.length, payload.length, payload.length, 90_000, 1].map(
    (length) => new Uint8Array(length),
  )
  const leave = (): number | undefined =>
    writer.next((to) => {
      while (due[0] !== undefined && to.message({ name: 16, headers: undefined, payload: due[0] })) due = due.slice(1)
    })?.length
  expect([leave(), leave(), leave(), leave(), leave()]).toEqual([60_018, 20_006, 90_006, 7, undefined])
})

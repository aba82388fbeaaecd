import { expect, test } from 'vitest'
import type { Headers } from '../../message/headers.ts'
import { fulfil } from './fulfil.ts'
import type { Fulfilment } from './fulfil.ts'

async function answer(fulfilment: Fulfilment | Promise<Fulfilment>): Promise<[Headers | undefined, string]> {
  let headers: Headers | undefined
  const handler = fulfil(() => fulfilment)
  const payload = await handler(undefined, { setHeaders: (given) => (headers = given) })
  return [headers, new TextDecoder().decode(payload)]
}

test.each<[string, Fulfilment, [Headers | undefined, string]]>([
  ['nothing', undefined, [undefined, '']],
  ['flags', 5, [{ flags: '5' }, '']],
  ['bytes', Uint8Array.of(97, 98), [undefined, 'ab']],
  ['text', 'héllo', [undefined, 'héllo']],
  ['flags and bytes', [17, Uint8Array.of(97)], [{ flags: '17' }, 'a']],
  ['flags and text', [0, 'a'], [{ flags: '0' }, 'a']],
])('a handler may answer with %s', async (_, given, expected) => {
  expect(await answer(given)).toEqual(expected)
  expect(await answer(Promise.resolve(given))).toEqual(expected)
})

test.each([[{}], [[1]], [['a', 1]], [[1, 2]], [null]])('a handler that answers with %j has failed', async (given) => {
  await expect(answer(given as unknown as Fulfilment)).rejects.toThrow(TypeError)
})

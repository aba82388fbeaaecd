import { describe, expect, test } from 'vitest'

import { batch, ending, hears, ID, RECORD, Siege, TABLE, times } from './support/attackers.ts'
import { until } from './support/nodes.ts'
import { frame, FRAME, hello, RawPeer, welcome } from './support/raw-peer.ts'
import { bytes } from './support/records.ts'

const { request, message } = RECORD
const many = (count: number): Record<string, unknown> =>
  Object.fromEntries(Array.from({ length: count }, (_, index) => [`m${index}`, [16 + index]]))
const named = (name: string): Record<string, unknown> => ({ [name]: [16] })

describe('29: messages of an introduction', () => {
  test.each<[string, string, unknown]>([
    ['a list', 'BAD_MESSAGE', []],
    ['null', 'BAD_MESSAGE', null],
    ['a row that is none', 'BAD_MESSAGE', { a: 16 }],
    ['an empty row', 'BAD_MESSAGE', { a: [] }],
    ['id 15', 'BAD_MESSAGE', { a: [15] }],
    ['id 65,536', 'BAD_MESSAGE', { a: [65_536] }],
    ['id 16.5', 'BAD_MESSAGE', { a: [16.5] }],
    ['an id that is a text', 'BAD_MESSAGE', { a: ['16'] }],
    ['an id twice', 'BAD_MESSAGE', { a: [16], b: [16] }],
    ['a reply that is neither there nor not', 'BAD_MESSAGE', { a: [16, 2] }],
    ['a codec without a name', 'BAD_MESSAGE', { a: [16, 0, ''] }],
    ['a codec with a space', 'BAD_MESSAGE', { a: [16, 0, 'x y'] }],
    ['a codec of 129 letters', 'BAD_MESSAGE', { a: [16, 0, 'x'.repeat(129)] }],
    ['no name', 'BAD_MESSAGE', named('')],
    ['a name of 129 bytes', 'BAD_MESSAGE', named('x'.repeat(129))],
    ['a name of 65 letters of two bytes', 'BAD_MESSAGE', named('é'.repeat(65))],
    ['a line end in a name', 'BAD_MESSAGE', named('a\nb')],
    ['half of a surrogate pair in a name', 'BAD_MESSAGE', named('\ud800')],
    ['1,025 messages', 'BAD_MESSAGE', many(1_025)],
    ['a reply where we have none', 'MESSAGES_MISMATCH', { 'news:any': [23, 1] }],
    ['another codec', 'MESSAGES_MISMATCH', { 'news:any': [23, 0, 'xml'] }],
  ])('%s: %s, and nobody else notices', async (_, code, announced) => {
    await using siege = await Siege.lay({ limits: { maxHelloBytes: 65_536 } })
    const peer = await introduced(siege, announced)
    expect(await siege.while(ending(peer))).toMatchObject({ code })
    peer.cut()
  })

  test('a name in no UTF-8 is BAD_MESSAGE: two names must not become one', async () => {
    await using siege = await Siege.lay()
    const peer = await RawPeer.dial(siege.server.address)
    const [before = '', behind = ''] = welcome('bad', { messages: named('X') }).split('X')
    peer.send(frame(FRAME.CONN, hello('bad')), frame(FRAME.WELCOME, bytes(before, 0xff, behind)))
    expect(await ending(peer)).toMatchObject({ code: 'BAD_MESSAGE' })
    peer.cut()
  })

  test('thousands of messages are FRAME_TOO_LARGE unless this side takes such introductions, and then 1,024 are taken', async () => {
    await using siege = await Siege.lay()
    const refused = await introduced(siege, many(1_024))
    expect(await ending(refused)).toMatchObject({ code: 'FRAME_TOO_LARGE', limit: 'maxHelloBytes' })
    refused.cut()
    await using other = await Siege.lay({ limits: { maxHelloBytes: 65_536 } })
    const peer = await introduced(other, many(1_024))
    await until(() => other.server.clients.length === 2)
    peer.send(batch(message(16 + 1_023), request(1, ID['any:echo'])))
    expect(await hears(peer, 'refusal')).toMatchObject([{ code: 'UNKNOWN_REQUEST' }])
    peer.cut()
    await until(() => other.server.clients.length === 1)
  })

  test('26: names that objects have are names like others', async () => {
    await using siege = await Siege.lay()
    const names = ['__proto__', 'constructor', 'toString', 'hasOwnProperty', 'then']
    const rows = names.map((name, index) => `${JSON.stringify(name)}:[${100 + index},1]`).join()
    const peer = await RawPeer.dial(siege.server.address)
    const [before = '', behind = ''] = welcome('bad', { messages: 'X' }).split('"X"')
    peer.send(frame(FRAME.CONN, hello('bad')), frame(FRAME.WELCOME, `${before}{${rows}}${behind}`))
    await until(() => siege.server.clients.length === 2)
    peer.send(batch(times(names.length, (n) => request(n + 1, 100 + n))))
    const refused = await hears(peer, 'refusal', names.length)
    expect(new Set(refused.map(({ code }) => code))).toEqual(new Set(['UNKNOWN_REQUEST']))
    peer.cut()
    await until(() => siege.server.clients.length === 1)
  })

  test('what is asked by the name of a message, and told by that of a request, has no answer and no listener', async () => {
    await using siege = await Siege.lay()
    const peer = await siege.attacker()
    peer.send(batch(message(ID['any:never']), request(1, ID['news:any']), request(2, ID['any:echo'])))
    expect(await hears(peer, 'refusal')).toMatchObject([{ tag: 1, code: 'UNKNOWN_REQUEST' }])
    expect(siege.begun).toEqual([])
  })
})

/** Somebody who announces those messages. */
async function introduced({ server }: Siege, announced: unknown): Promise<RawPeer> {
  const peer = await RawPeer.dial(server.address)
  const limits = { frameBytes: 65_536, itemBytes: 32_768, unsettled: 1_024 }
  peer.send(frame(FRAME.CONN, hello('bad')), frame(FRAME.WELCOME, welcome('bad', { limits, messages: announced })))
  return peer
}

test('ids hold as the table says: without `adapt` each side has its own', async () => {
  await using siege = await Siege.lay()
  const peer = await siege.attacker('bad', { messages: { ...TABLE, 'any:echo': [500, 1] } })
  peer.send(batch(request(1, 500)))
  expect(await hears(peer, 'response')).toMatchObject([{ tag: 1 }])
  peer.send(batch(request(2, ID['any:echo'])))
  expect(await ending(peer)).toMatchObject({ code: 'BAD_MESSAGE' })
})

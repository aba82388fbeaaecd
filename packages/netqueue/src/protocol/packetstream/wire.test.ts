import { describe, expect, test } from 'vitest'
import { bytes } from '../../message/codec.ts'
import { type } from '../../message/definition.ts'
import { defineMessages } from '../../message/messages.ts'
import { ownMessages } from '../../message/registry.ts'
import { limitsFrom } from '../../options/limits.ts'
import type { Limits } from '../../options/limits.ts'
import type { Role } from '../handshake.ts'
import type { Message, Writer } from '../message.ts'
import type { Wire } from '../wire.ts'
import { packetstream } from './packetstream.ts'

const messages = defineMessages({
  ask: { payload: type<Uint8Array>(), reply: type<Uint8Array>(), codec: bytes() },
  tell: { payload: type<Uint8Array>(), codec: bytes() },
})

function wireOf(role: Role = 'server', limits: Partial<Limits> = {}): Wire {
  const introduction = {
    id: role,
    item: 'bytes',
    result: 'bytes',
    tags: [],
    status: undefined,
    nonce: new Uint8Array(16),
    messages: ownMessages({ messages }),
  }
  const protocol = packetstream({ types: { ask: 0, tell: 1 } })
  const { wire } =
    protocol.handshake({ role, introduction: () => introduction, limits: limitsFrom(limits) }).begin?.() ?? {}
  return wire as Wire
}

const text = (value: string): Uint8Array => new TextEncoder().encode(value)
const hex = (data: { slice(): Uint8Array } | undefined): string => Buffer.from(data?.slice() ?? []).toString('hex')
const bytesOf = (value: string): Uint8Array => Uint8Array.from(Buffer.from(value, 'hex'))

/** What is heard of bytes in hexadecimal. */
function hear(wire: Wire, ...packets: string[]): Message[] {
  const heard: Message[] = []
  for (const packet of packets) wire.decode(bytesOf(packet), (message) => heard.push(message))
  return heard
}

/** What is sent, in hexadecimal. */
function say(wire: Wire, what: (writer: Writer) => void = () => {}): string {
  let isSaid = false
  return hex(
    wire.encode((writer) => {
      if (!isSaid) what(writer)
      isSaid = true
    }),
  )
}

const request = (tag: number, more: object = {}): Parameters<Writer['request']>[0] => ({
  tag,
  channel: 0,
  name: 1,
  deadlineMs: undefined,
  headers: undefined,
  hasBody: false,
  payload: text('req-0'),
  ...more,
})
const response = (tag: number, more: object = {}): Parameters<Writer['response']>[0] => ({
  tag,
  channel: 0,
  headers: undefined,
  hasStream: false,
  payload: text('0-qer'),
  ...more,
})
const refusal = (payload: string, tag = 2): string => {
  const body = `${tag.toString(16).padStart(2, '0')}00${hex(text(payload))}`
  return `${(body.length / 2).toString(16).padStart(2, '0')}${body}`
}

describe('requests of this side', () => {
  test('have tags from 2 on, and flags and a channel of their own', () => {
    const wire = wireOf()
    expect(say(wire, (to) => to.request(request(1, { headers: { flags: '85' } })))).toBe('09028256017265712d30')
    expect(say(wire, (to) => to.request(request(2, { channel: 1, payload: text('') })))).toBe('0403030101')
  })

  test('are answered by their tags, with flags as headers', () => {
    const wire = wireOf()
    say(wire, (to) => to.request(request(1)))
    say(wire, (to) => to.request(request(2)))
    expect(hear(wire, '0803810c302d716572', '020204')).toEqual([
      { type: 'response', tag: 2, headers: { flags: '17' }, hasStream: false, payload: text('0-qer') },
      { type: 'response', tag: 1, headers: undefined, hasStream: false, payload: text('') },
    ])
  })

  test('that fail say how, by what the original says', () => {
    const wire = wireOf()
    say(wire, (to) => to.request(request(1)))
    expect(hear(wire, refusal('exception during handler'))).toEqual([
      { type: 'refusal', tag: 1, headers: undefined, code: 'HANDLER_FAILED', reason: '', isUnbegun: false },
    ])
  })

  test('that were answered are not answered again', () => {
    const wire = wireOf()
    say(wire, (to) => to.request(request(1)))
    expect(hear(wire, '020204', '020204')).toHaveLength(1)
  })

  test.each(['020004', '020104', '020304'])('that were never sent have no answer: %s is BAD_MESSAGE', (packet) => {
    const wire = wireOf()
    say(wire, (to) => to.request(request(1)))
    expect(() => hear(wire, packet)).toThrow(expect.objectContaining({ code: 'BAD_MESSAGE' }) as Error)
  })

  test('never use a tag again', () => {
    const wire = wireOf()
    const tags = Array.from({ length: 5 }, (_, index) => {
      const packet = say(wire, (to) => to.request(request(index + 1, { payload: text('') })))
      hear(wire, `02${packet.slice(2, 4)}04`)
      return packet.slice(2, 4)
    })
    expect(tags).toEqual(['02', '03', '04', '05', '06'])
  })
})

describe('requests of the peer', () => {
  test('are counted from 1, and answered by the tags that they came with', () => {
    const wire = wireOf()
    expect(hear(wire, '09028256017265712d30', '0409020161')).toEqual([
      {
        type: 'request',
        tag: 1,
        channel: 0,
        name: 1,
        deadlineMs: undefined,
        headers: { flags: '85' },
        hasBody: false,
        payload: text('req-0'),
      },
      {
        type: 'request',
        tag: 2,
        channel: 0,
        name: 1,
        deadlineMs: undefined,
        headers: undefined,
        hasBody: false,
        payload: text('a'),
      },
    ])
    expect(say(wire, (to) => to.response(response(2, { payload: text('') })))).toBe('020904')
    expect(say(wire, (to) => to.response(response(1, { headers: { flags: '17' } })))).toBe('0802810c302d716572')
  })

  test('may use a tag again when it was answered', () => {
    const wire = wireOf()
    for (let tag = 1; tag <= 3; tag += 1) {
      expect(hear(wire, '03020201')).toMatchObject([{ type: 'request', tag }])
      expect(say(wire, (to) => to.response(response(tag, { payload: text('') })))).toBe('020204')
    }
  })

  test('may use it in another channel meanwhile', () => {
    const wire = wireOf()
    expect(hear(wire, '03020201', '0402030101')).toMatchObject([
      { tag: 1, channel: 0 },
      { tag: 2, channel: 1 },
    ])
    expect(say(wire, (to) => to.response(response(2, { channel: 1, payload: text('') })))).toBe('03020501')
  })

  test('are refused with a tag that is taken, in a channel that is not there, and behind their end', () => {
    const wire = wireOf()
    expect(hear(wire, '03050201', '03050201', '050203820001')).toHaveLength(1)
    expect(wire.isDue).toBe(true)
    expect(say(wire)).toBe(
      `${refusal('channel 0: tag already in use: 5', 5)}1602018200${hex(text('unknown channel %d'))}`,
    )
    expect(wire.isDue).toBe(false)
    expect(hear(wire, '03010200', '03060201')).toEqual([{ type: 'endRequests' }])
    expect(say(wire)).toBe(refusal('requests no longer allowed', 6))
  })

  test('that nobody has defined are refused as those that nobody handles', () => {
    const wire = wireOf()
    expect(hear(wire, '03020207')).toEqual([])
    expect(say(wire)).toBe(refusal('no request handler'))
  })

  test('say so when they failed', () => {
    const wire = wireOf()
    hear(wire, '03020201')
    const said = { tag: 1, channel: 0, headers: undefined, code: 'HANDLER_FAILED', reason: '' }
    expect(say(wire, (to) => to.refusal(said))).toBe(refusal('exception during handler'))
  })

  test('with a payload above maxItemBytes are ITEM_TOO_LARGE', () => {
    const wire = wireOf('server', { maxItemBytes: 3 })
    expect(hear(wire, '06020201616161')).toHaveLength(1)
    expect(() => hear(wire, '0703020161616161')).toThrow(expect.objectContaining({ code: 'ITEM_TOO_LARGE' }) as Error)
  })
})

describe('messages', () => {
  test('are requests that are answered at once, with nothing', () => {
    const wire = wireOf()
    expect(hear(wire, '0402020261')).toEqual([{ type: 'message', name: 2, headers: undefined, payload: text('a') }])
    expect(say(wire)).toBe('020204')
  })

  test('have a tag as requests have, and nobody waits for their answer', () => {
    const wire = wireOf()
    expect(say(wire, (to) => to.message({ name: 2, headers: { flags: '1' }, payload: text('a') }))).toBe('0402060261')
    expect(say(wire, (to) => to.request(request(1, { payload: text('') })))).toBe('03030201')
    expect(hear(wire, '020204', refusal('no request handler', 2))).toEqual([])
  })

  test('of a peer that reads no answer are SLOW_PEER when 256 KiB of them wait', () => {
    const wire = wireOf()
    const flood = '0402020261'.repeat(10_000)
    expect(() => {
      for (let round = 0; round < 100; round += 1) hear(wire, flood)
    }).toThrow(expect.objectContaining({ code: 'SLOW_PEER' }) as Error)
  })

  test('leave together as far as they fit into 61,440 bytes', () => {
    const wire = wireOf()
    const sent: number[] = []
    let count = 0
    const fill = (to: Writer): void => {
      while (count < 10 && to.message({ name: 2, headers: undefined, payload: new Uint8Array(10_000) })) count += 1
    }
    for (let frame = wire.encode(fill); frame !== undefined; frame = wire.encode(fill)) sent.push(frame.byteLength)
    expect(sent).toEqual([60_030, 40_020])
  })
})

describe('the end', () => {
  test('of requests stands before the end of everything', () => {
    const wire = wireOf()
    expect(hex(wire.disconnect())).toBe('0301020003000200')
    expect(say(wire, (to) => to.endRequests())).toBe('03010200')
    expect(hex(wire.disconnect())).toBe('03000200')
  })

  test('is heard with or without the end of requests before it', () => {
    expect(hear(wireOf(), '0301020003000200')).toEqual([{ type: 'endRequests' }, { type: 'disconnect' }])
    expect(hear(wireOf(), '03000200')).toEqual([{ type: 'endRequests' }, { type: 'disconnect' }])
    expect(hear(wireOf(), '03010200', '03010200')).toEqual([{ type: 'endRequests' }])
  })

  test('waits for the answers to what came before it', async () => {
    const wire = wireOf()
    expect(hear(wire, '03020201', '03000200')).toMatchObject([
      { type: 'request' },
      { type: 'endRequests' },
      { type: 'endReplies' },
    ])
    let hasParted = false
    const parted = wire.parting?.then(() => (hasParted = true))
    expect(say(wire)).toBe('')
    await Promise.resolve()
    expect(hasParted).toBe(false)
    expect(say(wire, (to) => to.response(response(1, { payload: text('') })))).toBe('020204')
    say(wire)
    await parted
    expect(hasParted).toBe(true)
  })
})

import { encode } from '@msgpack/msgpack'
import { describe, expect, test } from 'vitest'

import { type } from '../../message/definition.ts'
import { defineMessages } from '../../message/messages.ts'
import { ownMessages } from '../../message/registry.ts'
import type { MessageIds } from '../../message/registry.ts'
import type { Messages } from '../../message/messages.ts'
import { limitsFrom } from '../../options/limits.ts'
import type { Applicant, Guard, HandshakeStep, Introduction, Role } from '../handshake.ts'
import type { Message, Writer } from '../message.ts'
import type { Wire } from '../wire.ts'
import { PacketmqHandshake } from './handshake.ts'
import { settingsFrom } from './settings.ts'
import type { PacketmqOptions } from './settings.ts'

const INIT = '000081a776657273696f6e01'
const PY2_INIT = '000081c40776657273696f6e01'
const FINISH = '0003c0'
const PUBIDS =
  '000282a56164617074c2a569646d617087b77061636b65746d713a68616e647368616b655f696e697400b17061636b65746d713a736f66747175697401b97061636b65746d713a68616e647368616b655f70756269647302b97061636b65746d713a68616e647368616b655f66696e69736803a86170703a6563686f11a96170703a7265706c7912a86170703a73686f7713'

const packet = { payload: type<unknown>() }
const abc = defineMessages({
  'app:echo': { ...packet, id: 17 },
  'app:reply': { ...packet, id: 18 },
  'app:show': { ...packet, id: 19 },
})

const hex = (text: string): Uint8Array => Uint8Array.from(Buffer.from(text, 'hex'))
const hexOf = (data: Uint8Array): string => Buffer.from(data).toString('hex')
/** A packet behind its length, and packets without theirs. */
const whole = (packet: string): Uint8Array => hex((packet.length / 2).toString(16).padStart(8, '0') + packet)
const bare = (packet: Uint8Array): string => hexOf(packet).slice(8)

/** Text keys as Python 2 writes them. */
const asPython2 = (frame: string, ...keys: string[]): string =>
  keys.reduce((text, key) => {
    const bytes = Buffer.from(key).toString('hex')
    const length = key.length.toString(16).padStart(2, '0')
    const short = (0xa0 + key.length).toString(16)
    return text.replaceAll(`${short}${bytes}`, `c4${length}${bytes}`)
  }, frame)

interface SideInit {
  role?: Role
  messages?: Messages
  messageIds?: MessageIds
  guard?: Guard
  admit?: (applicant: Applicant) => { id: string }
  settings?: PacketmqOptions
}

/** One side of a handshake, by frames in hexadecimal. */
class Side {
  wire: Wire | undefined
  last: HandshakeStep | undefined
  readonly handshake: PacketmqHandshake
  readonly sent: string[]

  constructor({ role = 'server', messages, messageIds, guard, admit, settings = {} }: SideInit = {}) {
    const own = ownMessages({ ...(messages && { messages }), ...(messageIds && { messageIds }) })
    const introduction = (): Introduction => ({
      id: role,
      item: 'msgpack',
      result: 'msgpack',
      tags: [],
      status: undefined,
      messages: own,
      nonce: new Uint8Array(16),
    })
    const init = { role, introduction, limits: limitsFrom(), guard, ...(admit && { admit }) }
    this.handshake = new PacketmqHandshake(init, settingsFrom(settings))
    this.sent = this.handshake.start().map(bare)
  }

  take(...frames: string[]): this {
    for (const frame of frames) {
      this.last = this.handshake.take(whole(frame))
      if (this.last.refusal !== undefined) throw this.last.refusal
      this.sent.push(...this.last.send.map(bare))
      this.wire ??= this.last.wire
    }
    return this
  }
}

/** What both sides say to each other until there is nothing left to say. */
function meet(client: Side, server: Side): void {
  const heard = [0, 0]
  const sides = [client, server] as const
  for (let isBusy = true; isBusy;) {
    isBusy = false
    for (const [index, side] of sides.entries()) {
      const frames = side.sent.slice(heard[index])
      heard[index] = side.sent.length
      isBusy ||= frames.length > 0
      sides[1 - index]?.take(...frames)
    }
  }
}

const codeOf = (act: () => unknown): unknown => {
  try {
    act()
  } catch (error) {
    return error
  }
  return undefined
}

const reasonOf = (frame: Uint8Array | undefined): string =>
  Buffer.from(frame ?? [])
    .toString('latin1')
    .slice(15)

describe('the four steps', () => {
  test('say what an original says, byte for byte', () => {
    const side = new Side({ messages: abc }).take(INIT, PUBIDS.replace('6164617074c2', '6164617074c3'), FINISH)
    expect(side.sent).toEqual([INIT, PUBIDS, FINISH])
    expect(side.wire?.peer).toMatchObject({ protocol: 'packetmq' })
  })

  test('are understood with keys of bytes, as Python 2 writes them', () => {
    const pubids = asPython2(PUBIDS, 'adapt', 'idmap', 'app:echo', 'app:reply', 'app:show', 'packetmq:softquit')
    expect(pubids).toContain('c4086170703a6563686f')
    const side = new Side({ role: 'client', messages: abc }).take(PY2_INIT, pubids, FINISH)
    expect(side.wire?.peer.registry?.idOf('app:show')).toBe(19)
  })

  test.each(['client', 'server'] as const)('lead to nothing when a %s gets them too early or again', (role) => {
    const early: [before: string[], frame: string][] = [
      [[], FINISH],
      [[], PUBIDS],
      [[INIT], FINISH],
      [[INIT], INIT],
    ]
    for (const [before, frame] of early) {
      const side = new Side({ role, messages: abc }).take(...before)
      expect(codeOf(() => side.take(frame))).toMatchObject({ code: 'UNEXPECTED_FRAME' })
      expect(side.wire).toBeUndefined()
    }
  })

  test('drop data that comes before its time, and go on', () => {
    const side = new Side({ messages: abc }).take(
      '001100',
      INIT,
      '001100',
      PUBIDS.replace('c2', 'c3'),
      '002a93',
      FINISH,
    )
    expect(side.wire).toBeDefined()
    expect(side.sent).toEqual([INIT, PUBIDS, FINISH])
  })

  test('end where a value is none: BAD_MESSAGE', () => {
    for (const frame of ['0000', '0000c1', '0000c0', '000091', '000081a776657273696f6e'])
      expect([frame, codeOf(() => new Side().take(frame))]).toMatchObject([frame, { code: 'BAD_MESSAGE' }])
    const maps = ['81a161a162', '82a16110a16210', '81a161ce00010000', '81a161cb3ff8000000000000', '81a010', '81a10a10']
    expect(codeOf(() => new Side().take(INIT, PUBIDS.replace('6164617074c2', '616461707401')))).toMatchObject({
      code: 'BAD_MESSAGE',
    })
    const pubids = ['0002c0', '000280', '000281a56164617074c2', '000282a56164617074c2a569646d617001']
    for (const frame of [...pubids, ...maps.map((map) => `000282a56164617074c2a569646d6170${map}`)])
      expect([frame, codeOf(() => new Side().take(INIT, frame))]).toMatchObject([frame, { code: 'BAD_MESSAGE' }])
  })

  test('ignore what follows the value of a packet', () => {
    expect(new Side().take(`${INIT}ffff`, '0001c0').last?.end).toEqual({ type: 'disconnect' })
  })
})

describe('ids', () => {
  const permuted = defineMessages({
    'app:show': { ...packet, id: 17 },
    'app:reply': { ...packet, id: 19 },
    'app:echo': { ...packet, id: 18 },
  })

  test('are those of the server unless told otherwise: the client adapts', () => {
    const [client, server] = [new Side({ role: 'client', messages: permuted }), new Side({ messages: abc })]
    meet(client, server)
    for (const { wire } of [client, server]) {
      expect(['app:echo', 'app:reply', 'app:show'].map((name) => wire?.peer.registry?.idOf(name))).toEqual([17, 18, 19])
      expect([17, 18, 19].map((id) => wire?.peer.registry?.nameOf(id))).toEqual(['app:echo', 'app:reply', 'app:show'])
    }
  })

  test('are those of a client that enforces its own, at a server that adapts', () => {
    const client = new Side({ role: 'client', messages: permuted, messageIds: 'enforce' })
    const server = new Side({ messages: abc, messageIds: 'adapt' })
    meet(client, server)
    for (const { wire } of [client, server]) expect(wire?.peer.registry?.idOf('app:echo')).toBe(18)
  })

  test('of more packets than a side can have are none', () => {
    const many = (count: number): string => {
      const names = Array.from({ length: count }, (_, index) => `a:${index}`)
      const idmap = Object.fromEntries(names.map((name, index) => [name, index]))
      return `0002${hexOf(encode({ adapt: true, idmap }))}`
    }
    expect(codeOf(() => new Side().take(INIT, many(1_028)))).toMatchObject({ code: 'MESSAGES_MISMATCH' })
    expect(codeOf(() => new Side().take(INIT, many(1_029)))).toMatchObject({ code: 'BAD_MESSAGE' })
  })

  test('hold for any order and any numbers of the same names: nothing is refused at random', () => {
    const names = ['test:echo', 'test:reply', 'test:show', 'test:a', 'test:b']
    for (let turn = 0; turn < names.length; turn += 1) {
      const turned = [...names.slice(turn), ...names.slice(0, turn)].toReversed()
      const define = (list: string[]): Messages =>
        defineMessages(Object.fromEntries(list.map((name) => [name, packet])))
      const [client, server] = [
        new Side({ role: 'client', messages: define(turned) }),
        new Side({ messages: define(names) }),
      ]
      meet(client, server)
      expect(names.map((name) => client.wire?.peer.registry?.idOf(name))).toEqual([16, 17, 18, 19, 20])
    }
  })

  test('of requests are not announced, as packetmq has no answers', () => {
    const messages = abc.extend({ 'app:sum': { ...packet, reply: type<number>() } })
    const [client, server] = [new Side({ role: 'client', messages: abc }), new Side({ messages })]
    meet(client, server)
    expect(server.sent[1]).toBe(PUBIDS)
    expect(codeOf(() => server.wire?.peer.registry?.idOf('app:sum'))).toMatchObject({ code: 'UNSUPPORTED' })
  })
})

describe('a refusal', () => {
  const refused = (client: Side, server: Side): unknown => codeOf(() => meet(client, server))

  test('where the version is another one: reason.versionmismatch', () => {
    const side = new Side()
    expect(codeOf(() => side.take(INIT.replace(/01$/, '02')))).toMatchObject({ code: 'VERSION_MISMATCH', value: 2 })
    expect(codeOf(() => new Side().take('000080'))).toMatchObject({ code: 'VERSION_MISMATCH' })
    expect(reasonOf(side.handshake.error({ code: 'VERSION_MISMATCH' }))).toBe('reason.versionmismatch')
  })

  test.each(['adapt', 'enforce'] as const)('where both %s: reason.sameadaptivepolicy', (messageIds) => {
    const [client, server] = [new Side({ role: 'client', messageIds }), new Side({ messageIds })]
    const error = refused(client, server)
    expect(error).toMatchObject({ code: 'MESSAGES_MISMATCH', limit: 'messageIds', value: messageIds })
    expect(reasonOf(client.handshake.error(error as never))).toBe('reason.sameadaptivepolicy')
  })

  test('where the names differ: reason.nonequalpackets, by whichever side looks, also the one that enforces', () => {
    for (const [here, there] of [
      [abc, abc.omit('app:show')],
      [abc.omit('app:show'), abc],
    ] as const) {
      const error = refused(new Side({ role: 'client', messages: here }), new Side({ messages: there }))
      expect(error).toMatchObject({ code: 'MESSAGES_MISMATCH', limit: 'messages' })
      expect(reasonOf(new Side().handshake.error(error as never))).toBe('reason.nonequalpackets')
    }
    const unknown = new Side({ role: 'client', messages: abc.omit('app:show') }).take(INIT)
    expect(codeOf(() => unknown.take(PUBIDS))).toMatchObject({
      value: { missing: [], unknown: ['app:show'], moved: [] },
    })
    const enforcing = new Side({ messages: abc }).take(INIT)
    const fewer = new Side({ role: 'client', messages: abc.omit('app:echo') }).take(INIT)
    expect(codeOf(() => enforcing.take(fewer.sent[1] as string))).toMatchObject({
      code: 'MESSAGES_MISMATCH',
      value: { missing: ['app:echo'], unknown: [], moved: [] },
    })
  })

  test('where the handshake itself has other ids', () => {
    const moved = PUBIDS.replace('736f66747175697401', '736f66747175697404')
    const side = new Side({ role: 'client', messages: abc }).take(INIT)
    expect(codeOf(() => side.take(moved))).toMatchObject({ value: { moved: ['packetmq:softquit'] } })
  })

  test('where the server knows who comes in: AUTH_REQUIRED', () => {
    const guard = { isOptional: false } as Guard
    expect(codeOf(() => new Side({ guard }).take(INIT))).toMatchObject({ code: 'AUTH_REQUIRED' })
    expect(new Side({ guard: { isOptional: true } as Guard }).take(INIT).sent).toHaveLength(2)
  })

  test('where the server takes nobody: the peer hears why', () => {
    const admit = (): never => {
      throw Object.assign(new Error('full'), { code: 'TOO_MANY_CONNECTIONS' })
    }
    const server = new Side({ admit })
    expect(refused(new Side({ role: 'client' }), server)).toMatchObject({ code: 'TOO_MANY_CONNECTIONS' })
    expect(reasonOf(server.handshake.error({ code: 'TOO_MANY_CONNECTIONS' }))).toBe('reason.toomanyconnections')
  })
})

describe('a softquit', () => {
  const softquit = (reason: string): string => {
    const text = Buffer.from(reason)
    return `000181a6${Buffer.from('reason').toString('hex')}d9${text.length.toString(16).padStart(2, '0')}${text.toString('hex')}`
  }

  test.each([
    ['reason.versionmismatch', { type: 'error', code: 'VERSION_MISMATCH' }],
    ['reason.sameadaptivepolicy', { type: 'error', code: 'MESSAGES_MISMATCH', limit: 'messageIds' }],
    ['reason.nonequalpackets', { type: 'error', code: 'MESSAGES_MISMATCH', limit: 'messages' }],
    ['reason.authrequired', { type: 'error', code: 'AUTH_REQUIRED' }],
    ['reason.unknown', { type: 'disconnect' }],
    ['reason.generic', { type: 'disconnect' }],
    ['whatever else', { type: 'disconnect' }],
  ])('%s is understood at any time', (reason, end) => {
    for (const before of [[], [INIT], [INIT, PUBIDS.replace('c2', 'c3')]]) {
      const side = new Side({ messages: abc }).take(...before, softquit(reason))
      expect(side.last).toEqual({ send: [], end })
      expect(side.handshake.disconnect()).toBeUndefined()
    }
  })

  test('is heard before an item that waits: nobody would work on it', () => {
    const side = new Side({ role: 'client', messages: abc, settings: { items: 'app:show' } })
    side.take(INIT, PUBIDS, FINISH)
    const item = Uint8Array.of(1)
    const said: boolean[] = []
    const fill = (writer: Writer): void => {
      said.push(writer.item(1, item, 1, false), writer.item(2, item, 1, false))
      said.push(writer.message({ name: 17, headers: undefined, payload: item }))
    }
    expect(hexOf(side.wire?.encode(fill) as Uint8Array)).toBe('0000000300130100000003001101')
    side.wire?.decode(whole(softquit('reason.done')), () => {})
    expect(hexOf(side.wire?.encode(fill) as Uint8Array)).toBe('00000003001101')
    expect(said).toEqual([true, false, true, false, false, true])
  })

  const heardIn = (frame: string): Message[] => {
    const side = new Side({ messages: abc }).take(INIT, PUBIDS.replace('c2', 'c3'), FINISH)
    const heard: Message[] = []
    side.wire?.decode(whole(frame), (message) => heard.push(message))
    expect(side.wire?.disconnect()).toBeUndefined()
    return heard
  }

  test('of an active peer is a goodbye with its reason, whatever kind of text that is', () => {
    const end = [{ type: 'goaway', code: 'CLOSED', reason: 'reason.done' }, { type: 'disconnect' }]
    expect(heardIn('000181a6726561736f6eab726561736f6e2e646f6e65')).toEqual(end)
    expect(heardIn('000181c406726561736f6ec40b726561736f6e2e646f6e65')).toEqual(end)
    expect(heardIn(softquit('reason.restart'))[0]).toMatchObject({ code: 'RESTART' })
    expect(heardIn(softquit('reason.badmessage'))).toEqual([{ type: 'error', code: 'BAD_MESSAGE' }])
  })

  const LONG = `000181a6${Buffer.from('reason').toString('hex')}da0401${'61'.repeat(1_025)}`

  test('without a reason, or with what is none, is a goodbye for an unknown one', () => {
    for (const frame of ['0001', '000180', '0001c1', '000181a6726561736f6e05', softquit('a\nb'), softquit(''), LONG])
      expect(heardIn(frame)[0]).toEqual({ type: 'goaway', code: 'CLOSED', reason: 'reason.unknown' })
  })
})

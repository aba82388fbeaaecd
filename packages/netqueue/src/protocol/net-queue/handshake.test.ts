import { describe, expect, test } from 'vitest'
import { json } from '../../message/codec.ts'
import { type } from '../../message/definition.ts'
import { defineMessages } from '../../message/messages.ts'
import { ownMessages } from '../../message/registry.ts'
import type { MessagesOptions, Registry } from '../../message/registry.ts'
import { limitsFrom } from '../../options/limits.ts'
import { NetQueueError } from '../../errors/errors.ts'
import type { Admission, Applicant, Claim, HandshakeInit, HandshakeStep, Introduction, Ticket } from '../handshake.ts'
import { frameOf, frameType, FrameType } from './frame-types.ts'
import { native } from './net-queue.ts'

const any = { payload: type<unknown>() }
const request = { ...any, reply: type<unknown>() }

function init(role: 'client' | 'server', options: MessagesOptions | undefined): HandshakeInit {
  const introduction = {
    id: role,
    item: 'text',
    result: 'text',
    tags: [],
    status: undefined,
    nonce: new Uint8Array(16),
  }
  return {
    role,
    introduction: () => ({ ...introduction, ...(options !== undefined && { messages: ownMessages(options) }) }),
    limits: limitsFrom(),
  }
}

/** How both sides end their introductions, and the frames that the server sent behind its HELLO. */
function introduce(ours: { server?: MessagesOptions; client?: MessagesOptions }): {
  server: HandshakeStep
  client: HandshakeStep
  sent: number[]
} {
  const client = native().handshake(init('client', ours.client))
  const server = native().handshake(init('server', ours.server))
  const [hello] = client.start()
  const [answer] = server.take(hello as Uint8Array).send
  const [welcome] = client.take(answer as Uint8Array).send
  const served = server.take(welcome as Uint8Array)
  return { server: served, client: client.take(served.send[0] as Uint8Array), sent: served.send.map(frameType) }
}

const registryOf = ({ wire }: HandshakeStep): Registry => wire?.peer.registry as Registry

describe('messages in an introduction', () => {
  test('both sides know what the other calls them', () => {
    const { server, client } = introduce({
      server: { messages: defineMessages({ a: any, b: request }), messageIds: 'enforce' },
      client: { messages: defineMessages({ b: request, a: any, c: any }) },
    })
    const [here, there] = [registryOf(server), registryOf(client)]
    expect([there.idOf('a'), there.idOf('b'), here.idOf('b')]).toEqual([16, 17, 17])
    expect([here.nameOf(17), there.nameOf(16)]).toEqual(['b', 'a'])
    expect(() => there.idOf('c')).toThrow(expect.objectContaining({ code: 'UNSUPPORTED' }))
  })

  test.each([
    ['a client without them', { server: { messages: defineMessages({ a: any }) } }],
    ['a server without them', { client: { messages: defineMessages({ a: any }), messageIds: 'enforce' } }],
    ['neither side', {}],
  ] as const)('%s connects as before', (_who, ours) => {
    const { server, client } = introduce(ours)
    expect([server.refusal, client.refusal]).toEqual([undefined, undefined])
    expect([server.wire?.peer.id, client.wire?.peer.id]).toEqual(['client', 'server'])
    expect(registryOf(server).nameOf(16)).toBe('client' in ours ? 'a' : undefined)
  })

  test('P11: MESSAGES_MISMATCH says on both sides how they differ: WELCOME comes before the ERROR', () => {
    const { server, client, sent } = introduce({
      server: { messages: defineMessages({ a: any, b: { ...request, codec: json() } }), messageIds: 'enforce' },
      client: { messages: defineMessages({ b: any, a: any }), messageIds: 'enforce' },
    })
    expect(sent).toEqual([FrameType.WELCOME])
    expect([server.wire, client.wire]).toEqual([undefined, undefined])
    expect(server.refusal).toMatchObject({
      code: 'MESSAGES_MISMATCH',
      value: [
        '"a" has the id 16 here, 17 there',
        '"b" has a reply here, none there',
        '"b" has the codec "json" here, "msgpack" there',
        '"b" has the id 17 here, 16 there',
      ],
    })
    expect(client.refusal).toMatchObject({
      code: 'MESSAGES_MISMATCH',
      value: [
        '"b" has no reply here, one there',
        '"b" has the codec "msgpack" here, "json" there',
        '"b" has the id 16 here, 17 there',
        '"a" has the id 17 here, 16 there',
      ],
    })
  })

  test('messages that do not fit fail at the client before it says a word', () => {
    const messages = defineMessages(
      Object.fromEntries(Array.from({ length: 500 }, (_, index) => [`a message with the number ${index}`, any])),
    )
    expect(() => introduce({ client: { messages } })).toThrow(expect.objectContaining({ code: 'ENCODE_FAILED' }))
  })
})

/** Two sides that introduce themselves; what the server says at the end, and what both make of it. */
function comeBack(claim: Claim | undefined, admit: (applicant: Applicant) => Admission): HandshakeStep[] {
  const nonce = new Uint8Array(16).fill(7)
  const own = init('server', undefined)
  const introduction = (): Introduction => ({
    ...own.introduction(),
    nonce,
    secret: new Uint8Array(32),
    resumeMs: 5_000,
  })
  const client = native().handshake({ ...init('client', undefined), claim })
  const server = native().handshake({ ...own, introduction, admit })
  const [answer] = server.take(client.start()[0] as Uint8Array).send
  const [welcome] = client.take(answer as Uint8Array).send
  const served = server.take(welcome as Uint8Array)
  return [served, client.take(served.send[0] as Uint8Array)]
}

describe('fault 25: a client that comes back', () => {
  const before: Ticket = { session: 's', secret: `${'B'.repeat(43)}=`, resumeMs: 1_000 }
  const other: Ticket = { ...before, secret: `${'C'.repeat(43)}=` }
  const now: Ticket = { session: 's', secret: `${'A'.repeat(43)}=`, resumeMs: 5_000 }

  test('proves that it knows the secret of its ticket, and goes on with another one', () => {
    const proofs: boolean[] = []
    const [server, client] = comeBack({ ticket: before, batches: 3 }, ({ id, resume }) => {
      proofs.push(...[before, other].map((ticket) => resume?.proves(ticket) === true))
      return { id, resumed: { session: 's', batches: 9 } }
    })
    expect(proofs).toEqual([true, false])
    expect(server).toMatchObject({ resumed: { batches: 3 }, ticket: now })
    expect(client).toEqual({ send: [], resumed: { batches: 9 }, ticket: now })
    expect([server?.wire, client?.wire]).toEqual([undefined, undefined])
  })

  test('begins a session where it is not to go on, and where it had none', () => {
    const session = '07'.repeat(16)
    for (const claim of [{ ticket: before, batches: 3 }, undefined]) {
      const [server, client] = comeBack(claim, ({ id }) => ({ id }))
      expect([server?.resumed, client?.resumed]).toEqual([undefined, undefined])
      expect([server?.ticket, client?.ticket]).toEqual([
        { ...now, session },
        { ...now, session },
      ])
      expect(client?.wire?.peer.id).toBe('server')
    }
  })
})

test('P7: an original that is not let in hears DISCONN, for it does not know ERROR', () => {
  const admit = (): never => {
    throw new NetQueueError('TOO_MANY_CONNECTIONS', 'full')
  }
  const server = native().handshake({ ...init('server', undefined), admit })
  expect(() => server.take(frameOf(FrameType.CONN))).toThrow(NetQueueError)
  expect(server.error({ code: 'TOO_MANY_CONNECTIONS' })).toEqual(frameOf(FrameType.DISCONN))
})

import { describe, expect, test } from 'vitest'

import { Clock, rest } from '../../test/support/nodes.ts'
import { RawPeer } from '../../test/support/raw-peer.ts'
import { NetQueueError } from '../errors/errors.ts'
import { framingOf } from '../framing/framing.ts'
import { eachRead } from '../framing/layout.ts'
import { limitsFrom } from '../options/limits.ts'
import { MuteWriter } from '../protocol/mute-writer.ts'
import { netQueue } from '../protocol/net-queue/net-queue.ts'
import { plainPeer } from '../protocol/plain-peer.ts'
import type { Handshake, HandshakeStep } from '../protocol/handshake.ts'
import type { Message } from '../protocol/message.ts'
import type { Protocol } from '../protocol/protocol.ts'
import type { Wire } from '../protocol/wire.ts'
import { Connection } from './connection.ts'
import { Pulse } from './pulse.ts'

interface Manner {
  /** How it begins. */
  begin?: () => void
  /** What the end of the stream says. */
  ends?: Message
}

/** Nobody introduces itself, and each read is a status. */
function wordless({ begin = () => {}, ends }: Manner): Protocol {
  const { supports } = netQueue()
  const decode: Wire['decode'] = (frame, take) => {
    take({ type: 'status', value: new TextDecoder().decode(frame.subarray()) })
    return false
  }
  const wire: Wire = {
    peer: plainPeer({ id: 'peer', protocol: { name: 'wordless', supports }, limits: limitsFrom() }),
    typed: true,
    decode,
    encode: (fill) => (fill(new MuteWriter()), undefined),
    disconnect: () => undefined,
    error: () => undefined,
    carry: () => undefined,
    ...(ends !== undefined && { ended: (take) => take(ends) }),
  }
  const step = (): HandshakeStep => (begin(), { send: [Uint8Array.of(0x68, 0x69)], wire })
  const handshake: Handshake = {
    start: () => [],
    begin: step,
    take: () => {
      throw new Error('Expected no introduction')
    },
    error: () => undefined,
    disconnect: () => undefined,
  }
  return {
    name: 'wordless',
    supports,
    framing: (options) => framingOf(eachRead, options),
    handshake: () => handshake,
  }
}

interface Setup {
  peer: RawPeer
  connection: Connection
  /** What happened, in order. */
  told: string[]
}

function play(manner: Manner = {}, told: string[] = []): Setup {
  const { peer, duplex } = RawPeer.inMemory()
  const env = new Clock()
  const limits = limitsFrom()
  const connection = new Connection(duplex, {
    role: 'server',
    introduction: () => ({ id: 'us', item: '', result: '', tags: [], status: undefined, nonce: new Uint8Array(16) }),
    user: () => ({
      opened: ({ peer }) => told.push(`opened for ${peer.id}`),
      take: (message) => told.push(message.type === 'status' ? String(message.value) : message.type),
      fill: () => true,
      ping: () => {},
      suspended: () => told.push('suspended'),
      resumed: () => told.push('resumed'),
      closed: (error) => told.push(`closed: ${error?.code ?? 'goodbye'}`),
    }),
    declined: (error) => told.push(`declined: ${error?.code ?? 'goodbye'}`),
    env,
    pulse: new Pulse({ env, limits, warn: () => {} }),
    protocol: wordless(manner),
    limits,
  })
  return { peer, connection, told }
}

const say = (peer: RawPeer, text: string): void => peer.send(new TextEncoder().encode(text))

describe('a connection of a protocol without introductions', () => {
  test('is open before a byte has come, and says what is due at once', async () => {
    const { peer, connection, told } = play()
    expect(told).toEqual([])
    await rest()
    expect([told, peer.received.toString()]).toEqual([['opened for peer'], 'hi'])
    connection.cut()
    await connection.done
  })

  test('reads nothing before whoever waits for it had a turn', async () => {
    const told: string[] = []
    const turn = async (): Promise<void> => {
      for (let hops = 0; hops < 20; hops += 1) await Promise.resolve()
      told.push('a turn')
    }
    const { peer, connection } = play({ begin: () => void turn() }, told)
    say(peer, 'early')
    await rest()
    expect(told).toEqual(['opened for peer', 'a turn', 'early'])
    connection.cut()
    await connection.done
  })

  test('that is refused is declined with the reason, and its stream ends without a word', async () => {
    const { peer, connection, told } = play({
      begin: () => {
        throw new NetQueueError('AUTH_REQUIRED', 'who are you?')
      },
    })
    say(peer, 'let me in')
    await peer.untilEnd()
    peer.end()
    await connection.done
    expect([told, peer.received.length]).toEqual([['declined: AUTH_REQUIRED'], 0])
  })

  test('that is cut before it has begun does not begin', async () => {
    const { connection, told } = play()
    connection.cut()
    await connection.done
    expect(told).toEqual(['declined: goodbye'])
  })

  test.each<[string, Manner, string]>([
    ['is lost', {}, 'closed: CONNECTION_LOST'],
    ['has parted, where the protocol takes that for a goodbye', { ends: { type: 'disconnect' } }, 'closed: goodbye'],
    [
      'is lost with the reason that the protocol has for it',
      { ends: { type: 'error', code: 'ID_IN_USE' } },
      'closed: ID_IN_USE',
    ],
  ])('whose peer ends the stream %s', async (_, manner, end) => {
    const { peer, connection, told } = play(manner)
    say(peer, 'last words')
    peer.end()
    await connection.done
    expect(told).toEqual(['opened for peer', 'last words', end])
  })
})

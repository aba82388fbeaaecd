import { coded, rejection, same } from './checks.ts'
import type { ProtocolSuite, ProtocolVector } from './protocol.ts'
import { Speech } from './speech.ts'
import { framer, readFrames, Side } from './talk.ts'

/** Reads a vector whole and, where the protocol knows where a frame ends, byte by byte. */
export async function checkVector(suite: ProtocolSuite, { to, hex, hears = [], code }: ProtocolVector): Promise<void> {
  const { messages } = new Speech(suite).phrases
  const stream = Uint8Array.from(hex.match(/../g) ?? [], (pair) => Number.parseInt(pair, 16))
  const bytes = Array.from(stream, (byte) => Uint8Array.of(byte))
  for (const chunks of suite.create().isUnframed === true ? [[stream]] : [[stream], bytes]) {
    const side = new Side({ role: to, protocol: suite.create(), messages })
    const reading = readFrames(framer(side), chunks, { take: (frame) => side.take(frame) })
    if (code === undefined) await reading
    else coded(await rejection(reading, 'reading it'), code, 'reading it')
    same(
      side.heard.map(({ type }) => type),
      hears,
      'what is heard',
    )
  }
}

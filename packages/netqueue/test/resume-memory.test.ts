import { expect, test } from 'vitest'

import { bytes, connect, listen, memory } from '../src/index.ts'

const ITEMS = 40

/** Takes the memory from an item, as whoever hands it to another thread does. */
function transfer({ buffer }: Uint8Array): Uint8Array {
  structuredClone(buffer, { transfer: [buffer as ArrayBuffer] })
  return new Uint8Array(1)
}

// Each of these is the last of its frame, and most of it.
test.each([2_049, 3_000, 4_095])(
  'P11: whoever transfers items of %i bytes to another thread takes nothing from a session over memory: that may have to say them again',
  async (length) => {
    const codecs = { item: bytes(), result: bytes(), transports: [memory()] }
    // Room for a few: what is not forgotten when it was taken soon holds up all.
    const server = await listen('memory:p11', { ...codecs, resumeTimeoutMs: 5_000, limits: { maxReplayBytes: 16_384 } })
    const client = await connect('memory:p11', codecs)
    const lengths: number[] = []
    const worked = client.process((item) => {
      lengths.push(item.length)
      return transfer(item)
    })
    for (let count = 0; count < ITEMS; count += 1) expect(await server.submit(new Uint8Array(length))).toHaveLength(1)
    expect(lengths).toEqual(Array.from({ length: ITEMS }, () => length))
    await Promise.all([client.close(), server.close()])
    await worked
  },
)

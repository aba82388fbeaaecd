// @ts-check
import { objectsBy } from './raw/objects.mjs'

/** @import { Peer, Reading } from './peer.d.ts' */

/** @type {Peer} */
export const peer = {
  kind: 'limit',
  packages: ['@msgpack/msgpack'],
  setup: 'as raw, but objects by @msgpack/msgpack, with one encoder and one decoder for all',

  objects: objectsBy(async () => {
    const { Decoder, Encoder } = await import('@msgpack/msgpack')
    const [encoder, decoder] = [new Encoder(), new Decoder()]
    return {
      encode: (item) => encoder.encodeSharedRef(item),
      decode: (bytes) => /** @type {Reading} */ (decoder.decode(bytes)),
    }
  }),
}

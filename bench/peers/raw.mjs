// @ts-check
import { fanOut } from './raw/fan-out.mjs'
import { guarded } from './raw/guarded.mjs'
import { idle } from './raw/idle.mjs'
import { BATCH, jsonText, objectsBy } from './raw/objects.mjs'
import { requests } from './raw/requests.mjs'
import { stream } from './raw/stream.mjs'
import { streams } from './raw/streams.mjs'
import { work } from './raw/work.mjs'
import { TURN_MESSAGES } from './shared/fan-out.mjs'
import { WINDOW } from './shared/window.mjs'

/** @import { Peer } from './peer.d.ts' */

/** What node:net can do, with frames cut by hand, and nothing else. @type {Peer} */
export const peer = {
  kind: 'limit',
  packages: [],
  setup: `node:net with a 4-byte length before each message, nothing checked but that length, no promise made. A sender of items has its writes built beforehand, just below 64 KiB each; objects are encoded one by one, as JSON, and leave ${BATCH} in one write; a worker has ${WINDOW} items and acknowledges those of a chunk together; questions and answers have a tag, and leave in one write per turn; a message to all is one buffer for all sockets in which at most 1 MiB waits, to each socket those of a turn in one write, up to ${TURN_MESSAGES}; a streamed answer has a connection of its own`,
  stream,
  objects: objectsBy(async () => jsonText),
  work,
  requests,
  guarded,
  idle,
  fanOut,
  streams,
}

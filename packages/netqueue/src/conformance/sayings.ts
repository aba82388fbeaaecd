import type { Writer } from '../protocol/protocol.ts'
import type { Supports } from '../protocol/supports.ts'
import { pattern } from './bytes.ts'
import type { Heard } from './talk.ts'

export const FEATURES: readonly (keyof Supports)[] = [
  'items',
  'credit',
  'settle',
  'result',
  'request',
  'stream',
  'message',
  'headers',
  'heartbeat',
]

const PAYLOAD = pattern(10)
const CONTENT = { headers: undefined, payload: PAYLOAD }
const REQUEST = { tag: 1, channel: 0, name: 16, deadlineMs: 5, hasBody: true, ...CONTENT }
const RESPONSE = { tag: 1, hasStream: false, ...CONTENT }
const MESSAGE = { name: 16, ...CONTENT }

/** For each feature, what to say, and what the other side hears where it is supported. */
export const SAYINGS: Record<keyof Supports, [say: (writer: Writer) => void, hears: Heard][]> = {
  credit: [
    [(to) => to.credit(7, 9_000, 0), { type: 'credit', limit: 7, byteLimit: 9_000, received: 0, records: 0 }],
    [(to) => to.reclaim(), { type: 'reclaim' }],
    [(to) => to.released(3, 5, 100), { type: 'released', first: 3, last: 5, bytes: 100 }],
  ],
  settle: [
    [(to) => to.settle('done', [1, 2]), { type: 'settle', outcome: 'done', first: 1, length: 2 }],
    [(to) => to.settle('released', [3, 1]), { type: 'settle', outcome: 'released', first: 3, length: 1 }],
    [(to) => to.reject(4, 'NO', 'because'), { type: 'reject', seq: 4, code: 'NO', reason: 'because' }],
    [(to) => to.extend(5), { type: 'extend', seq: 5 }],
    [(to) => to.cancel(6), { type: 'cancel', seq: 6 }],
  ],
  result: [
    [(to) => to.result(1, PAYLOAD), { type: 'result', seq: 1, value: PAYLOAD }],
    [(to) => to.result(2, undefined), { type: 'result', seq: 2, value: undefined }],
    [(to) => to.failed(3, 'NO', 'because'), { type: 'failed', seq: 3, code: 'NO', reason: 'because' }],
  ],
  request: [
    [(to) => to.request(REQUEST), { type: 'request', ...REQUEST }],
    [(to) => to.response({ ...RESPONSE, channel: 0 }), { type: 'response', ...RESPONSE }],
    [(to) => to.cancelRequest({ tag: 1 }), { type: 'cancelRequest', tag: 1 }],
  ],
  message: [[(to) => to.message(MESSAGE), { type: 'message', ...MESSAGE }]],
  items: [],
  stream: [],
  headers: [],
  heartbeat: [
    [(to) => to.ping(7), { type: 'ping', token: 7 }],
    [(to) => to.pong(7), { type: 'pong', token: 7 }],
  ],
}

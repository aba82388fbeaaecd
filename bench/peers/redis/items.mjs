// @ts-check
// Items in a Redis stream: added by pipelines, read by one alone or by a group, deleted when they are taken.

import { until } from '../shared/brokers.mjs'

/** @import { ChainableCommander, Redis } from 'ioredis' */
/** @import { Payloads } from '../peer.d.ts' */

const STREAM = 'items'
const GROUP = 'workers'
/** Items added, read and deleted in one go. */
export const BATCH = 256
/** Pipelines that there is room for, however large the items are: two under way, one that waits, one that is read. */
const PIPELINES = 4
/** What may be in the stream before the sender waits: so many items, or so many bytes. */
export const MOST_STORED = 8_192
const MOST_BYTES = 2 ** 25

/** @typedef {[id: Buffer, fields: [name: Buffer, payload: Buffer]]} Entry */

/** @param {Redis} redis */
export async function createGroup(redis) {
  await redis.xgroup('CREATE', STREAM, GROUP, '0', 'MKSTREAM')
}

/**
 * @param {Redis} redis
 * @param {string} name
 */
export async function joinGroup(redis, name) {
  await redis.xgroup('CREATECONSUMER', STREAM, GROUP, name)
}

/**
 * Resolves when so many have joined the group.
 * @param {Redis} redis
 * @param {number} count
 */
export async function joined(redis, count) {
  await until(async () => {
    const consumers = /** @type {unknown[]} */ (await redis.xinfo('CONSUMERS', STREAM, GROUP))
    return consumers.length >= count
  })
}

/**
 * Resolves when everything that was added is settled.
 * @param {Redis} redis
 */
export async function empty(redis) {
  await until(async () => (await redis.xlen(STREAM)) === 0)
}

/**
 * @template Item
 * @typedef {object} Items
 * @property {Payloads<Item>} payloads
 * @property {number} bytes of a payload
 * @property {(item: Item) => Buffer | string} encode
 */

/**
 * Sends each pipeline while the reply to the one before is awaited.
 * @template Item
 * @param {Redis} redis
 * @param {Items<Item>} items
 */
export async function addAll(redis, items) {
  const most = Math.min(MOST_STORED, Math.floor(MOST_BYTES / items.bytes))
  const batch = Math.min(BATCH, Math.ceil(most / PIPELINES))
  let replied = Promise.resolve(0)
  for (let isMore = true; isMore;) {
    const pipeline = redis.pipeline()
    isMore = addSome(pipeline, items, batch)
    const before = replied
    replied = lengthAfter(pipeline)
    // It is awaited below; should it fail before that, nobody listens yet.
    replied.catch(() => {})
    if ((await before) + batch >= most) await until(async () => (await redis.xlen(STREAM)) < most / 2)
  }
  await replied
}

/** Items in the stream when a pipeline is done. @param {ChainableCommander} pipeline */
async function lengthAfter(pipeline) {
  return Number((await results(pipeline.xlen(STREAM))).at(-1))
}

/**
 * @template Item
 * @param {ChainableCommander} pipeline
 * @param {Items<Item>} items
 * @param {number} count
 * @returns {boolean} whether there may be more
 */
function addSome(pipeline, { payloads, encode }, count) {
  for (let added = 0; added < count; added += 1) {
    const item = payloads.next()
    if (item === undefined) return false
    pipeline.xadd(STREAM, '*', 'item', encode(item))
  }
  return true
}

/**
 * Reads as the only one, until the connection ends.
 * @param {Redis} redis
 * @param {(item: Buffer) => void} took
 */
export function readAll(redis, took) {
  return takeAll(redis, took, (pipeline, ids) => {
    if (ids.length > 0) pipeline.xdel(STREAM, ...ids)
    return pipeline.xreadBuffer('COUNT', BATCH, 'BLOCK', 0, 'STREAMS', STREAM, ids.at(-1) ?? '0')
  })
}

/**
 * Reads as one of the group, until the connection ends.
 * @param {Redis} redis
 * @param {string} name
 * @param {(item: Buffer) => void} took
 */
export function workAll(redis, name, took) {
  return takeAll(redis, took, (pipeline, ids) => {
    if (ids.length > 0) pipeline.xack(STREAM, GROUP, ...ids).xdel(STREAM, ...ids)
    return pipeline.xreadgroupBuffer('GROUP', GROUP, name, 'COUNT', BATCH, 'BLOCK', 0, 'STREAMS', STREAM, '>')
  })
}

/**
 * What was taken is settled in one pipeline with the next read.
 * @param {Redis} redis
 * @param {(item: Buffer) => void} took
 * @param {(pipeline: ChainableCommander, ids: Buffer[]) => ChainableCommander} settleAndRead
 */
async function takeAll(redis, took, settleAndRead) {
  /** @type {Buffer[]} */
  let ids = []
  for (;;) {
    const replies = await results(settleAndRead(redis.pipeline(), ids))
    const [[, entries]] = /** @type {[[stream: Buffer, entries: Entry[]]]} */ (replies.at(-1))
    for (const [, [, payload]] of entries) took(payload)
    ids = entries.map(([id]) => id)
  }
}

/** What the commands of a pipeline returned; throws what one of them failed with. @param {ChainableCommander} pipeline */
async function results(pipeline) {
  const replies = (await pipeline.exec()) ?? []
  return replies.map(([error, reply]) => {
    if (error) throw error
    return reply
  })
}

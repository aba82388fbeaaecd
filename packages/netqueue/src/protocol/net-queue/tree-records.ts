import { MAX_ANCESTORS, MAX_ANCESTRY_BYTES, pathBytes } from '../../message/route.ts'
import { isName } from '../../message/names.ts'
import { isStatus, MAX_STATUS_BYTES } from '../../message/status.ts'
import { MAX_ABOUT_BYTES } from '../../message/tree.ts'
import type { About, Longest, NameChange, NodeChange, ToldNode } from '../../message/tree.ts'
import type { Message } from '../message.ts'
import type { Batch } from './batch.ts'
import { decodeJson, encodeText } from './bytes.ts'
import { badMessage } from '../failures.ts'
import type { ByteReader, ByteWriter } from './bytes.ts'
import { checkedStatus } from './record-fields.ts'
import { ITEM_LANE, Kind, RECORD_OVERHEAD_BYTES } from './record-kinds.ts'
import { readId, readPath, writePath } from './route-block.ts'

const GONE = 0
const THERE = 1
/** What stands around the texts of an entry, at most. */
const ENTRY_BYTES = 8

/** Reads the body of a record of one of these kinds. */
export function readTree(kind: number, reader: ByteReader): Message {
  if (kind === Kind.ANCESTRY) return { type: 'ancestry', ids: readAncestry(reader) }
  if (kind === Kind.NODES) return { type: 'nodes', changes: readList(reader, readNode) }
  if (kind === Kind.NAMES) return { type: 'names', changes: readList(reader, readNameChange) }
  return { type: 'longest', longest: { put: reader.varint(), submitted: reader.varint() } }
}

export function writeLongest(batch: Batch, { put, submitted }: Longest): boolean {
  if (!batch.fits(ITEM_LANE, RECORD_OVERHEAD_BYTES)) return false
  batch.begin(Kind.LONGEST)
  batch.out.varint(put)
  batch.out.varint(submitted)
  return true
}

export function writeAncestry(batch: Batch, ids: readonly string[]): boolean {
  if (!batch.fits(ITEM_LANE, pathBytes(ids) + RECORD_OVERHEAD_BYTES)) return false
  batch.begin(Kind.ANCESTRY)
  writePath(batch.out, ids)
  return true
}

/** Both write what fits, and leave the rest in the list. */
export function writeNodes(batch: Batch, changes: ToldNode[]): boolean {
  return writeList(batch, Kind.NODES, changes, ({ path, about }) => {
    const text = about && encodeAbout(about)
    return {
      bytes: pathBytes(path) + (text?.length ?? 0) + ENTRY_BYTES,
      write(out) {
        out.u8(text === undefined ? GONE : THERE)
        writePath(out, path)
        if (text !== undefined) out.bytes(text)
      },
    }
  })
}

export function writeNames(batch: Batch, changes: NameChange[]): boolean {
  return writeList(batch, Kind.NAMES, changes, ({ name, isKnown }) => {
    const text = encodeText(name)
    return {
      bytes: text.length + ENTRY_BYTES,
      write(out) {
        out.u8(isKnown ? THERE : GONE)
        out.bytes(text)
      },
    }
  })
}

interface Entry {
  /** What it takes at most. */
  bytes: number
  write(out: ByteWriter): void
}

function writeList<T>(batch: Batch, kind: number, list: T[], entryOf: (change: T) => Entry): boolean {
  const entries: Entry[] = []
  let bytes = RECORD_OVERHEAD_BYTES
  for (const change of list) {
    const entry = entryOf(change)
    const longer = bytes + entry.bytes
    // The first one waits until there is room for it; of the others, those go that fit.
    if (entries.length === 0 ? !batch.fits(ITEM_LANE, longer) : longer > batch.room(ITEM_LANE)) break
    bytes = longer
    entries.push(entry)
  }
  if (entries.length === 0) return list.length === 0
  batch.begin(kind)
  batch.out.varint(entries.length)
  for (const entry of entries) entry.write(batch.out)
  list.splice(0, entries.length)
  return list.length === 0 || batch.refuse(ITEM_LANE, MAX_ABOUT_BYTES)
}

/** The longest time to a node and back that makes sense, in milliseconds: three weeks. */
const MAX_RTT_MS = 2 ** 31

/** What is too long for a place in the tree goes without its status, or without that and its tags. */
function encodeAbout({ tags, status, rtt, isRelay }: About): Uint8Array {
  const text = (shown: Partial<About>): Uint8Array =>
    encodeText(
      JSON.stringify({
        tags: shown.tags === undefined || shown.tags.length === 0 ? undefined : shown.tags,
        status: shown.status,
        rtt,
        relay: isRelay || undefined,
      }),
    )
  const all = text({ tags, status })
  // An original may have said more of itself than fits; where all is as short as that, nothing is measured.
  if (all.length <= MAX_STATUS_BYTES || (all.length <= MAX_ABOUT_BYTES && isStatus(status))) return all
  const some = text({ tags })
  return some.length <= MAX_ABOUT_BYTES ? some : text({})
}

function readAncestry(reader: ByteReader): string[] {
  const from = reader.at
  const count = reader.varint()
  if (count > MAX_ANCESTORS) throw badMessage(`${count} ancestors; at most ${MAX_ANCESTORS} are allowed`, count)
  const ids: string[] = []
  while (ids.length < count) ids.push(readId(reader))
  const bytes = reader.at - from
  if (bytes <= MAX_ANCESTRY_BYTES) return ids
  throw badMessage(`ancestors of ${bytes} bytes; at most ${MAX_ANCESTRY_BYTES} are allowed`, bytes)
}

function readList<T>(reader: ByteReader, read: (reader: ByteReader) => T): T[] {
  const count = reader.varint()
  if (count === 0 || count > reader.left) throw badMessage(`a list that holds no ${count} changes`, count)
  const changes: T[] = []
  while (changes.length < count) changes.push(read(reader))
  return changes
}

function readNode(reader: ByteReader): NodeChange {
  const from = reader.at
  const isThere = readIsThere(reader)
  const path = readPath(reader)
  const about = isThere ? readAbout(reader) : undefined
  return { path, about, bytes: reader.at - from }
}

function readNameChange(reader: ByteReader): NameChange {
  const isKnown = readIsThere(reader)
  const name = reader.text('a name')
  if (isName(name)) return { name, isKnown }
  throw badMessage('a message whose name is none of 1 to 128 bytes without control characters')
}

function readIsThere(reader: ByteReader): boolean {
  const what = reader.u8()
  if (what <= THERE) return what === THERE
  throw badMessage('a change of a tree that has no meaning', what)
}

function readAbout(reader: ByteReader): About {
  const data = reader.bytes()
  if (data.length > MAX_ABOUT_BYTES)
    throw badMessage(`a node of ${data.length} bytes; at most ${MAX_ABOUT_BYTES} are allowed`, data.length)
  const about: unknown = decodeJson(data, 'a node')
  if (typeof about !== 'object' || about === null || Array.isArray(about)) throw badMessage('a node that is no object')
  const { tags = [], status, rtt, relay = false } = about as Record<string, unknown>
  if (!Array.isArray(tags) || !tags.every((tag) => typeof tag === 'string'))
    throw badMessage('a node whose tags are no list of names')
  if (rtt !== undefined && !isTime(rtt)) throw badMessage('a node whose rtt is no time')
  if (typeof relay !== 'boolean') throw badMessage('a node that is neither a relay nor none')
  return { tags, status: checkedStatus(status), rtt, isRelay: relay }
}

/** Infinite ones, which JSON reads from `1e999`, it cannot write. */
const isTime = (value: unknown): value is number => typeof value === 'number' && value >= 0 && value <= MAX_RTT_MS

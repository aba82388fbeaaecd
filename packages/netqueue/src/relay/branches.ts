import { isAtOrBelow, isPath, keyAbove, keyOf, pathBytes } from '../message/route.ts'
import type { Path } from '../message/route.ts'
import { utf8Bytes } from '../message/names.ts'
import { MAX_NODE_BYTES, MAX_NODES } from '../message/tree.ts'
import type { About, ToldNode } from '../message/tree.ts'
import type { ConnectedClient } from '../server/server-client.ts'

interface Shown {
  /** What it is: one that comes again at the same path is another one. */
  readonly of: unknown
  readonly path: Path
  readonly about: About
  /** The same as text, by which changes are seen. */
  readonly text: string
  readonly bytes: number
}

/** What surrounds a path and its text on the wire, at most. */
const OVERHEAD_BYTES = 4

/** What is below a relay, as those above it have been told. */
export class Branches {
  readonly #shown: Map<ConnectedClient, Map<string, Shown>> = new Map()
  /** Those of whom, or of what is below whom, something was left out for want of room. */
  readonly #leftOut: Set<ConnectedClient> = new Set()
  #count = 0
  #bytes = 0
  /** Whether something was left out. */
  isFull = false

  /** All of it, each behind the one above it. */
  get all(): ToldNode[] {
    return [...this.#shown.values()].flatMap((shown) => Array.from(shown.values(), toldOf))
  }

  /** Looks again at those that were left out, one after the other, as long as there is room. Gives what has changed. */
  late(): ToldNode[] {
    const changes: ToldNode[] = []
    for (const client of Array.from(this.#leftOut)) {
      changes.push(...this.changes(client, 'all'))
      if (this.#leftOut.has(client)) break
    }
    return changes
  }

  /** Looks again at a child, and at some nodes below it, or at all. Gives what has changed. */
  changes(client: ConnectedClient, ways: readonly Path[] | 'all'): ToldNode[] {
    if (ways === 'all') this.#leftOut.delete(client)
    const shown = this.#shown.get(client) ?? new Map<string, Shown>()
    this.#shown.set(client, shown)
    const nodes = ways === 'all' ? waysBelow(client, shown) : ways
    // Those above come first: nobody is shown below one that is not.
    const due = [[], ...nodes.toSorted((a, b) => a.length - b.length)]
    const changes = due.flatMap((way) => this.#look(client, shown, way))
    if (shown.size === 0) this.#shown.delete(client)
    return changes
  }

  #look(client: ConnectedClient, shown: Map<string, Shown>, way: Path): ToldNode[] {
    const path = [client.id, ...way]
    const now = nodeAt(client, path, way)
    if (now === undefined) return this.#forget(shown, path)
    const known = shown.get(keyOf(path))
    const gone = known === undefined || known.of === now.of ? [] : this.#forget(shown, path)
    return this.#show(client, shown, now) ? [...gone, toldOf(now)] : gone
  }

  /** It is gone, with what was below it. */
  #forget(shown: Map<string, Shown>, path: Path): ToldNode[] {
    const key = keyOf(path)
    if (!shown.has(key)) return []
    for (const [other, { bytes }] of shown) {
      if (!isAtOrBelow(other, key)) continue
      shown.delete(other)
      this.#count -= 1
      this.#bytes -= bytes
    }
    return [{ path, about: undefined }]
  }

  /** Tells whether there is something to be told. */
  #show(client: ConnectedClient, shown: Map<string, Shown>, node: Shown): boolean {
    const key = keyOf(node.path)
    const known = shown.get(key)
    if (known?.text === node.text) return false
    const bytes = this.#bytes + node.bytes - (known?.bytes ?? 0)
    const hasRoom = (known !== undefined || this.#count < MAX_NODES) && bytes <= MAX_NODE_BYTES
    const isBelow = node.path.length === 1 || shown.has(keyAbove(node.path))
    if (!hasRoom) this.#leftOut.add(client)
    const isShown = hasRoom && isPath(node.path)
    if (!isShown) this.isFull = true
    if (!isShown || !isBelow) return false
    shown.set(key, node)
    this.#count += known === undefined ? 1 : 0
    this.#bytes = bytes
    return true
  }
}

/** Without whom it is of: what waits to be told keeps nobody who is gone. */
const toldOf = ({ path, about }: Shown): ToldNode => ({ path, about })

/** To all that are there, and to all that were: those may be gone. */
function waysBelow({ nodes }: ConnectedClient, shown: ReadonlyMap<string, Shown>): Path[] {
  return [...nodes.map(({ way }) => way), ...Array.from(shown.values(), ({ path }) => path.slice(1))]
}

/** A child, or a node below it, as it is now. */
function nodeAt(client: ConnectedClient, path: Path, way: Path): Shown | undefined {
  if (client.presence === 'gone') return undefined
  const { status, isRelay, rtt, link } = client
  if (way.length === 0) return shownAs(client, path, { tags: link.peer?.tags ?? [], status, rtt, isRelay })
  const node = client.below.find(way)
  return node && shownAs(node, path, node)
}

/** Of a time, no more than its first two digits: it changes with each measurement. */
function shownAs(of: unknown, path: Path, { tags, status, rtt: exact, isRelay }: About): Shown {
  const rtt = exact === undefined ? undefined : Number(exact.toPrecision(2))
  const about = { tags, status, rtt, isRelay }
  const text = JSON.stringify(about)
  return { of, path, about, text, bytes: pathBytes(path) + utf8Bytes(text) + OVERHEAD_BYTES }
}

import { isPath, pathBytes } from '../message/route.ts'
import type { Path } from '../message/route.ts'
import { utf8Bytes } from '../message/names.ts'
import { MAX_NODE_BYTES, MAX_NODES } from '../message/tree.ts'
import type { About } from '../message/tree.ts'
import type { ConnectedClient } from '../server/server-client.ts'
import type { ToldNode } from './told.ts'

interface Shown {
  readonly path: Path
  readonly about: About
  /** The same as text, by which changes are seen. */
  readonly text: string
  readonly bytes: number
}

/** What surrounds a path and its text on the wire, at most. */
const OVERHEAD_BYTES = 4

const keyOf = (path: Path): string => path.join('\n')

/** What is below a relay, as those above it have been told. */
export class Branches {
  readonly #shown: Map<ConnectedClient, Map<string, Shown>> = new Map()
  #count = 0
  #bytes = 0
  /** Whether something was left out. */
  isFull = false

  /** All of it, each behind the one above it. */
  get all(): ToldNode[] {
    return [...this.#shown.values()].flatMap((shown) => [...shown.values()])
  }

  /** Looks at one child again: what has changed below it, and of itself. */
  changes(client: ConnectedClient): ToldNode[] {
    const shown = this.#shown.get(client) ?? new Map<string, Shown>()
    const now = client.presence === 'gone' ? [] : nodesOf(client)
    const changes = this.#forget(shown, new Set(now.map(({ path }) => keyOf(path))))
    for (const node of now) if (this.#show(shown, node)) changes.push(node)
    if (shown.size === 0) this.#shown.delete(client)
    else this.#shown.set(client, shown)
    return changes
  }

  /** What is gone, without what was below it. */
  #forget(shown: Map<string, Shown>, left: ReadonlySet<string>): ToldNode[] {
    const changes: ToldNode[] = []
    for (const [key, { path, bytes }] of shown) {
      if (left.has(key)) continue
      shown.delete(key)
      this.#count -= 1
      this.#bytes -= bytes
      if (path.length === 1 || left.has(keyOf(path.slice(0, -1)))) changes.push({ path, about: undefined })
    }
    return changes
  }

  /** Tells whether there is something to be told. */
  #show(shown: Map<string, Shown>, node: Shown): boolean {
    const key = keyOf(node.path)
    const known = shown.get(key)
    if (known?.text === node.text) return false
    const bytes = this.#bytes + node.bytes - (known?.bytes ?? 0)
    const hasRoom = (known !== undefined || this.#count < MAX_NODES) && bytes <= MAX_NODE_BYTES
    const isBelow = node.path.length === 1 || shown.has(keyOf(node.path.slice(0, -1)))
    if (!hasRoom) this.isFull = true
    if (!hasRoom || !isBelow || !isPath(node.path)) return false
    shown.set(key, node)
    this.#count += known === undefined ? 1 : 0
    this.#bytes = bytes
    return true
  }
}

/** A child and what is below it. */
function nodesOf(client: ConnectedClient): Shown[] {
  const { id, status, isRelay, rtt, link, nodes } = client
  const own = shownAs([id], { tags: link.peer?.tags ?? [], status, rtt, isRelay })
  return [own, ...nodes.map((node) => shownAs([id, ...node.way], node))]
}

/** Of a time, no more than its first two digits: it changes with each measurement. */
function shownAs(path: Path, { tags, status, rtt: exact, isRelay }: About): Shown {
  const rtt = exact === undefined ? undefined : Number(exact.toPrecision(2))
  const about = { tags, status, rtt, isRelay }
  const text = JSON.stringify(about)
  return { path, about, text, bytes: pathBytes(path) + utf8Bytes(text) + OVERHEAD_BYTES }
}

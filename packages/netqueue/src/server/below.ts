import { NetQueueError } from '../errors/errors.ts'
import { keyAbove, keyOf } from '../message/route.ts'
import type { Path } from '../message/route.ts'
import { MAX_NAMES, MAX_NODE_BYTES, MAX_NODES } from '../message/tree.ts'
import type { Longest, NameChange, NodeChange } from '../message/tree.ts'
import type { ServerClient } from './server-client.ts'
import { KnownNode } from './tree-node.ts'

/** What is known below one client: the nodes by their paths, the names of messages that somebody there defines, and how long items may be. */
export class Below {
  readonly names: Set<string> = new Set()
  /** `undefined`: as long as those that the client takes. */
  longest: Longest | undefined
  readonly #client: ServerClient
  readonly #nodes: Map<string, KnownNode> = new Map()
  /** By the key of a node, those right below it: whoever goes takes them along without a look at all others. */
  readonly #children: Map<string, Set<string>> = new Map()
  #bytes = 0
  readonly #own: readonly string[]
  // Made when they are asked for, which a policy does for each item.
  #tags: readonly string[] | undefined
  #list: readonly KnownNode[] | undefined

  /** `own` are the client's tags. */
  constructor(client: ServerClient, own: readonly string[]) {
    this.#client = client
    this.#own = own
  }

  /** In an order in which each stands behind the one above it. */
  get nodes(): readonly KnownNode[] {
    this.#list ??= [...this.#nodes.values()]
    return this.#list
  }

  /** The tags of the client and of all of them, each once. */
  get tags(): readonly string[] {
    this.#tags ??= [...new Set([...this.#own, ...this.nodes.flatMap(({ tags }) => tags)])]
    return this.#tags
  }

  /** The node at the end of a path. */
  find(way: Path): KnownNode | undefined {
    return this.#nodes.get(keyOf(way))
  }

  /** Throws `BAD_MESSAGE` for what is more than is taken, and for a node below one that is not there. */
  changeNodes(changes: readonly NodeChange[]): void {
    this.#tags = undefined
    this.#list = undefined
    for (const change of changes) this.#change(change)
  }

  changeNames(changes: readonly NameChange[]): void {
    for (const { name, isKnown } of changes) {
      if (isKnown) this.names.add(name)
      else this.names.delete(name)
    }
    if (this.names.size > MAX_NAMES) throw tooMany(`more than ${MAX_NAMES} names`, this.names.size)
  }

  /** The client is gone, and with it all that is below. */
  clear(): void {
    for (const node of this.#nodes.values()) node.isConnected = false
    this.#nodes.clear()
    this.#children.clear()
    this.#list = undefined
  }

  #change({ path, about, bytes }: NodeChange): void {
    const key = keyOf(path)
    if (about === undefined) return this.#remove(key)
    if (path.length > 1 && !this.#nodes.has(keyAbove(path)))
      throw tooMany('a node below one that is not there', path.length)
    const node = this.#nodes.get(key) ?? this.#added(key, path, about)
    node.change(about)
    this.#bytes += bytes - node.bytes
    node.bytes = bytes
    if (this.#nodes.size > MAX_NODES) throw tooMany(`more than ${MAX_NODES} nodes`, this.#nodes.size)
    if (this.#bytes > MAX_NODE_BYTES) throw tooMany(`more than ${MAX_NODE_BYTES} bytes of nodes`, this.#bytes)
  }

  #added(key: string, path: Path, about: NonNullable<NodeChange['about']>): KnownNode {
    const node = new KnownNode(this.#client, path, about)
    this.#nodes.set(key, node)
    if (path.length > 1) this.#childrenOf(keyAbove(path)).add(key)
    return node
  }

  #childrenOf(key: string): Set<string> {
    const known = this.#children.get(key)
    if (known !== undefined) return known
    const children = new Set<string>()
    this.#children.set(key, children)
    return children
  }

  /** With all that is below it: no deeper than a path is long. */
  #remove(key: string): void {
    const node = this.#nodes.get(key)
    if (node === undefined) return
    for (const child of this.#children.get(key) ?? []) this.#remove(child)
    this.#children.delete(key)
    this.#children.get(keyAbove(node.way))?.delete(key)
    this.#nodes.delete(key)
    this.#bytes -= node.bytes
    node.isConnected = false
  }
}

function tooMany(what: string, value: number): NetQueueError {
  return new NetQueueError('BAD_MESSAGE', `The peer told of ${what}`, { value })
}

import { defineMessages, type } from 'netqueue'
import type { Client, Messages, MessagesOptions, Server, ServerClient, TreeNode } from 'netqueue'
import { codeOf } from '../code-of.ts'
import type { Random } from '../random.ts'
import { Calls } from './calls.ts'
import type { Call } from './calls.ts'
import type { NodeLife } from './node-life.ts'
import type { TreeWorld } from './tree-world.ts'

type Texts = ReturnType<typeof type<string>>
type Name = 'up:ask' | 'up:list' | 'down:ask' | 'down:list'
type Note = 'up:note' | 'down:note'
type Definitions = Record<Name, { payload: Texts; reply: Texts }> & Record<Note, { payload: Texts }>
export type TalkMessages = Messages<Readonly<Definitions>>

type TalkClient = Client<string, string, TalkMessages>
type TalkServer = Server<string, string, TalkMessages>
/** A leaf, as the root knows it. */
type Leaf = ServerClient | TreeNode

const asked = { payload: type<string>(), reply: type<string>() }
const said = { payload: type<string>() }

/** What the root and the leaves define; relays know of nothing. */
const messages: TalkMessages = defineMessages({
  'up:ask': asked,
  'up:list': asked,
  'up:note': said,
  'down:ask': asked,
  'down:list': asked,
  'down:note': said,
})

/** Chunks of a streamed answer. */
const CHUNKS = 12

const KINDS = ['quick', 'quick', 'slow', 'fail', 'hang'] as const

/** All that is said in one tree beside items: through relays, which know nothing of it. */
export class TreeTalk {
  readonly registry: MessagesOptions<TalkMessages> = { messages }
  readonly #world: TreeWorld
  readonly #random: Random
  readonly #calls: Calls
  /** What each leaf was last told by the root, by number. */
  readonly #heardBy: Map<NodeLife, number> = new Map()
  /** What the root was last told by each leaf, on each way. */
  readonly #heardFrom: Map<string, number> = new Map()
  /** All that the root was told. */
  readonly #heardAtRoot: Set<string> = new Set()
  /** What each leaf has told it, and the sessions over which that went. */
  readonly #ways: Map<string, string> = new Map()
  #count = 0

  constructor(world: TreeWorld, random: Random) {
    this.#world = world
    this.#random = random
    this.#calls = new Calls(world)
  }

  /** The root answers, hears, asks and tells. */
  root(life: NodeLife, server: TalkServer): void {
    server.handle('up:ask', (payload, { signal }) => this.#answer(life, payload, signal))
    server.handle('up:list', (payload) => this.#list(life, payload))
    server.on('up:note', ({ payload }) => this.#hearAtRoot(payload))
    void this.#world.track(life.process, 'talks', this.#talkAtRoot(life, server))
  }

  /** A leaf does. */
  leaf(life: NodeLife, client: TalkClient): void {
    client.handle('down:ask', (payload, { signal }) => this.#answer(life, payload, signal))
    client.handle('down:list', (payload) => this.#list(life, payload))
    client.on('down:note', ({ payload }) => {
      const [number = '0'] = payload.split(' ')
      this.#hear(this.#heardBy, life, Number(number), life.name)
    })
    void this.#world.track(life.process, 'talks', this.#talkAtLeaf(life, client))
  }

  /** Whoever is below has told the one above something, in one of their sessions. */
  passed(note: string, session: string): void {
    // Before a short text is one byte that tells its length.
    const payload = note.slice(1)
    this.#ways.set(payload, `${this.#ways.get(payload) ?? ''} ${session}`)
  }

  /** When nothing fails any more: every request is answered, from each leaf and to each, and a message reaches all but one. */
  async checkCalm(
    life: NodeLife,
    server: TalkServer,
    leaves: readonly { life: NodeLife; client: TalkClient }[],
  ): Promise<void> {
    const known = this.#world.leavesAt(server).map(({ id }) => id)
    const isRight = known.length === leaves.length || !this.#world.isSingle
    this.#world.check(isRight, 'I33', `the root knows of ${known.join(' ')}, where ${leaves.length} leaves are there`)
    const calls = leaves.flatMap(({ life: leaf, client }) => {
      const node = this.#nodeOf(server, leaf)
      this.#world.check(node !== undefined, 'I33', `the root does not know of ${leaf.name}`)
      return [
        this.#mustAnswer(leaf, (key) => client.request('up:ask', key)),
        this.#mustAnswer(life, (key) => server.request('down:ask', key, { to: node })),
        this.#mustAnswer(life, (key) => server.request('down:ask', key)),
      ]
    })
    await Promise.all(calls)
    // Whoever has two above hears it from the other.
    const isExcepting = this.#world.isSingle && this.#random.chance(0.5)
    const except = isExcepting ? this.#random.pick(leaves).life : undefined
    const node = except && this.#nodeOf(server, except)
    const number = await this.#broadcast(server, except, node)
    await this.#world.sleep(life.process, 1_000)
    for (const { life: leaf } of leaves)
      this.#world.check(
        (this.#heardBy.get(leaf) === number) === (leaf !== except || node === undefined),
        'I20',
        `${leaf.name} heard ${this.#heardBy.get(leaf)} last, where ${number} was said to all but ${except?.name}`,
      )
    this.#calls.checkOver()
  }

  async #mustAnswer(life: NodeLife, ask: (key: string) => Promise<string>): Promise<void> {
    const call = this.#calls.begin(life, 'quick')
    const end = await this.#ended(call, ask(call.payload))
    this.#world.check(end === 'value', 'I13', `${call.key} of ${life.name} failed with ${end}, where nothing fails`)
  }

  async #talkAtRoot(life: NodeLife, server: TalkServer): Promise<void> {
    while (!this.#world.isCalm) {
      await this.#world.sleep(life.process, this.#random.between(10, 250))
      if (server.state !== 'listening') return
      const nodes = this.#world.leavesAt(server)
      const to = nodes.length > 0 && this.#random.chance(0.5) ? this.#random.pick(nodes) : undefined
      const how = this.#random.below(4)
      if (how === 0) {
        const { life: except, node } = this.#somebody(nodes)
        void this.#broadcast(server, except, node).catch(() => {})
      } else if (how === 1) {
        const call = this.#calls.begin(life, 'quick')
        void this.#read(call, server.stream('down:list', call.payload, { to, timeout: 2_000 }))
      } else {
        const call = this.#calls.begin(life, this.#random.pick(KINDS), to?.id)
        void this.#ended(call, server.request('down:ask', call.payload, { to, ...this.#limit(life, call) }))
      }
    }
  }

  async #talkAtLeaf(life: NodeLife, client: TalkClient): Promise<void> {
    for (let number = 1; !this.#world.isCalm; number += 1) {
      await this.#world.sleep(life.process, this.#random.between(20, 500))
      if (client.state !== 'connected' && client.state !== 'reconnecting') return
      const how = this.#random.below(4)
      if (how === 0) {
        this.#world.counts.messages += 1
        void client.send('up:note', `${life.name} ${number}`, { timeout: 500 }).catch(() => {})
      } else if (how === 1) {
        const call = this.#calls.begin(life, 'quick')
        void this.#read(call, client.stream('up:list', call.payload, { timeout: 2_000 }))
      } else {
        const call = this.#calls.begin(life, this.#random.pick(KINDS))
        void this.#ended(call, client.request('up:ask', call.payload, this.#limit(life, call)))
      }
    }
  }

  /** One that hangs is given up; others may be. */
  #limit({ process }: NodeLife, { kind }: Call): { timeout: number; signal?: AbortSignal } {
    if (kind !== 'hang' && this.#random.chance(0.7)) return { timeout: this.#random.integer(50, 2_000) }
    // Its time is never up here: whoever hangs must be told.
    const timeout = kind === 'hang' ? 600_000 : 2_000
    return { timeout, signal: this.#world.abortSoon(process, this.#random.between(0, kind === 'hang' ? 1_500 : 300)) }
  }

  async #ended(call: Call, answer: Promise<string>): Promise<string> {
    this.#world.counts.requests += 1
    try {
      const value = await this.#world.track(call.asker.process, `asks ${call.key}`, answer)
      this.#calls.answered(call, value)
      return 'value'
    } catch (error) {
      this.#calls.failed(call, error)
      return codeOf(error)
    }
  }

  /** Reads a streamed answer, whole or not. */
  async #read(call: Call, chunks: AsyncIterable<string>): Promise<void> {
    this.#world.counts.streams += 1
    const most = this.#random.chance(0.3) ? this.#random.below(CHUNKS) : CHUNKS
    let read = 0
    const reading = (async () => {
      for await (const chunk of chunks) {
        this.#world.check(chunk === `${call.key} ${read}`, 'I17', `${call.key}: chunk ${read} is ${chunk}`)
        this.#world.counts.chunks += 1
        read += 1
        if (this.#random.chance(0.3)) await this.#world.sleep(call.asker.process, this.#random.between(0, 10))
        if (read > most) return
      }
      this.#world.check(read === CHUNKS, 'I17', `${call.key} ended well after ${read} chunks, of ${CHUNKS}`)
    })()
    await this.#world.track(call.asker.process, `reads ${call.key}`, reading).catch((error: unknown) => {
      this.#calls.failed(call, error)
    })
    this.#calls.over(call)
  }

  async #answer(life: NodeLife, payload: string, signal: AbortSignal): Promise<string> {
    const call = this.#calls.began(life, payload)
    if (call?.kind === 'slow') await this.#world.sleep(life.process, life.random.between(0, 200))
    if (call?.kind === 'fail') throw new Error('the handler failed')
    if (call?.kind === 'hang') await this.#calls.hang(life, call, signal)
    return `re ${payload}`
  }

  async *#list(life: NodeLife, payload: string): AsyncGenerator<string, void> {
    const call = this.#calls.began(life, payload)
    const close = this.#calls.opened(life, payload)
    try {
      for (let index = 0; index < CHUNKS; index += 1) {
        if (life.random.chance(0.3)) await this.#world.sleep(life.process, life.random.between(0, 10))
        yield `${call?.key ?? payload} ${index}`
      }
    } finally {
      close()
    }
  }

  async #broadcast(server: TalkServer, except: NodeLife | undefined, node: Leaf | undefined): Promise<number> {
    this.#count += 1
    const number = this.#count
    this.#world.counts.broadcasts += 1
    const text = `${number} ${node === undefined ? '' : (except?.name ?? '')}`
    await server.broadcast('down:note', text, node === undefined ? {} : { except: [node] })
    return number
  }

  #somebody(nodes: readonly Leaf[]): { life?: NodeLife | undefined; node?: Leaf } {
    if (nodes.length === 0 || this.#random.chance(0.5)) return {}
    const node = this.#random.pick(nodes)
    return { node, life: this.#world.lives.find(({ name }) => name === node.id) }
  }

  #nodeOf(server: TalkServer, { name }: NodeLife): Leaf | undefined {
    return this.#world.leavesAt(server).find(({ id }) => id === name)
  }

  /** What came by a relay that is lost may come after what came later by the next one. */
  #hearAtRoot(payload: string): void {
    const [from = '', number = '0'] = payload.split(' ')
    const isNew = !this.#heardAtRoot.has(payload) || !this.#world.isSingle
    this.#world.check(isNew, 'I20', `root heard ${number} from ${from} twice`)
    this.#heardAtRoot.add(payload)
    const by = `${from} by${this.#ways.get(payload) ?? ''}`
    this.#hear(this.#heardFrom, by, Number(number), `root from ${by}`)
  }

  /** Messages of one sender come in order, each at most once, unless they come two ways. */
  #hear<K>(last: Map<K, number>, who: K, number: number, name: string): void {
    this.#world.counts.heard += 1
    const before = last.get(who) ?? 0
    this.#world.check(number > before || !this.#world.isSingle, 'I20', `${name} heard ${number} after ${before}`)
    last.set(who, number)
  }
}
